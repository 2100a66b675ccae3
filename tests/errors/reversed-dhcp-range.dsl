network br0 isolated { address 10.0.0.254/24  dhcp 10.0.0.200 - 10.0.0.100 }  #! reversed-dhcp-range
