host { nic ens33 { address 192.168.0.162/24 } }
network br0 nat {
    address 10.0.0.254/24
    publish 192.168.1.9 to a  #! published-elsewhere: in no subnet of the host
    publish 192.168.0.9 to a
}
router r {
    nic e on br0 { address 10.0.0.2/24 }
    nic i { address 10.1.0.1/24 }
    publish tcp 10.0.1.2:80 to b  #! published-elsewhere: in no subnet of `r`
    route default via 10.0.0.254
}
namespace b
link r.i - b.e 10.1.0.2/24
vm a { nic on br0 { address 10.0.0.1/24 } }
