namespace a {
    nic f { address 10.2.0.1/24 }
    route default via 10.0.1.2  #! route-through-nothing: in no subnet of its nics
    route 10.9.0.0/16 via 10.0.0.2 dev f  #! route-through-nothing: in no subnet of `f`
    route 10.8.0.1 dev e
    route 10.8.0.0/16 via 10.8.0.1   # a neighbour by the route before
}
namespace b
link a.e 10.0.0.1/24 - b.e 10.0.0.2/24
link a.f - b.f 10.2.0.2/24
