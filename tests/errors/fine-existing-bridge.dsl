# A bridge that is there already, with the host's address on it.
host { nic br0 { address 192.168.0.162/16  gateway 192.168.0.1 } }
network br0 bridged { external }
network br-nt nat { address 10.0.0.254/24  via br0  dhcp on }
vm a { nic on br0 { address 192.168.0.9/16 } }
vm b { nic on br-nt }
expect a reaches host
expect b reaches a
