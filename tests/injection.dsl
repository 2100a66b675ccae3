# A value in each field of the language that the labs of tests/labs leave out.
lab fields
target debian12

host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1  dns 192.168.0.1  mtu 1500 }
    nic eth7 { address 192.168.7.1/24 }
}

network lan nat {
    address 10.1.0.254/24
    via ens33
    nat to 192.168.0.162
    dhcp 10.1.0.100 - 10.1.0.200
    dns 10.1.0.254
    domain lab.example
    lease 2h
    mtu 1400
    mac 52:54:00:00:00:01
    publish tcp 192.168.0.162:2222 to guest:22
}
network wire bridged { uplink eth7 }

router r {
    nic in on lan { address 10.1.0.1/24  mtu 1400  mac 52:54:00:00:00:02  limit 10mbit }
    nic out on wire { address 192.168.7.2/24 }
    loopback 10.9.0.1/32
    route 10.8.0.0/16 via 10.1.0.254 dev in metric 5 src 10.1.0.1
    route 10.7.0.0/16 dev in
    nat 10.1.0.0/24 via out to 192.168.7.2
    publish udp 192.168.7.2:53 to r:5353
}

vm guest {
    memory 64M
    cpus 2
    cpu qemu64
    machine q35
    disk /srv/a.qcow2 { overlay on  size 2G }
    cdrom /srv/a.iso
    boot c once d
    kernel /srv/vmlinuz
    initrd /srv/initrd
    append "quiet splash"
    nic tap7 on lan { mac 52:54:00:00:00:03  address 10.1.0.9/24  gateway 10.1.0.254 }
    nic user { mac 52:54:00:00:00:04  forward tcp 2022 to 22 }
    display vnc :7
    option rtc base=localtime
}
expect guest reaches r tcp 53
expect guest reaches 192.168.7.2
