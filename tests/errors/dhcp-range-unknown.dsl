network br0 isolated { dhcp on }  #! dhcp-range-unknown
network br1 isolated { address 10.0.0.1/31  dhcp on }  #! dhcp-range-unknown
