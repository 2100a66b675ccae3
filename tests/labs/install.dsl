# The notes, between sections 5 and 1: guests that are installed from a CD or from the network, with two drives,
# IDE and virtio, qcow2 and raw, and the cache modes.
network br0 isolated { address 10.10.10.254/24  dhcp on }

vm centos {
    memory 256M
    cpus 1
    disk /srv/images/centos.qcow2 { size 64M  format qcow2  bus virtio  cache none }
    disk /srv/images/data.raw { size 16M  format raw  bus ide  cache writethrough }
    cdrom /srv/images/install.iso
    boot dc once d                      # the CD the first time, the disk from then on
    nic centos6.0 on br0 { model e1000  mac 52:54:00:12:12:12 }
}
vm net {
    memory 256M
    disk /srv/images/guest.qcow2 { overlay on  bus ide  cache unsafe }
    boot nc once n                      # PXE finds nobody here, so the disk is next
    nic on br0
}
