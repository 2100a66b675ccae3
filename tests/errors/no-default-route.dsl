network br0 nat { address 10.0.0.254/24  via ens33 }
network br1 isolated
network br2 bridged { uplink ens34 }
namespace a { nic e on br0 { address 10.0.0.1/24 } }  #! no-default-route: it reaches its own subnets only
namespace b { nic e on br1 { address 10.1.0.1/24 } }  #! no-default-route
router r {  #! no-default-route: it knows no way to anything outside
    nic in on br1 { address 10.1.0.254/24 }
    nic out on br2 { address 192.168.0.200/24 }
    nat all via out
}
vm c { nic on br1 { address 10.7.0.1/32 } }  #! no-default-route: none is in the subnet of this address
