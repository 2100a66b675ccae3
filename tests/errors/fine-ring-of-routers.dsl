# Each router sends what is not its own to the right, and the last one out: a ring of cables, no loop of routes.
network br-ex bridged { uplink ens33 }
for i in 1..4 {
    router r$i { route default via 10.0.$i.2 }
    link r$i.right 10.0.$i.1/24 - r${i+1}.left 10.0.$i.2/24
}
router r5 {
    nic out on br-ex { address 192.168.0.200/24 }
    route default via 192.168.0.1
    nat all via out
    for i in 1..3 { route 10.0.$i.0/24 via 10.0.5.2 }
}
link r5.right 10.0.5.1/24 - r1.left 10.0.5.2/24
