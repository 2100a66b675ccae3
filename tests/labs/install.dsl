# The notes, between sections 5 and 1: guests that are installed from a CD or from the network, with two drives,
# IDE and virtio, qcow2 and raw, and the cache modes.
network br0 isolated { address 10.10.10.254/24  dhcp on }

vm centos {
    memory 256M
    cpus 1
    disk /srv/images/centos.qcow2 { size 64M  format qcow2  bus virtio  cache none }
    disk /srv/images/data.raw { size 16M  format raw  bus virtio  cache writethrough }
    cdrom /srv/images/install.iso
    boot cd once d                      # the CD when QEMU starts, the disk at each reset; with `dc` the CD again
    nic centos6.0 on br0 { model e1000  mac 52:54:00:12:12:12  address auto }
}
vm net {
    memory 256M
    disk /srv/images/guest.qcow2 { overlay on  bus ide  cache unsafe }
    disk /srv/images/more.qcow2 { size 8M  bus virtio  cache directsync }
    boot nc once n                      # PXE finds nobody here, so the disk is next
    nic on br0 { address auto }
}
