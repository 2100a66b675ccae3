host {
    nic ens33 { address 192.168.0.162/24 }
    nic ens34 { address 192.168.0.163/24 }
}
network br0 isolated
network br1 isolated
network br2 isolated
link br0 - br1
link br1 - br2
link br2 - br0  #! bridge-loop: this closes the loop

network br3 isolated
link br3 - br3  #! bridge-loop: this closes the loop

# Two nics of the host in one subnet are on one LAN.
network br4 bridged { uplink ens33 }
network br5 bridged { uplink ens34 }  #! bridge-loop: this closes the loop
link br4 - br5

# A switch inside a namespace with two cables to one network.
network br6 isolated
namespace a {
    nic one on br6
    nic two on br6  #! bridge-loop: this closes the loop
    bridge sw { port one two }
}

# And two of them with two cables between.
namespace b { bridge sw { port e f } }
namespace c { bridge sw { port e f } }
link b.e - c.e
link b.f - c.f  #! bridge-loop: this closes the loop

# One that speaks STP is enough.
network br7 isolated { stp on }
network br8 isolated
link br7 - br8
link br7 - br8
