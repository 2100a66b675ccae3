network br0 isolated { dhcp 10.0.0.100 - 10.0.0.200 }  #! dhcp-without-address: a server answers from an address of its own
network br1 isolated
namespace a { nic e on br1 { dhcp 10.0.1.100 - 10.0.1.200 } }  #! dhcp-without-address #! nic-without-address
