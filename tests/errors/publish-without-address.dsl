network br0 isolated
router r { publish 192.0.2.1 to a }  #! publish-without-address
vm a { nic on br0 }
