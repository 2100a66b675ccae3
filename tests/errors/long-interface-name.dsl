network my-very-long-network isolated  #! long-interface-name: 20 bytes, 5 more than the 15 there is room for
router r { nic a-name-of-a-nic- on br0 }  #! long-interface-name
