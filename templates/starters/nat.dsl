# Guests go out with the host's own address (SNAT); one port of the host leads in to a guest (DNAT).

lab nat

host {
    nic eth0 { address 192.168.0.162/24  gateway 192.168.0.1 }
}

network br0 nat {
    address 10.30.0.254/24
    via eth0  # the way out
    dhcp 10.30.0.100 - 10.30.0.200
    publish tcp 192.168.0.162:2222 to one:22  # from outside, the host and the guests
}

vm one {
    memory 128M
    disk /images/guest.qcow2 { overlay on }
    nic on br0 { address 10.30.0.10/24 }  # a DHCP reservation
}

expect one reaches 192.168.0.1
expect host reaches 192.168.0.162 tcp 2222
