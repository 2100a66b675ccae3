network br0 isolated
network br1 isolated { address 10.0.1.254/24 }
vm a { nic on br0 { address 10.0.0.1/24 } }
vm b { nic on br0 { address 10.0.0.2/24 } }
vm c { nic on br1 { address 10.0.1.1/24 } }
router r {
    nic e0 on br0 { address 10.0.0.254/24 }
    nic e1 on br1 { address 10.0.1.253/24 }
    route 10.0.9.0/24 discard
}
namespace d {
    nic e on br1 { address 10.0.1.2/24 }
    route default via 10.0.1.253
}
namespace e {
    nic e on br0 { address 10.0.0.3/24 }
    route default via 10.0.0.254
}
namespace f { nic e on br1 { address 10.0.1.3/24 } }
expect f reaches a  #! contradicted-expect: the packet ends at `f`
expect a reaches f tcp 80  #! contradicted-expect: the answer ends at `f`
expect host reaches a  #! contradicted-expect: no route
expect a reaches 192.0.2.1  #! contradicted-expect: the packet ends at `r`
expect a reaches 10.0.0.77  #! contradicted-expect: the packet ends at `a`
expect d reaches 10.0.9.1  #! contradicted-expect: the packet ends at `r`
expect a cannot reach b  #! contradicted-expect: both are in the same subnet of the same network
expect d cannot reach e  #! contradicted-expect: by way of `r`
expect c cannot reach host  #! contradicted-expect
# All of these may be so.
expect a cannot reach b tcp 80
expect f cannot reach a
expect a reaches b
expect a reaches c
expect d reaches e
expect host reaches c
