host { nic ens33 { address 192.168.0.162/24 } }
network br-ex bridged { uplink ens33 }
router r1 { nic rexr on br-ex { address 192.168.0.200/24  dhcp 192.168.0.100 - 192.168.0.120 } }  #! dhcp-on-lan: `ens33` leads out
