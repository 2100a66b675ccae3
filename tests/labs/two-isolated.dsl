# The notes, section 1.1: two virtual subnets, each with a DHCP server that the other cannot see.
network br-a isolated { address 10.1.0.254/24  dhcp on }
network br-b isolated { address 10.2.0.254/24  dhcp on }

for net in a b {
    for i in 1..2 {
        vm ${net}${i} {
            memory 128M
            disk /srv/images/guest.qcow2 { overlay on }
            nic on br-$net { address auto }
        }
    }
}

expect a1 reaches a2
expect b1 reaches b2
expect a1 cannot reach b1
