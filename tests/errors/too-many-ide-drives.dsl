vm a {
    disk /images/a.qcow2 { bus ide }
    disk /images/b.qcow2 { bus ide }
    disk /images/c.qcow2 { bus ide }
    disk /images/d.qcow2 { bus ide }  #! too-many-ide-drives: there is room for 4, CDs counted
    cdrom /iso/a.iso
}
