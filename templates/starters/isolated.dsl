# Two guests on a switch of their own: they reach each other and nothing else.
#
#   kvmgen build lab.dsl > setup.sh      then, as root:  bash setup.sh up

lab isolated

# A bridge is a switch in the kernel. With an address the host itself may talk to its guests,
# and can be their DHCP server.
network br0 isolated {
    address 10.10.10.254/24
    dhcp on
}

vm one {
    memory 128M
    disk /images/guest.qcow2 { overlay on }  # a private qcow2 on a shared base
    nic on br0 { address auto }              # tap, MAC and address are given out
}

vm two {
    memory 128M
    disk /images/guest.qcow2 { overlay on }
    nic on br0 { address auto }
}

expect one reaches two
