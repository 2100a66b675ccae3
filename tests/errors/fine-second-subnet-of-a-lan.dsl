# The LAN has public addresses too, with a gateway of their own, which the host has no need to know.
host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 } }
network br-ex bridged { uplink ens33 }
router r1 {
    nic rexr on br-ex { address 203.0.113.2/28 }
    route default via 203.0.113.1
}
vm a { nic on br-ex { address 203.0.113.3/28  gateway 203.0.113.1 } }
