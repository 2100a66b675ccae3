host { nic ens33 { address 192.168.0.162/24  gateway 192.168.0.162 } }  #! gateway-is-self
network br0 routed { address 10.0.0.254/24 }
vm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.0.1 } }  #! gateway-is-self: a gateway is somebody else
namespace b {
    nic e on br0 { address 10.0.0.2/24 }
    route default via 10.0.0.2  #! gateway-is-self: a gateway is somebody else
}
