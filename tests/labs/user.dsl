# QEMU's user network: no tap, no bridge, no root; one port of the host's loopback leads in.
vm alone {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic user { forward tcp 2200 to 22 }
}
