# A guest without a boot loader, a namespace with a switch inside, and everything else that no other lab here has.
lab kernel-and-more

defaults vm { memory 128M }

network br0 isolated { address 10.10.10.254/24  dhcp 10.10.10.100 - 10.10.10.150  domain lab.example  lease 1h  dns 10.10.10.254 }
network br1 isolated { stp on }
network br2 isolated { stp on  mtu 1400  mac 52:54:00:0b:00:02 }
link br1 - br2

router core {
    nic in on br0 { address 10.10.10.1/24 }
    nic up { mtu 1400  mac 52:54:00:0c:00:01  limit 10mbit }
    loopback 10.255.0.1/32
    route 10.50.0.0/16 via 10.98.0.2 metric 50
    route 10.66.0.0/16 discard
    nat all via up to 10.98.0.1:40000-50000
}
router edge {
    nic down { address 10.98.0.2/30 }
    nic east
    nic west
    bridge sw { port east west; address 10.50.0.254/24; stp off }
    route 10.10.10.0/24 via 10.98.0.1
}
namespace left  { route default via 10.50.0.254 }
namespace right { route default via 10.50.0.254 }
link core.up 10.98.0.1/30 - edge.down
link edge.east - left.eth0 10.50.0.1/24
link edge.west - right.eth0 10.50.0.2/24 { limit 100mbit }

vm direct {
    kernel /srv/images/vmlinuz
    initrd /srv/images/initrd
    append "console=ttyS0 quiet no_timer_check hostname=direct"
    nic on br0 { address auto  gateway 10.10.10.1 }
}

expect direct reaches left
expect left   reaches right
