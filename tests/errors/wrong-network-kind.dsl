network br0 isolated { uplink eth0 }  #! wrong-network-kind
network br1 routed { address 10.0.0.254/24  via eth0 }  #! wrong-network-kind
network br2 isolated { publish tcp 192.0.2.1:80 to a }  #! wrong-network-kind
network br3 bridged { uplink eth0  nat to 192.0.2.1 }  #! wrong-network-kind
vm a { nic on br2 { address 10.2.0.1/24 } }
