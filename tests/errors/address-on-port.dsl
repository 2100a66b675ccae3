router r {
    nic a { address 10.0.0.1/24 }  #! address-on-port: `a` is a port of the bridge `sw`
    nic b
    bridge sw { port a b }
}
namespace x
namespace y
link r.a - x.e 10.0.0.2/24
link r.b - y.e 10.0.0.3/24
