network br0 routed { address 10.0.0.254/24 }
vm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.0.253 } }  #! gateway-of-nobody: not an address of anything on `br0`
namespace b {
    nic e on br0 { address 10.0.0.2/24 }
    route default via 10.0.0.245  #! gateway-of-nobody: not an address of anything that `e` is connected to
}
# Here a guest may have it: nobody wrote what address it has.
network br1 routed { address 10.0.1.254/24 }
vm c { nic on br1 { address 10.0.1.1/24  gateway 10.0.1.253 } }
vm d { nic on br1 }  #! guest-without-address
