# The host says what is on a network; where it has no address there, the routers do.
host { nic ens33 { address 192.168.0.162/16 } }
network br-ex bridged { uplink ens33 }
network br-rt routed { address 10.20.0.254/24 }
network br-in isolated
router r1 {
    nic rinr on br-in { address 10.10.10.254/24 }
    nic rexr on br-ex { address 192.186.0.200/16 }  #! address-outside-network: not in 192.168.0.0/16
    # The next one would do if the address above were right, so it is no second mistake.
    route default via 192.168.0.1
}
vm a { nic on br-rt { address 10.20.1.1/24  gateway 10.20.0.254 } }  #! address-outside-network: not in 10.20.0.0/24
vm z { nic on br-rt { address 10.21.0.1/24  gateway 10.21.0.254 } }  #! address-outside-network: not in 10.20.0.0/24
vm b { nic on br-in { address 10.10.0.1/24 } }  #! address-outside-network: not in 10.10.10.0/24
namespace c { nic e }
link r1.wan 10.99.0.1/24 - c.e 10.98.0.2/24  #! address-outside-network: not in 10.99.0.0/24
