vm a {
    disk /images/a.qcow2
    boot dc  #! boot-without-device: `d` is the CD
}
vm b {
    cdrom /iso/a.iso
    boot d once cn  #! boot-without-device: `c` is the disk #! boot-without-device: `n` is the nic
}
vm c {
    disk /images/c.qcow2
    boot a  #! boot-without-device: `a` is the floppy
}
vm d {
    boot ad
    option fda /images/floppy.img   # an option may bring any device
}
