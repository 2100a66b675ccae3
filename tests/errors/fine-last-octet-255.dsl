network br0 isolated { address 10.0.0.255/8 }
vm a { nic on br0 { address 10.0.1.0/8 } }
vm b { nic on br0 { address 10.255.255.254/8 } }
