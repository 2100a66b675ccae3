vm a { disk /images/"my disk.img" }  #! missing-blank
