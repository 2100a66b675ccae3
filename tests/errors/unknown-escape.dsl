vm a { disk "C:\images\a.img" }  #! unknown-escape #! unknown-escape
