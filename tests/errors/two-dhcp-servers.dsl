network br0 isolated { address 10.0.0.254/24  dhcp on }
router r { nic in on br0 { address 10.0.0.1/24  dhcp 10.0.0.50 - 10.0.0.60 } }  #! two-dhcp-servers: a second server, by `r`
# A link makes one network of two.
network br1 isolated { address 10.1.0.254/24  dhcp on }
network br2 isolated { address 10.1.0.253/24  dhcp 10.1.0.20 - 10.1.0.30 }  #! two-dhcp-servers: a second server, by the host
link br1 - br2
