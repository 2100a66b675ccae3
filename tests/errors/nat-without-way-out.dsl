network br0 isolated
network br1 nat { address 10.1.0.254/24  via br0 }  #! nat-without-way-out: `br0` is isolated
network br2 nat { address 10.2.0.254/24  via br1 }  #! nat-without-way-out: `br1` is nat
router r {
    nic in on br0 { address 10.0.0.254/24 }
    nic out on br1
    nat all via out  #! nat-without-way-out: has no address to go out with
    route default dev out
}
