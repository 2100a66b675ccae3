network br0 routed  #! network-without-address: the host is its gateway and needs one
network br1 nat { via ens33 }  #! network-without-address
