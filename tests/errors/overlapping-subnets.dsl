# The host is between these two.
network br0 routed { address 10.0.5.254/24 }
network br1 routed { address 10.0.5.1/25 }  #! overlapping-subnets: the host cannot tell this one
# A router between two networks.
network br2 isolated
network br3 isolated
router r1 {
    nic a on br2 { address 10.1.0.1/24 }
    nic b on br3 { address 10.1.0.2/24 }  #! overlapping-subnets: `r1` cannot tell this one
}
# Two routers, one behind the other.
router r2 {
    nic up { address 10.99.0.1/30 }
    nic lan { address 10.2.0.1/24 }
}
router r3 {
    nic down { address 10.99.0.2/30 }
    nic lan { address 10.2.0.1/16 }  #! overlapping-subnets: the routers between them cannot tell this one #! duplicate-address
}
namespace a { route default via 10.2.0.1 }
namespace b { route default via 10.2.0.1 }
link r2.up - r3.down
link r2.lan - a.e 10.2.0.2/24
link r3.lan - b.e 10.2.0.3/16
