network br0 isolated { address 10.0.0.254/24 }
network br1 isolated { address 10.0.0.253/24 }  #! ambiguous-subnet: and here
network br2 isolated
network br3 isolated
namespace a {
    nic one on br2 { address 10.0.0.1/24 }
    nic two on br3 { address 10.0.0.2/24 }  #! ambiguous-subnet: and here
}
