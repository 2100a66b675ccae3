network br0 isolated { address 10.0.0.254/24  dhcp 10.0.0.0 - 10.0.0.255 }  #! dhcp-range-taken #! dhcp-range-taken #! dhcp-range-taken
network br1 isolated { address 10.1.0.254/24  dhcp 10.1.0.100 - 10.1.0.200 }  #! dhcp-range-taken: may be leased
namespace a { nic e on br1 { address 10.1.0.150/24 } }
vm b { nic on br1 { address 10.1.0.151/24 } }   # a reservation, which is no clash
