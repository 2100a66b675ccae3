network br0 routed { address 10.0.0.254/16 }
network br1 routed { address 10.0.1.254/24  overlap allowed }
vm a { nic on br0 { address 10.0.1.1/16 } }
vm b { nic on br1 { address 10.0.1.1/24 } }
