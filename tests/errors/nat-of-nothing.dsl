router r {
    nat 10.9.0.0/24 via out  #! nat-of-nothing: neither a subnet of its nics nor of its routes
    nat 10.0.0.0/16 via out
    nat 10.8.0.0/24 via out
    route 10.8.0.0/16 via 10.0.0.1
    route default via 10.1.0.1
}
router a {
    loopback 10.8.0.1/32
    route 10.8.0.0/16 discard
    route default via 10.0.0.254
}
namespace b
link r.in 10.0.0.254/24 - a.e 10.0.0.1/24
link r.out 10.1.0.254/24 - b.e 10.1.0.1/24
