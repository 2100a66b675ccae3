# The notes, sections 1.2 and 3.2: the bridge has an address of the host, which is the guests' gateway; the host
# forwards (ip_forward) and hides nobody.
host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 }
}
network br0 routed { address 10.20.0.254/24 }

vm test {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic vif0.0 on br0 { address 10.20.0.1/24 }
}

expect host reaches test
expect test reaches host
