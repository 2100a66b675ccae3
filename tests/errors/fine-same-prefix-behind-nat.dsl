# Two homes on one LAN. What NAT hides may be used again.
host { nic ens33 { address 192.168.0.162/24  gateway 192.168.0.1 } }
network br-ex bridged { uplink ens33 }
for i in 1..2 {
    network br-$i isolated
    router r$i {
        nic in on br-$i { address 10.0.0.254/24  dhcp on }
        nic out on br-ex { address 192.168.0.20$i/24 }
        route default via 192.168.0.1
        nat 10.0.0.0/24 via out
    }
    vm v$i { nic on br-$i { address 10.0.0.1/24 } }
}
