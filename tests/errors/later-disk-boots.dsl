vm a {
    disk /images/a1.qcow2
    disk /images/a2.qcow2 { bus scsi }
    disk /images/a3.qcow2 { bus ide }  #! later-disk-boots: its BIOS looks for a disk on ide before one on virtio
    cdrom /iso/a.iso
    boot dc once d
}
vm b {
    disk /images/b1.qcow2 { bus ide }
    disk /images/b2.qcow2
}
# These do not ask the BIOS for a disk.
vm c {
    disk /images/c1.qcow2
    disk /images/c2.qcow2 { bus ide }
    kernel /images/vmlinuz
}
vm d {
    disk /images/d1.qcow2
    disk /images/d2.qcow2 { bus ide }
    cdrom /iso/d.iso
    boot d
}
