# A network inside, the LAN outside, and a router between them: a network namespace with a leg in each.

lab router

host {
    nic eth0 { address 192.168.0.162/24  gateway 192.168.0.1 }
}

network br-ex bridged { uplink eth0 }  # the host's address and routes move to br-ex
network br-in isolated                 # a switch and nothing else

router r1 {
    nic inside on br-in { address 10.10.10.254/24  dhcp on }
    nic outside on br-ex { address 192.168.0.200/24 }
    route default via 192.168.0.1
    nat 10.10.10.0/24 via outside             # SNAT to outside's address
    publish tcp 192.168.0.200:2222 to one:22  # DNAT
}

vm one {
    memory 128M
    disk /images/guest.qcow2 { overlay on }
    nic on br-in { address auto }
}

vm two {
    memory 128M
    disk /images/guest.qcow2 { overlay on }
    nic on br-in { address auto }
}

expect one reaches two
expect one reaches 192.168.0.1
expect host reaches 192.168.0.200 tcp 2222
