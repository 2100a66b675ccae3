vm a { memory 128M { } }  #! block-not-allowed
