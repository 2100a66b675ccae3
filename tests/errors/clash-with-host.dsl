host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1  dns 10.7.0.53 } }
network br0 isolated { address 192.168.9.254/24 }  #! clash-with-host: `br0` would be a second way to it
network br1 nat {
    address 10.0.0.254/24
    via ens33
    publish 192.168.0.162 to a  #! clash-with-host: all that is sent to the host would go to `a`
}
network br2 routed { address 192.0.0.1/8 }  #! clash-with-host: `br2` would be a second way to it
network br3 isolated { address 10.7.0.254/24 }  #! clash-with-host: 10.7.0.0/24 holds that address
vm a { nic on br1 { address 10.0.0.1/24 } }
