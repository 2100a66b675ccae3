network br0 isolated  #! unexpected-character
