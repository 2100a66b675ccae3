lab    cirros-router
target centos7                                    # a profile; `kvmgen build --target` wins

host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1  dns 192.168.0.1 }
}

# The four network models. The name is the Linux bridge's own name.
network br-ex bridged  { uplink ens33 }           # ens33 becomes a port; its address and routes move to br-ex
network br-in isolated                            # a switch and nothing else
network br-rt routed   { address 10.20.0.254/24 } # the host is the guests' gateway; it forwards, it does not hide them
network br-nt nat      { address 10.30.0.254/24  via br-ex  dhcp 10.30.0.100 - 10.30.0.200 }

# A router is a network namespace that forwards; its nics are veth pairs into a network.
router r1 {
    nic rinr on br-in { address 10.10.10.254/24  dhcp 10.10.10.100 - 10.10.10.200 }
    nic rexr on br-ex { address 192.168.0.200/16 }
    route   default via 192.168.0.1
    nat     10.10.10.0/24 via rexr                # SNAT to rexr's address
    publish tcp 192.168.0.200:2222 to cirros1:22  # DNAT one port
    publish 192.168.0.201 to cirros2              # 1:1: an address of its own for one guest, both directions
}

vm cirros1 {
    memory 128M
    cpus   1
    disk   /images/cirros/cirros-0.3.4-x86_64-disk.img { format qcow2  bus virtio  cache writeback }
    nic    vf1.0 on br-in { mac 52:54:00:11:22:33  address 10.10.10.1/24 }
}
vm cirros2 {
    memory 128M
    disk   /images/cirros/cirros.img { overlay on }        # a private qcow2 on a shared base
    nic    on br-in { address auto }                       # tap, MAC and address are given out, without clashes
}
vm installer {
    memory 512M
    disk   /images/centos/centos6.qcow2
    cdrom  /iso/CentOS-7-x86_64-DVD-1810.iso
    boot   dc once d                                       # -boot order=dc,once=d
    nic    on br-in { model e1000 }
    nic    user { forward tcp 2200 to 22 }                 # QEMU's user network: no tap, no root
}

# Bare namespaces and a cable between two of them: the smallest lab there is.
namespace a
namespace b
link a.eth0 10.99.0.1/24 - b.eth0 10.99.0.2/24

# What the lab is for, as tests.
expect cirros1 reaches cirros2
expect cirros1 reaches 192.168.0.1
expect host    reaches 192.168.0.200 tcp 2222
expect a       cannot reach cirros1
