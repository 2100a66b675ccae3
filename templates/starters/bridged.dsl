# The guests are on the LAN itself: the host's NIC becomes a port of the bridge, and the host's address,
# prefix and routes move to the bridge. Run it from a console, or be ready for a short pause of your ssh.

lab bridged

host {
    nic eth0 { address 192.168.0.162/24  gateway 192.168.0.1 }
}

network br0 bridged { uplink eth0 }

vm one {
    memory 128M
    disk /images/guest.qcow2 { overlay on }
    nic on br0 { address 192.168.0.171/24  gateway 192.168.0.1 }  # or none: the LAN's own DHCP
}

expect host reaches 192.168.0.1
