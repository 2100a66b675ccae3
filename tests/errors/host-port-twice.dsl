network br0 nat {
    address 10.0.0.254/24
    via ens33
    publish tcp 192.168.0.162:5901 to d:22   # not on 127.0.0.1
    publish tcp 192.168.0.162:2200 to d:23
}
vm a { nic user { forward tcp 2200 to 22 } }
vm b { nic user { forward tcp 2200 to 22; forward udp 2200 to 22 } }  #! host-port-twice: again here, for `b`
vm c { display vnc :1; nic user { forward tcp 5902 to 22 } }
vm d {
    display vnc :1  #! host-port-twice: again here, for the screen of `d`
    nic on br0 { address 10.0.0.1/24 }
}
vm e { display vnc :2 }  #! host-port-twice: again here, for the screen of `e`
