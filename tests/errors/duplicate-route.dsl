namespace a {
    route default via 10.0.0.2
    route default via 10.0.0.3  #! duplicate-route: the second one
    route default via 10.0.0.3 metric 10
    route 10.9.0.0/16 via 10.0.0.2 metric 5
    route 10.9.0.0/16 discard metric 5  #! duplicate-route: the second one
    route 10.0.0.0/24 via 10.0.0.2  #! duplicate-route: a second way to it
}
namespace b { nic e { address 10.0.0.3/24 } }
link a.e 10.0.0.1/24 - b.e 10.0.0.2/24
