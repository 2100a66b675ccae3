network br0 isolated
network br1 isolated { address 10.0.1.254/24 }
vm a { nic on br0 { address 10.0.0.1/24 } }
vm b { nic on br0 { address 10.0.0.2/24 } }
vm c { nic on br1 { address 10.0.1.1/24 } }
expect a reaches c  #! contradicted-expect: no network, link or router joins the two
expect a reaches c tcp 80  #! contradicted-expect
expect host reaches a  #! contradicted-expect
expect a reaches 192.0.2.1  #! contradicted-expect: nothing that it is joined to has this address
expect a cannot reach b  #! contradicted-expect: both are in the same subnet of the same network
expect c cannot reach host  #! contradicted-expect
# All of these may be so.
expect a cannot reach b tcp 80
expect a cannot reach c
expect a reaches b
expect a reaches 10.0.0.77
expect host reaches c
