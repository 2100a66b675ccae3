network br0 isloated  #! wrong-value
network br1 isolated {
    address 10.0.0.256/24  #! wrong-value: more than 255
    address 10.0.0.010/24  #! wrong-value: starts with 0
    address 10.0.1/24  #! wrong-value: found 3
    address 10.0.0.1/33  #! wrong-value: expected a number from 0 to 32
    address 10.0.0.1/255.255.255.0  #! wrong-value
    lease 10s  #! wrong-value
    mtu 12  #! wrong-value
    mac 52-54-00-11-22-33  #! wrong-value
}
router r { route 10.0.0.1/24 via 10.0.0.2 }  #! wrong-value: host bits are set
vm a {
    memory 128X  #! wrong-value: not a unit
    disk images/a.img  #! wrong-value: does not start with `/`
    boot dd  #! wrong-value: twice
    display vnc 1  #! wrong-value
}
