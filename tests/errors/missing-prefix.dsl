network br0 isolated { address 10.0.0.254 }  #! missing-prefix: read as /24
