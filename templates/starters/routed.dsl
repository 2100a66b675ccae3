# The host is the guests' gateway. It forwards and hides nobody, so the outside needs a route back.

lab routed

host {
    nic eth0 { address 192.168.0.162/24  gateway 192.168.0.1 }
}

network br0 routed {
    address 10.20.0.254/24
    dhcp on
}

vm one {
    memory 128M
    disk /images/guest.qcow2 { overlay on }
    nic on br0 { address auto }
}

expect host reaches one
