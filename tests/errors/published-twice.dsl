network br0 nat {
    address 10.0.0.254/24
    via ens33
    publish tcp 192.168.0.9:80 to a
    publish tcp 192.168.0.9:80 to a:8080  #! published-twice: this leads to `a`
    publish udp 192.168.0.9:80 to a
    publish 192.168.0.9 to b   # all other ports: the single ones go first
}
network br1 nat {
    address 10.0.1.254/24
    via ens33
    publish 192.168.0.9 to c  #! published-twice: this leads to `c`
}
vm a { nic on br0 { address 10.0.0.1/24 } }
vm b { nic on br0 { address 10.0.0.2/24 } }
vm c { nic on br1 { address 10.0.1.1/24 } }
