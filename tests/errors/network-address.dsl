network br0 isolated { address 10.0.0.0/24 }  #! network-address: the first address of 10.0.0.0/24
network br1 isolated
vm a { nic on br1 { address 10.1.0.64/26 } }  #! network-address: the first address of 10.1.0.64/26
