host { nic ens33 }
network br0 bridged { uplink ens34 }  #! not-defined
network br1 nat { address 10.1.0.254/24  via eth9 }  #! not-defined
vm a { nic on br-im }  #! not-defined
router r {
    nic in on br1 { address 10.1.0.1/24 }
    route default dev inn  #! not-defined
    nat all via out  #! not-defined
    publish 192.0.2.1 to c  #! not-defined
    bridge sw { port x }  #! not-defined
}
link r.in2 - s.e  #! not-defined
expect a reaches z  #! not-defined
