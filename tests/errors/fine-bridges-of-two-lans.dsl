# Two bridges on nics of different LANs, joined by a link: no loop.
host {
    nic ens33 { address 192.168.0.162/24 }
    nic ens34 { address 192.168.1.162/24 }
}
network br0 bridged { uplink ens33 }
network br1 bridged { uplink ens34  overlap allowed }
link br0 - br1
