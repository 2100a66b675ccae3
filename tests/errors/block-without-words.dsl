vm a { memory 128M }
network br0 isolated
; { memory 256M }  #! block-without-words
