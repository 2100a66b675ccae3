network br0 isolated { address 10.0.0.255/24 }  #! broadcast-address: the last address of 10.0.0.0/24
namespace a { nic e on br0 { address 10.0.0.255/24 } }  #! broadcast-address #! duplicate-address
