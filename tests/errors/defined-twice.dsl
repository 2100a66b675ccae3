host { nic ens33 }
network br0 isolated
network br0 isolated  #! defined-twice: used again here
network ens33 isolated  #! defined-twice
vm a { nic br0 on br0 }  #! defined-twice
vm b { nic vf1.0 on br0 }
vm b { nic vf1.0 on br0 }  #! defined-twice #! defined-twice
router a  #! defined-twice
router r {
    nic e on br0
    nic e on br0  #! defined-twice
}
