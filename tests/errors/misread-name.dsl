network tunnel0 isolated  #! misread-name: `ifup` of EL would run `ifup-tunnel` for it
network ib3 isolated  #! misread-name
network dhcp-range isolated  #! misread-name: passes over files with `-range` in their name
network a-range-2 isolated  #! misread-name
network ipsec0 isolated  #! misread-name: would run `ifup-ipsec`
network cipcb0 isolated  #! misread-name: takes it for a tunnel
network post isolated { external }
network br0 isolated
vm a { nic routes1 on br0 { address 10.0.0.1/24 } }  #! misread-name
vm b { nic vf1.bak on br0 { address 10.0.0.2/24 } }  #! misread-name
vm tunnel { nic on br0 { address 10.0.0.3/24 } }   # its tap is tunnel.0, which has more than letters
namespace post { nic post on br0 { address 10.0.0.4/24 } }   # not in the host's files
