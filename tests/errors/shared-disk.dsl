vm a { disk /images/base.qcow2 }
vm b { disk /images/base.qcow2 }  #! shared-disk: used again here, by `b`
vm c { disk /images//base.qcow2 { overlay on } }  #! shared-disk: by `c` as the base of an overlay
for i in 1..2 {
    vm d$i { disk /images/other.qcow2 }  #! shared-disk: used again here, by `d2`
}
vm e { disk /images/shared.qcow2 { overlay on } }
vm f { disk /images/shared.qcow2 { overlay on } }
