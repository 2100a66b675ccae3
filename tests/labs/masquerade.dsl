# NAT behind an uplink whose address comes by DHCP: nobody can name it, so the kernel looks it up (MASQUERADE).
network br0 nat {
    address 10.30.0.254/24
    via ens33
    dhcp on
}

vm test {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic on br0
}

expect test reaches 203.0.113.7
