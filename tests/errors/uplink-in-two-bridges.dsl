network br0 bridged { uplink ens33 }
network br1 bridged { uplink ens33 }  #! uplink-in-two-bridges: again here, of `br1`
