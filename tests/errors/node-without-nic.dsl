namespace a  #! node-without-nic: connected to nothing
router r { loopback 10.0.0.1/32 }  #! node-without-nic
