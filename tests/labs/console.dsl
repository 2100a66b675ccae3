# The notes, section 3: `-cpu host` and a serial console instead of a screen (`setup.sh vm console serial`).
network br0 isolated

vm serial {
    memory 128M
    cpus 2
    cpu host
    disk /srv/images/guest.qcow2 { overlay on  cache writeback }
    display none
    nic on br0 { address 10.0.0.1/24 }
    option rtc base=utc
}
vm later {
    memory 128M
    disk /srv/images/guest.qcow2 { overlay on }
    nic on br0 { address 10.0.0.2/24 }
    autostart off                       # started with `setup.sh vm start later`
}
