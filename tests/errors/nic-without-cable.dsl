namespace a { nic eth0 }  #! nic-without-cable
