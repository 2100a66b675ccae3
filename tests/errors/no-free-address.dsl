network br0 isolated { address 10.0.0.1/30 }
for i in 1..2 { vm v$i { nic on br0 { address auto } } }  #! no-free-address
