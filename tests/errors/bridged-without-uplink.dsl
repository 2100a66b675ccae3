network br0 bridged  #! bridged-without-uplink
network br1 bridged { external }
