namespace a {
    loopback 10.255.0.1/32
    route default via 10.0.0.2 src 10.0.0.9  #! route-source: the kernel refuses a source that it does not have
    route 10.9.0.0/16 via 10.0.0.2 src 10.255.0.1
}
namespace b
link a.e 10.0.0.1/24 - b.e 10.0.0.2/24
