# Nothing joins these two, so each may use the prefix, and even the addresses, of the other.
network br-a isolated
network br-b isolated
router ra { nic in on br-a { address 10.0.0.254/24  dhcp on } }
router rb { nic in on br-b { address 10.0.0.254/24  dhcp on } }
vm a { nic on br-a { address 10.0.0.1/24 } }
vm b { nic on br-b { address 10.0.0.1/24 } }
expect a cannot reach b
