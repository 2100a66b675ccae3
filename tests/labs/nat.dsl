# The notes, sections 1.3 and 3.2: guests go out with the host's address.
host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 }
}
network br0 nat {
    address 10.30.0.254/24
    via ens33
    dhcp 10.30.0.100 - 10.30.0.200
    publish tcp 192.168.0.162:2222 to test:22
}

vm test {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic vif0.0 on br0 { address 10.30.0.10/24 }
}
vm test1 {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic vif1.0 on br0 { address auto }
}

expect test  reaches test1
expect test  reaches 192.168.0.1
expect test  reaches 203.0.113.7
expect test1 reaches 192.168.0.162 tcp 2222
expect host  reaches 192.168.0.162 tcp 2222
