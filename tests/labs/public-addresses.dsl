# The notes, section 1.3: several addresses outside, one for each guest (1:1, both directions), and one port of the
# router's own address for a guest that has none. All are reached from outside, from the host and from the guests.
host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 }
}
network br-ex bridged { uplink ens33 }
network br-in isolated

router r1 {
    nic rinr on br-in { address 10.10.10.254/24  dhcp on }
    nic rexr on br-ex { address 192.168.0.200/16 }
    route default via 192.168.0.1
    nat 10.10.10.0/24 via rexr
    publish 192.168.0.201 to web
    publish 192.168.0.202 to mail
    publish tcp 192.168.0.200:2222 to shell:22
}

for name in web mail shell {
    vm $name {
        memory 128M
        disk /srv/images/guest.qcow2 { overlay on }
        nic on br-in { address auto }
    }
}

expect host  reaches 192.168.0.201 tcp 80
expect host  reaches 192.168.0.200 tcp 2222
expect shell reaches 192.168.0.202 tcp 80
expect web   reaches 203.0.113.7
