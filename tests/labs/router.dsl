# The notes, section 5: br-ex with the uplink, br-in with the guests, and between them a router that is a network
# namespace: rinr inside, rexr outside, forwarding, SNAT and DHCP.
host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 }
}
network br-ex bridged { uplink ens33 }
network br-in isolated

router r1 {
    nic rinr on br-in { address 10.10.10.254/24  dhcp 10.10.10.100 - 10.10.10.200 }
    nic rexr on br-ex { address 192.168.0.200/16 }
    route default via 192.168.0.1
    nat 10.10.10.0/24 via rexr
}

vm cirros1 {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic vf1.0 on br-in { mac 52:54:00:11:22:33  address 10.10.10.1/24 }
}
vm cirros2 {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic vf2.0 on br-in { mac 52:54:00:11:22:44  address 10.10.10.2/24 }
}

expect cirros1 reaches cirros2
expect cirros1 reaches r1
expect cirros1 reaches 192.168.0.9
expect cirros2 reaches 203.0.113.7
