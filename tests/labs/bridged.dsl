# The notes, sections 1.4 and 3.3: the NIC becomes a port of the bridge; the host's address, its prefix (/16, not
# /32) and its default route move to the bridge.
host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 }
}
network br0 bridged { uplink ens33 }

vm test {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic vif0.0 on br0 { address 192.168.1.51/16  gateway 192.168.0.1 }
}

expect host reaches 203.0.113.7
expect test reaches 192.168.0.9
expect test reaches host
