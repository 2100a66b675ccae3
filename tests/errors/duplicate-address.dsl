host { nic ens33 { address 192.168.0.162/24  gateway 192.168.0.1  dns 192.168.0.2 } }
network br-ex bridged { uplink ens33 }
network br-in isolated
network br-rt routed { address 10.20.0.254/24 }
router r1 {
    nic rinr on br-in { address 10.10.10.254/24 }
    nic rexr on br-ex { address 192.168.0.200/24 }
    publish tcp 192.168.0.200:80 to a
    publish 192.168.0.162 to b  #! duplicate-address: used again here, by `r1`
}
router r2 {
    nic rexr on br-ex { address 192.168.0.1/24 }  #! duplicate-address: used again here, by `r2`
    nic rtr on br-rt { address 10.20.0.253/24 }
    loopback 10.20.0.7/32
}
vm a { nic on br-in { address 10.10.10.1/24 } }
vm b { nic on br-in { address 10.10.10.1/24 } }  #! duplicate-address: used again here, by `b`
vm c { nic on br-in { address 10.10.10.254/24 } }  #! duplicate-address: used again here, by `c`
vm d { nic on br-ex { address 192.168.0.2/24 } }   # the host's name server may well be a guest
vm e { nic on br-rt { address 10.20.0.7/24 } }  #! duplicate-address: used again here, by `e`
for i in 1..2 {
    vm f$i { nic on br-rt { address 10.20.0.9/24 } }  #! duplicate-address: used again here, by `f2`
}
