# The notes, sections 1.1 and 3.1: two guests on a bridge of their own. Each has a MAC of its own, or they could
# not talk to each other.
network br0 isolated { stp off }

vm test {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on  cache writeback }
    nic vif0.0 on br0 { mac 52:54:00:12:34:56  address 10.0.0.1/24 }
}
vm test1 {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on  cache writeback }
    nic vif1.0 on br0 { mac 52:54:00:12:34:57  address 10.0.0.2/24 }
}

expect test  reaches test1
expect test1 reaches test
