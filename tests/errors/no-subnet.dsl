network br0 isolated
vm a { nic on br0 { address auto } }  #! no-subnet
