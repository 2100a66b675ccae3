# Whether a guest forwards is for the guest to say.
network br0 isolated
network br1 isolated
vm firewall {
    nic on br0 { address 10.0.0.254/24 }
    nic on br1 { address 10.0.1.254/24 }
}
vm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.0.254 } }
namespace b {
    nic e on br1 { address 10.0.1.1/24 }
    route default via 10.0.1.254
}
expect a reaches b
