network br0 isolated { address 224.0.0.5/24 }  #! unusable-address: 224.0.0.0/4 is multicast
network br1 isolated { address 127.0.1.1/24 }  #! unusable-address: never leaves a machine
namespace a { loopback 127.0.1.2/8; nic e on br0 { address 240.0.0.1/24 } }  #! unusable-address #! address-outside-network
