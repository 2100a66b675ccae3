host { nic ens33 { address 192.168.0.162/24  gateway 192.168.1.1 } }  #! gateway-outside-subnet: not a neighbour
network br0 routed { address 10.0.0.254/24 }
vm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.1.254 } }  #! gateway-outside-subnet: not a neighbour
network br1 routed { address 10.0.1.254/24  dhcp on }
vm b { nic on br1 { gateway 10.0.0.254 } }  #! gateway-outside-subnet: not a neighbour
