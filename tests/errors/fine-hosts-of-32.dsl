# A /32 host names its gateway by the nic, as at a hosting provider.
network br0 routed { address 10.0.0.254/24 }
namespace a {
    nic e on br0 { address 203.0.113.7/32 }
    route default via 10.0.0.254 dev e
}
namespace b {
    nic e on br0 { address 203.0.113.8/32 }
    route 10.0.0.254/32 dev e
    route default via 10.0.0.254
}
vm c { nic on br0 { address 203.0.113.9/32  gateway 10.0.0.254 } }
# One address for a router and all its unnumbered links.
router r {
    loopback 10.255.0.1/32
    nic one { address 10.255.0.1/32 }
    nic two { address 10.255.0.1/32 }
    route 10.255.0.2 dev one
    route 10.255.0.3 dev two
}
router s { route 10.255.0.1 dev e }
router t { route 10.255.0.1 dev e }
link r.one - s.e 10.255.0.2/32
link r.two - t.e 10.255.0.3/32
