"""Why each kind of operation is done, one sentence each, for someone who meets the thing for the first time."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "forwarding": "without ip_forward the kernel drops every packet that is not for the host itself",
    "qemu-link": "EL keeps its QEMU outside the PATH; the notes link it to where a shell finds it",
    "bridge": "a bridge is a switch inside the kernel: guests and routers plug into it",
    "forward-delay": "a port that learns for 15 s before it forwards would cut the host off for as long",
    "no-ipv6": "without an IPv4 address here the host must not answer by its IPv6 link-local one either",
    "bridge-join": "a cable between two bridges makes one switch of them",
    "stp": "the spanning tree protocol finds loops between switches; a bridge alone is faster without it",
    "mac": "the lab gives this link its MAC; the kernel would take one by chance",
    "mtu": "the largest packet that this link takes",
    "link-up": "a link passes nothing until it is up",
    "port": "a port of the bridge: whatever is on the other end is now on this network",
    "address": "an address with its prefix length, which is also the route to its subnet",
    "uplink": "the NIC becomes a port of the bridge; the host keeps its addresses and routes there if it is confirmed",
    "netns": "a network namespace has links, addresses, routes and rules of its own: a router or a host in itself",
    "loopback": "lo starts down in a new namespace; its alias says whose namespace this is",
    "cable": "a veth pair is a cable: what goes in at one end comes out at the other",
    "routing": "a router hands on packets that are not for itself",
    "no-routing": "a host does not hand on what is not for it, whatever the kernel's default says",
    "limit": "a token bucket holds what this interface sends to the rate",
    "route": "where packets for other subnets go",
    "discard": "a blackhole: packets for this destination are dropped without an answer",
    "filter": "the network models hold whatever else forwards on this host: what may pass is accepted, the rest is not",
    "input": "who may speak to the host itself from these networks",
    "source-nat": "replies can only come back to an address that the outside knows: SNAT lends it",
    "destination-nat": "DNAT sends what arrives for the published address on to the guest behind it",
    "published-address": "the router answers ARP for the published address, or nothing would ever arrive",
    "dhcp": "dnsmasq hands out the addresses, the gateway and the names of this network",
    "ifup": "QEMU runs this with the tap's name when the guest starts: it plugs the tap into the bridge",
    "ifdown": "QEMU runs this when the guest ends; the tap itself goes with QEMU",
    "overlay": "what the guest writes goes to a qcow2 of its own; the base image stays as it is",
    "disk": "an empty disk for the guest; it holds the guest's data and is never deleted by this script",
    "hairpin": "the guest reaches itself by its published address: what comes in at its port goes out there again",
    "guest": "QEMU runs the guest in the background: its tap is its cable, its console is a pty",
}
