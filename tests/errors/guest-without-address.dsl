network br0 isolated
network br1 isolated
vm a { nic on br0 }  #! guest-without-address: no DHCP, and no `address` here
# A link makes one network of two, so br2's server serves these.
network br2 isolated { address 10.0.0.254/24  dhcp on }
link br1 - br2
vm b { nic on br1 }
# On the LAN there may be a server.
network br3 bridged { uplink ens33 }
vm c { nic on br3 }
