network br0 isolated { address 10.0.0.254/24  dhcp 10.0.1.100 - 10.0.1.200 }  #! dhcp-range-outside-subnet: not in 10.0.0.0/24
network br1 isolated { address 10.1.0.254/25  dhcp 10.1.0.100 - 10.1.0.253 }  #! dhcp-range-outside-subnet: not in 10.1.0.128/25
network br2 isolated
router r { nic in on br2 { address 10.2.0.254/24  dhcp 10.2.0.100 - 10.2.1.100 } }  #! dhcp-range-outside-subnet: not in
