network br0 isolated { mac 01:00:5e:00:00:01 }  #! multicast-mac
vm a { nic on br0 { mac 53:54:00:11:22:33 } }  #! multicast-mac
