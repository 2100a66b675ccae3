namespace a {
    bridge one { port e }
    bridge two { port e }  #! port-in-two-bridges: a port of `two`
}
namespace b
link a.e - b.e 10.0.0.1/24
