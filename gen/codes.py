"""What `kvmgen explain CODE` prints for each code of a diagnostic: data, in the order of the alphabet."""

from __future__ import annotations

from typing import NamedTuple


class Explanation(NamedTuple):
    """`title` is one line, `text` says why it matters, `wrong` and `right` are lab text (empty: no short example)."""

    title: str
    text: str
    wrong: str = ""
    right: str = ""


CODES: dict[str, Explanation] = {
    "address-on-port": Explanation(
        "an address on a nic that is a port of a bridge",
        "A port hands all that arrives to its bridge, so nobody answers for its own address. The address belongs on "
        "the bridge.",
        "router r {\n    nic a { address 10.0.0.1/24 }\n    nic b\n    bridge sw { port a b }\n}\nnamespace x\nnamespace y\nlink r.a - x.e 10.0.0.2/24\nlink r.b - y.e 10.0.0.3/24",
        "router r {\n    nic a\n    nic b\n    bridge sw { port a b; address 10.0.0.1/24 }\n}\nnamespace x\nnamespace y\nlink r.a - x.e 10.0.0.2/24\nlink r.b - y.e 10.0.0.3/24",
    ),
    "address-outside-network": Explanation(
        "an address that is not in the subnet of its network",
        "The host's own address on a network says what its subnet is; where the host has none, the routers' and DHCP "
        "servers' do. A machine with an address of another subnet cannot talk to the rest. A /32 is outside on "
        "purpose and is let through.",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.1.5/24 } }",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.5/24 } }",
    ),
    "ambiguous-subnet": Explanation(
        "one subnet on two interfaces of something that does not forward",
        "The guests notice nothing. But what the host or namespace itself sends to the subnet leaves by one of the "
        "two interfaces only, so it never reaches those on the other.",
        "network br0 isolated { address 10.0.0.254/24 }\nnetwork br1 isolated { address 10.0.0.254/24 }",
        "network br0 isolated { address 10.0.0.254/24 }\nnetwork br1 isolated { address 10.0.1.254/24 }",
    ),
    "block-not-allowed": Explanation(
        "a block after a statement that has none",
        "Only some statements describe a thing that has settings of its own. `explain KEYWORD` shows which "
        "have a block.",
        "vm a { memory 128M { } }",
        "vm a { memory 128M }",
    ),
    "block-without-words": Explanation(
        "a `{` with no statement before it",
        "A block belongs to the words before it on its line. Without them nothing says what the block describes.",
        "vm a { memory 128M }\n{ memory 256M }",
        "vm a { memory 128M }\nvm b { memory 256M }",
    ),
    "blocks-too-deep": Explanation(
        "blocks or includes nested too deep",
        "Blocks may stand within blocks 64 deep, those around an `include` counted, and files may include "
        "files as deep. No lab comes near; a missing `}` in generated text does.",
    ),
    "boot-without-device": Explanation(
        "a boot order with a device that the guest does not have",
        "In a boot order `a` is the floppy, `c` the first disk, `d` the CD and `n` the network. The firmware would "
        "pass over the device, or stop there.",
        "vm a {\n    disk /images/a.qcow2\n    boot dc\n}",
        "vm a {\n    disk /images/a.qcow2\n    cdrom /iso/a.iso\n    boot dc\n}",
    ),
    "brace-on-next-line": Explanation(
        "a `{` on the line after its statement",
        "A statement ends where its line ends, so a block must open on that line.",
        "vm a\n{\n    memory 128M\n}",
        "vm a {\n    memory 128M\n}",
    ),
    "bridge-loop": Explanation(
        "bridges that form a loop, none of which speaks STP",
        "A bridge sends a broadcast out of all its other ports. In a loop it comes back and is sent again, for ever, "
        "until nothing else gets through. One bridge of the loop with `stp on` finds and opens it.",
        "network br0 isolated\nnetwork br1 isolated\nlink br0 - br1\nlink br0 - br1",
        "network br0 isolated { stp on }\nnetwork br1 isolated\nlink br0 - br1\nlink br0 - br1",
    ),
    "bridged-without-uplink": Explanation(
        "a bridged network that is bridged to nothing",
        "A bridged network is the LAN itself: a nic of the host becomes a port of the bridge. Name that nic "
        "with `uplink`. A bridge that the host has already, ports and all, is `external`.",
        "network br-ex bridged",
        "network br-ex bridged { uplink eth0 }",
    ),
    "broadcast-address": Explanation(
        "the last address of a subnet as a host's",
        "The last address of a subnet means everyone in it. 10.0.0.255 is the last one of a /24, but a host like any "
        "other in a /8.",
        "namespace a { loopback 10.0.0.255/24 }\nnamespace b\nlink a.e 10.1.0.1/24 - b.e 10.1.0.2/24",
        "namespace a { loopback 10.0.0.255/8 }\nnamespace b\nlink a.e 11.1.0.1/24 - b.e 11.1.0.2/24",
    ),
    "clash-with-host": Explanation(
        "something that the host has already",
        "What `host` says of the machine holds: a new bridge in a subnet that the host is in takes away its way "
        "there, and a guest that is given the host's own address with all its ports takes the host off the network.",
        "host { nic ens33 { address 192.168.0.162/16 } }\nnetwork br0 isolated { address 192.168.9.254/24 }",
        "host { nic ens33 { address 192.168.0.162/16 } }\nnetwork br0 isolated { address 10.0.0.254/24 }",
    ),
    "contradicted-expect": Explanation(
        "an `expect` that the lab cannot meet",
        "The packet's way there and back is followed through bridges, routes, NAT and the networks' own rules. Reported "
        "only where it does not hang on what the lab leaves open, such as the LAN's routes or whether something listens "
        "at a port. `kvmgen trace LAB A B` shows the way hop by hop, and `kvmgen reach LAB` that of every pair.",
        "network br0 isolated\nnetwork br1 isolated\nvm a { nic on br0 { address 10.0.0.1/24 } }\nvm b { nic on br1 { address 10.0.1.1/24 } }\nexpect a reaches b",
        "network br0 isolated\nnetwork br1 isolated\nvm a { nic on br0 { address 10.0.0.1/24 } }\nvm b { nic on br1 { address 10.0.1.1/24 } }\nexpect a cannot reach b",
    ),
    "defined-twice": Explanation(
        "one name for two things",
        "Networks, the host's nics and the taps of guests are interfaces of the host, which have one name "
        "each. So have vms, routers and namespaces among themselves, and the nics and bridges inside one "
        "namespace.",
        "vm a\nvm a",
        "vm a\nvm b",
    ),
    "dhcp-on-lan": Explanation(
        "a DHCP server on a bridged network",
        "A bridged network is the LAN itself, so the server answers every machine there. The LAN mostly has a DHCP "
        "server of its own, and then the two give out addresses against each other.",
        "host { nic ens33 { address 192.168.0.162/24 } }\nnetwork br0 bridged { uplink ens33  dhcp 192.168.0.100 - 192.168.0.120 }",
        "host { nic ens33 { address 192.168.0.162/24 } }\nnetwork br0 bridged { uplink ens33 }",
    ),
    "dhcp-range-outside-subnet": Explanation(
        "a DHCP range that is not in the server's subnet",
        "A server leases addresses of the subnet in which it has an address itself. Otherwise the guests could not "
        "reach it, nor their gateway.",
        "network br0 isolated { address 10.0.0.254/24  dhcp 10.0.1.100 - 10.0.1.200 }",
        "network br0 isolated { address 10.0.0.254/24  dhcp 10.0.0.100 - 10.0.0.200 }",
    ),
    "dhcp-range-taken": Explanation(
        "a DHCP range that holds an address which is taken",
        "The server would lease the address of a router, of the host or of the network itself to a guest. A guest's "
        "own `address` may lie in the range: it is a reservation.",
        "network br0 isolated { address 10.0.0.150/24  dhcp 10.0.0.100 - 10.0.0.200 }",
        "network br0 isolated { address 10.0.0.254/24  dhcp 10.0.0.100 - 10.0.0.200 }",
    ),
    "dhcp-range-unknown": Explanation(
        "`dhcp on` where no range can be derived",
        "`dhcp on` leases a free part of the server's subnet, which its `address` tells. Without an address "
        "there is no subnet, and a /31 or a full subnet has nothing to lease.",
        "network br-in isolated { dhcp on }",
        "network br-in isolated { address 10.0.0.254/24  dhcp on }",
    ),
    "dhcp-without-address": Explanation(
        "a DHCP server that has no address",
        "The server answers from an address of its own, whose subnet is that of the leases.",
        "network br0 isolated { dhcp 10.0.0.100 - 10.0.0.200 }",
        "network br0 isolated { address 10.0.0.254/24  dhcp 10.0.0.100 - 10.0.0.200 }",
    ),
    "dot-in-bridge-name": Explanation(
        "a dot in the name of a bridge",
        "Network scripts of hosts read `br.10` as VLAN 10 of an interface `br`. A bridge is therefore named "
        "without dots.",
        "network br.in isolated",
        "network br-in isolated",
    ),
    "duplicate-address": Explanation(
        "one address for two machines",
        "Within one routing domain, the networks and links that routers join, an address means one machine. On "
        "networks that nothing joins, or that hide behind NAT, the same address may be used again; `overlap allowed` "
        "on a network says that it is meant.",
        "network br0 isolated\nvm a { nic on br0 { address 10.0.0.1/24 } }\nvm b { nic on br0 { address 10.0.0.1/24 } }",
        "network br0 isolated\nvm a { nic on br0 { address 10.0.0.1/24 } }\nvm b { nic on br0 { address 10.0.0.2/24 } }",
    ),
    "duplicate-mac": Explanation(
        "one MAC for two nics",
        "A switch sends what is for a MAC to where it last saw it, so two nics that share one take each other's "
        "packets: each of them works alone, and ping fails between them. It is what happens to guests that QEMU gives "
        "its default MAC.",
        "network br0 isolated\nvm a { nic on br0 { mac 52:54:00:12:34:56  address 10.0.0.1/24 } }\nvm b { nic on br0 { mac 52:54:00:12:34:56  address 10.0.0.2/24 } }",
        "network br0 isolated\nvm a { nic on br0 { address 10.0.0.1/24 } }\nvm b { nic on br0 { address 10.0.0.2/24 } }",
    ),
    "duplicate-route": Explanation(
        "two routes to the same place",
        "The kernel takes one route for a destination and metric. A subnet that a nic has an address in is a route "
        "already.",
        "namespace a {\n    route default via 10.0.0.2\n    route default via 10.0.0.3\n}\nnamespace b { nic e { address 10.0.0.3/24 } }\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
        "namespace a {\n    route default via 10.0.0.2\n    route default via 10.0.0.3 metric 10\n}\nnamespace b { nic e { address 10.0.0.3/24 } }\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
    ),
    "empty-lab": Explanation(
        "a lab with nothing to build",
        "The file has no network, router, namespace or vm: it may be the wrong one, or have lost its text. What a lab has "
        "made is taken back by `setup.sh down`, not by an empty lab.",
        "lab nothing",
        "lab something\nnetwork br-in isolated",
    ),
    "empty-range": Explanation(
        "a range whose end lies before its start",
        "`for` counts upwards and includes both ends. A reversed range would build nothing without a word.",
        "for i in 5..1 {\n    namespace n$i\n}",
        "for i in 1..5 {\n    namespace n$i\n}",
    ),
    "gateway-is-self": Explanation(
        "a gateway that is the machine itself",
        "A gateway is the neighbour that packets are handed to.",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.0.1 } }",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.0.254 } }",
    ),
    "gateway-of-nobody": Explanation(
        "a gateway whose address nothing has",
        "All that is on the network is in the lab, and none of it has this address. On a network that leads out of "
        "the host this is not judged.",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.0.253 } }",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.0.254 } }",
    ),
    "gateway-outside-subnet": Explanation(
        "a default gateway that is not in the subnet",
        "A gateway is reached without a gateway, so it is in the subnet of the address. With a /32 there is no "
        "subnet, and any neighbour may be the gateway.",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.1.254 } }",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/24  gateway 10.0.0.254 } }",
    ),
    "guest-memory": Explanation(
        "memory that is no whole number of mebibytes",
        "QEMU counts a guest's memory in mebibytes and rounds what is between, down to nothing for less than one.",
        "vm a { memory 1000K }",
        "vm a { memory 1M }",
    ),
    "guest-without-address": Explanation(
        "a guest that gets no address",
        "Its network has no DHCP, and the lab gives it no `address`. That is fine for a guest that is to be set up by "
        "hand; else it can talk to nobody.",
        "network br0 isolated\nvm a { nic on br0 }",
        "network br0 isolated\nvm a { nic on br0 { address 10.0.0.1/24 } }",
    ),
    "host-port-twice": Explanation(
        "one port of the host for two things",
        "A `forward` of a guest's user network waits on the host's 127.0.0.1, `display vnc :N` on port 5900 + N "
        "there. Two of them cannot share a port.",
        "vm a { nic user { forward tcp 2200 to 22 } }\nvm b { nic user { forward tcp 2200 to 22 } }",
        "vm a { nic user { forward tcp 2200 to 22 } }\nvm b { nic user { forward tcp 2201 to 22 } }",
    ),
    "include-cycle": Explanation(
        "a file that includes itself, directly or through others",
        "Such a file would never end. The label shows the way round. Move what both files need into a third one.",
    ),
    "ipv6": Explanation(
        "an IPv6 address",
        "This version builds IPv4 networks. IPv6 addresses are recognised, so that you need not search for a "
        "mistake in them.",
        "namespace a { loopback fd00::1/128 }",
        "namespace a { loopback 10.0.0.1/32 }",
    ),
    "kernel-missing": Explanation(
        "an `initrd` or `append` without a `kernel`",
        "QEMU hands both to a kernel that it loads itself. A guest that boots from a drive has them in its boot "
        "loader.",
        "vm a { append quiet }",
        "vm a { kernel /boot/vmlinuz  append quiet }",
    ),
    "later-disk-boots": Explanation(
        "a guest that boots from another disk than its first",
        "QEMU's BIOS looks for a disk on IDE, then on SCSI, then on virtio, in whatever order they stand, and it tries "
        "only the one that it finds first.",
        "vm a {\n    disk /images/system.qcow2\n    disk /images/data.qcow2 { bus ide }\n}",
        "vm a {\n    disk /images/system.qcow2\n    disk /images/data.qcow2\n}",
    ),
    "link-ends-apart": Explanation(
        "a link whose ends share no subnet",
        "Each end then needs a route to reach the other.",
        "namespace a\nnamespace b\nlink a.e 10.0.0.1/24 - b.e 10.0.1.1/24",
        "namespace a\nnamespace b\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
    ),
    "long-interface-name": Explanation(
        "the name of an interface that is longer than 15 bytes",
        "The kernel keeps 16 bytes for the name of an interface, the last of them its end. Bridges, taps and "
        "nics are all interfaces. Old tools cut a longer name without a word, and then two names may be one.",
        "network my-very-long-network isolated",
        "network long-network isolated",
    ),
    "long-name": Explanation(
        "a name that is longer than 32 characters",
        "Files, processes and namespaces carry the names of labs, vms, routers and namespaces.",
        "namespace the-namespace-behind-the-second-router",
        "namespace behind-second-router",
    ),
    "loop-of-unused": Explanation(
        "addresses that nobody has and that go round in a circle",
        "One router sends a large prefix to another, which has some subnets of it and sends the rest back by a "
        "shorter one. All that is in the lab arrives; what is not goes round until its time to live is used up. A "
        "`discard` route at the one that has the subnets ends that.",
        "router a { route 10.9.0.0/16 via 10.0.0.2 }\nrouter b {\n    loopback 10.9.1.1/24\n    route default via 10.0.0.1\n}\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
        "router a { route 10.9.0.0/16 via 10.0.0.2 }\nrouter b {\n    loopback 10.9.1.1/24\n    route default via 10.0.0.1\n    route 10.9.0.0/16 discard\n}\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
    ),
    "malformed-directive": Explanation(
        "a `let`, `for` or `include` that is not written as it must be",
        "`let NAME VALUE`, `for NAME in VALUES { ... }` and `include PATH` each stand alone: other statements"
        " need a line of their own, or a `;` between. A name is letters, digits and `_`; it is written "
        "without `$` where it is defined.",
        "let $memory 128M  let cpus 2",
        "let memory 128M\nlet cpus 2\nvm a {\n    memory $memory\n    cpus $cpus\n}",
    ),
    "malformed-range": Explanation(
        "a range that is not of whole numbers",
        "Both ends of a range are whole numbers, or variables that are. Words are listed one after the other.",
        "for i in a..c {\n    namespace $i\n}",
        "for i in a b c {\n    namespace $i\n}",
    ),
    "malformed-variable": Explanation(
        "a `$` that is not followed by a variable",
        "`$i` and `${i}` are replaced by what `let` or `for` gave `i`; `${i+1}`, `${i*2}` calculate, "
        "`${i:03}` pads with zeros. A dollar that is meant as one is `$$`, or stands in '...'.",
        "vm a { kernel /boot/vmlinuz  append console=$ }",
        "vm a { kernel /boot/vmlinuz  append console=$$ }",
    ),
    "misread-name": Explanation(
        "a name that the network files of EL hosts take for something else",
        "network-scripts choose what to run by the letters of a name: `tunnel0` is set up by `ifup-tunnel`, `ib0` by "
        "`ifup-ib`, and files that end in `.bak` or have `-range` in their name are passed over. The names of bridges and taps stand in "
        "such files once the lab is made to survive a reboot.",
        "network tunnel0 isolated",
        "network br-tunnel0 isolated",
    ),
    "missing-blank": Explanation(
        "a string that touches another word",
        "A string is one word. Next to another word it could be read as one word or as two.",
        'vm a { disk /images/"my disk.img" }',
        'vm a { disk "/images/my disk.img" }',
    ),
    "missing-block": Explanation(
        "a statement that says nothing without its block",
        "The statement only gathers what stands in its block.",
        "host\nnetwork br-ex bridged { uplink eth0 }",
        "host {\n    nic eth0 { address 192.168.0.2/24 }\n}\nnetwork br-ex bridged { uplink eth0 }",
    ),
    "missing-prefix": Explanation(
        "an address without a prefix length",
        "The length tells which addresses are in the same subnet. Without one `/24` is taken, which is often "
        "but not always what was meant.",
        "network br-in isolated { address 10.0.0.254 }",
        "network br-in isolated { address 10.0.0.254/24 }",
    ),
    "missing-value": Explanation(
        "a statement that ends too early",
        "The help shows the statement's shape: words with a capital letter stand for values, `[...]` may be "
        "left out, and `a|b` is a choice.",
        "vm a { memory }",
        "vm a { memory 128M }",
    ),
    "much-memory": Explanation(
        "more memory than most hosts have",
        "Nearly always a `G` where an `M` was meant.",
        "vm a { memory 512G }",
        "vm a { memory 512M }",
    ),
    "multicast-mac": Explanation(
        "a MAC whose first byte is odd",
        "The lowest bit of the first byte marks the address of a group. A nic with such a MAC gets no answer.",
        "network br-in isolated\nvm a {\n    nic on br-in { mac 53:54:00:11:22:33 }\n}",
        "network br-in isolated\nvm a {\n    nic on br-in { mac 52:54:00:11:22:33 }\n}",
    ),
    "nat-of-nothing": Explanation(
        "NAT of a subnet that nothing comes from",
        "The router has neither an address in the subnet nor a route to it, so no packet ever matches.",
        "router r {\n    nat 10.9.0.0/24 via out\n    route default via 10.1.0.1\n}\nnamespace a\nnamespace b\nlink r.in 10.0.0.254/24 - a.e 10.0.0.1/24\nlink r.out 10.1.0.254/24 - b.e 10.1.0.1/24",
        "router r {\n    nat 10.0.0.0/24 via out\n    route default via 10.1.0.1\n}\nnamespace a { route default via 10.0.0.254 }\nnamespace b\nlink r.in 10.0.0.254/24 - a.e 10.0.0.1/24\nlink r.out 10.1.0.254/24 - b.e 10.1.0.1/24",
    ),
    "nat-without-way-out": Explanation(
        "a nat network that has no way out, or more than one",
        "Guests of a nat network leave by one interface of the host. Without `via` that is the one bridged "
        "network, else the one nic of the host that has a gateway, else the host's one nic. Where this does "
        "not tell, name it.",
        "network br-nt nat { address 10.30.0.254/24 }",
        "network br-nt nat { address 10.30.0.254/24  via eth0 }",
    ),
    "network-address": Explanation(
        "the first address of a subnet as a host's",
        "The first address of a subnet is that of the network itself. In a /31 both addresses are hosts, and a /32 is "
        "a host.",
        "network br0 isolated { address 10.0.0.0/24 }",
        "network br0 isolated { address 10.0.0.254/24 }",
    ),
    "network-without-address": Explanation(
        "a routed or nat network on which the host has no address",
        "In these two models the host is the guests' gateway, and a gateway has an address.",
        "network br0 routed",
        "network br0 routed { address 10.0.0.254/24 }",
    ),
    "nic-cabled-twice": Explanation(
        "a nic with two cables",
        "A nic of a router or namespace is one end of one veth pair: it is on a network, or it is the end of one link.",
        "namespace a\nnamespace b\nlink a.eth0 - b.eth0\nlink a.eth0 - b.eth1",
        "namespace a\nnamespace b\nlink a.eth0 - b.eth0\nlink a.eth1 - b.eth1",
    ),
    "nic-without-address": Explanation(
        "a nic of a router or namespace without an address",
        "It sends and receives nothing until somebody gives it an address by hand.",
        "network br0 isolated\nrouter r { nic in on br0 }",
        "network br0 isolated\nrouter r { nic in on br0 { address 10.0.0.254/24 } }",
    ),
    "nic-without-cable": Explanation(
        "a nic that is connected to nothing",
        "A nic of a router or namespace is one end of a veth pair, so it needs a network or a link for the other end.",
        "namespace a { nic eth0 }",
        "network br-in isolated\nnamespace a { nic eth0 on br-in }",
    ),
    "no-default-route": Explanation(
        "NAT without a default route",
        "NAT is for what goes outside. A router that does it, or a machine behind it, knows the way outside by its "
        "default route alone; answers to a published port take it too.",
        "network br0 nat { address 10.0.0.254/24  via eth0 }\nnamespace a { nic e on br0 { address 10.0.0.1/24 } }",
        "network br0 nat { address 10.0.0.254/24  via eth0 }\nnamespace a {\n    nic e on br0 { address 10.0.0.1/24 }\n    route default via 10.0.0.254\n}",
    ),
    "no-free-address": Explanation(
        "`address auto` on a network that is full",
        "`address auto` takes the next address of the network's subnet that the lab names nowhere, those of "
        "the DHCP range first.",
        "network br-in isolated { address 10.0.0.1/30 }\nfor i in 1..2 {\n"
        "    vm v$i { nic on br-in { address auto } }\n}",
        "network br-in isolated { address 10.0.0.1/29 }\nfor i in 1..2 {\n"
        "    vm v$i { nic on br-in { address auto } }\n}",
    ),
    "no-subnet": Explanation(
        "`address auto` where nothing tells the subnet",
        "The subnet is that of the network's own address, or of a router's nic on the network.",
        "network br-in isolated\nvm a { nic on br-in { address auto } }",
        "network br-in isolated { address 10.0.0.254/24 }\nvm a { nic on br-in { address auto } }",
    ),
    "node-without-nic": Explanation(
        "a router or namespace without a nic",
        "It has `lo` and nothing else, and is connected to nobody.",
        "namespace a",
        "namespace a\nnamespace b\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
    ),
    "not-a-number": Explanation(
        "arithmetic or padding with something that is no whole number",
        "In `${...}` only whole numbers of up to 18 digits can be added, multiplied and padded.",
        "let first br\nnetwork ${first+1} isolated",
        "let first 1\nnetwork br${first+1} isolated",
    ),
    "not-defined": Explanation(
        "a name that nothing has",
        "Networks, routers, namespaces, vms and nics are named by the statement that defines them, before or "
        "after the place where they are used. A host that is described in a `host` block has the nics that "
        "stand there and no others.",
        "network br-in isolated\nvm a { nic on br-im }",
        "network br-in isolated\nvm a { nic on br-in }",
    ),
    "overlapping-subnets": Explanation(
        "subnets that overlap where something must tell them apart",
        "Routers send a packet to the longest subnet that holds its address, so of two that overlap one loses. The "
        "same subnet may be used on networks that no router joins; `overlap allowed` on a network says that it is "
        "meant.",
        "network br0 routed { address 10.0.5.254/24 }\nnetwork br1 routed { address 10.0.5.1/25 }",
        "network br0 routed { address 10.0.5.254/24 }\nnetwork br1 routed { address 10.0.6.1/25 }",
    ),
    "port-in-two-bridges": Explanation(
        "a nic that is a port of two bridges",
        "The kernel moves it to the second one without a word.",
        "namespace a {\n    bridge one { port e }\n    bridge two { port e }\n}\nnamespace b\nlink a.e - b.e 10.0.0.1/24",
        "namespace a {\n    bridge one { port e }\n    bridge two { port f }\n}\nnamespace b\nlink a.e - b.e 10.0.0.1/24\nlink a.f - b.f 10.0.1.1/24",
    ),
    "prefix-differs": Explanation(
        "a prefix length that is not that of the network",
        "With a shorter prefix a machine looks for others next to it that are far away, with a longer one it sends to "
        "the gateway what is for its neighbours.",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/16 } }",
        "network br0 routed { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/24 } }",
    ),
    "publish-ports": Explanation(
        "a publish statement with ports that do not fit together",
        "A port is published with `tcp` or `udp` before the address. Without a port the whole address belongs "
        "to the target, and then nothing else names a port either.",
        "router r {\n    publish 192.0.2.1:80 to a:80\n}\nnamespace a { loopback 10.0.0.1/32 }",
        "router r {\n    publish tcp 192.0.2.1:80 to a:80\n}\nnamespace a { loopback 10.0.0.1/32 }",
    ),
    "publish-without-address": Explanation(
        "publish to something whose address is not known",
        "DNAT rewrites the address of a packet, so the target needs one that stays: an `address` of its nic, "
        "which is a reservation where the network has DHCP.",
        "router r {\n    publish 192.0.2.1 to a\n}\nvm a",
        "router r {\n    publish 192.0.2.1 to a\n"
        "}\nnetwork br-in isolated\nvm a { nic on br-in { address 10.0.0.1/24 } }",
    ),
    "published-elsewhere": Explanation(
        "a published address that nobody looks for here",
        "Neighbours ask for an address in the subnets that they share with the router. One outside of these has to be "
        "routed there by somebody else.",
        "host { nic ens33 { address 192.168.0.162/24 } }\nnetwork br0 nat {\n    address 10.0.0.254/24\n    publish 192.168.1.9 to a\n}\nvm a { nic on br0 { address 10.0.0.1/24 } }",
        "host { nic ens33 { address 192.168.0.162/24 } }\nnetwork br0 nat {\n    address 10.0.0.254/24\n    publish 192.168.0.9 to a\n}\nvm a { nic on br0 { address 10.0.0.1/24 } }",
    ),
    "published-twice": Explanation(
        "one port, or one whole address, published twice",
        "Only the first would count. A port of an address that is published 1:1 may be published on its own: it goes "
        "first.",
        "network br0 nat {\n    address 10.0.0.254/24\n    via eth0\n    publish tcp 192.168.0.9:80 to a\n    publish tcp 192.168.0.9:80 to a:8080\n}\nvm a { nic on br0 { address 10.0.0.1/24 } }",
        "network br0 nat {\n    address 10.0.0.254/24\n    via eth0\n    publish tcp 192.168.0.9:80 to a\n    publish tcp 192.168.0.9:81 to a:8080\n}\nvm a { nic on br0 { address 10.0.0.1/24 } }",
    ),
    "repeated-keyword": Explanation(
        "a statement that stands twice where it may stand once",
        "Two memory sizes cannot both hold, and which of them was meant cannot be told.",
        "vm a { memory 128M  memory 256M }",
        "vm a { memory 256M }",
    ),
    "reserved-name": Explanation(
        "a name that means something already",
        "`host` is the machine that runs the lab, every namespace has an interface `lo`, and the kernel keeps "
        "settings for `all` interfaces and for the `default`.",
        "vm host",
        "vm guest",
    ),
    "reversed-dhcp-range": Explanation(
        "a DHCP range that ends before it starts",
        "The first address comes first.",
        "network br0 isolated { address 10.0.0.254/24  dhcp 10.0.0.200 - 10.0.0.100 }",
        "network br0 isolated { address 10.0.0.254/24  dhcp 10.0.0.100 - 10.0.0.200 }",
    ),
    "route-source": Explanation(
        "a route with a source that its owner does not have",
        "`src` chooses among the owner's own addresses. The kernel refuses any other.",
        "namespace a { route default via 10.0.0.2 src 10.0.0.9 }\nnamespace b\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
        "namespace a { route default via 10.0.0.2 src 10.0.0.1 }\nnamespace b\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
    ),
    "route-through-nothing": Explanation(
        "a route by a gateway that is in no subnet of the node",
        "A gateway is a neighbour: in a subnet of one of the nics, or reached by an earlier route to a bare `dev "
        "NIC`. A nic with a /32 may name any neighbour with `dev NIC`.",
        "namespace a { route default via 10.0.1.2 }\nnamespace b\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
        "namespace a { route default via 10.0.0.2 }\nnamespace b\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
    ),
    "routing-loop": Explanation(
        "routers that send a packet round in a circle",
        "The routers hand the packet on to each other until its time to live is used up. Two routers with their "
        "default routes at each other do that with every address that is not in the lab.",
        "router a { route default via 10.0.0.2 }\nrouter b { route default via 10.0.0.1 }\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
        "router a { route default via 10.0.0.2 }\nrouter b\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24",
    ),
    "setting-without-dhcp": Explanation(
        "a setting of a DHCP server that is not there",
        "`dns`, `domain` and `lease` are what the DHCP server tells its guests. Without `dhcp` nobody does.",
        "network br-in isolated { address 10.0.0.254/24  lease 1h }",
        "network br-in isolated { address 10.0.0.254/24  dhcp on  lease 1h }",
    ),
    "shared-disk": Explanation(
        "a disk image that two drives write to",
        "Two guests that write to one image destroy its file system, and so does one that writes to the base of "
        "another's overlay. With `overlay on` for each of them the image is only read.",
        "vm a { disk /images/base.qcow2 }\nvm b { disk /images/base.qcow2 }",
        "vm a { disk /images/base.qcow2 { overlay on } }\nvm b { disk /images/base.qcow2 { overlay on } }",
    ),
    "target-lacks": Explanation(
        "a lab that the target host cannot run",
        "Old hosts lack what later ones have: the iproute2 of CentOS 6 knows no network namespaces. The message gives the "
        "reason that the profile gives; `kvmgen profiles NAME` shows all that a host lacks.",
        "target centos6\nrouter r1",
        "target centos7\nrouter r1",
    ),
    "too-many-ide-drives": Explanation(
        "more IDE drives than there is room for",
        "A PC has two IDE buses of two drives each, q35 six in all. CDs take a place too. QEMU refuses to start with "
        "more.",
        "vm a {\n    disk /images/a.qcow2 { bus ide }\n    disk /images/b.qcow2 { bus ide }\n    disk /images/c.qcow2 { bus ide }\n    disk /images/d.qcow2 { bus ide }\n    cdrom /iso/a.iso\n}",
        "vm a {\n    disk /images/a.qcow2 { bus ide }\n    disk /images/b.qcow2 { bus ide }\n    disk /images/c.qcow2 { bus ide }\n    disk /images/d.qcow2 { bus virtio }\n    cdrom /iso/a.iso\n}",
    ),
    "too-many-statements": Explanation(
        "more statements than a lab may have",
        "Written out, the loops of a lab may give 100,000 statements and rounds. A larger number is nearly "
        "always a mistyped range.",
        "for i in 1..1000000 {\n    namespace n$i\n}",
        "for i in 1..1000 {\n    namespace n$i\n}",
    ),
    "two-dhcp-servers": Explanation(
        "two DHCP servers on one network",
        "A guest takes the first answer, so its address, gateway and names would be a matter of luck. Networks that a "
        "link joins are one.",
        "network br0 isolated { address 10.0.0.254/24  dhcp on }\nrouter r { nic in on br0 { address 10.0.0.1/24  dhcp on } }",
        "network br0 isolated { address 10.0.0.254/24  dhcp on }\nrouter r { nic in on br0 { address 10.0.0.1/24 } }",
    ),
    "unclosed-block": Explanation(
        "a `{` without its `}`",
        "Where indentation shows which block was forgotten, that one is drawn: a `}` further left than the "
        "line of its `{` was meant for a block further out.",
        "network br-in isolated\nvm a {\n    nic on br-in {\n    memory 128M\n}",
        "network br-in isolated\nvm a {\n    nic on br-in\n    memory 128M\n}",
    ),
    "unclosed-string": Explanation(
        "a string whose closing quote is missing on its line",
        'A string ends on the line where it starts. Inside "..." a quote is written `\\"`; inside \'...\' a '
        "backslash means nothing.",
        'vm a { kernel /boot/vmlinuz  append "console=ttyS0 }',
        'vm a { kernel /boot/vmlinuz  append "console=ttyS0" }',
    ),
    "unexpected-character": Explanation(
        "a character that cannot be seen",
        "Control characters, marks that turn the reading direction, and in words the blanks and marks of "
        "other alphabets that cannot be told from a plain blank or from nothing. They come from copying out "
        "of web pages and word processors.",
    ),
    "unknown-escape": Explanation(
        "a backslash in a string with a letter that means nothing after it",
        'Inside "..." there are `\\n` `\\t` `\\"` `\\\\` `\\$` and `\\xNN` (two digits, not 00). Inside \'...\' a '
        "backslash is one.",
        'vm a { disk "/images/my\\ disk.img" }',
        "vm a { disk '/images/my\\ disk.img' }",
    ),
    "unknown-keyword": Explanation(
        "a word that starts no statement here",
        "Each block has its own statements. The label tells which block this is, help where the word would be right.",
        "vm a { memroy 128M }",
        "vm a { memory 128M }",
    ),
    "unknown-target": Explanation(
        "a target that there is no profile of",
        "A profile says how a host spells what the lab asks for. `kvmgen profiles` lists those that there are; a lab "
        "without `target` is built for `debian12`.",
        "target debian\nnamespace a { loopback 10.0.0.1/32 }",
        "target debian12\nnamespace a { loopback 10.0.0.1/32 }",
    ),
    "unknown-variable": Explanation(
        "a variable that has no value here",
        "`let` gives a value from its line to the end of its block, `for` within its block. What an included "
        "file defines holds from the `include` on.",
        "vm a { memory $memory }\nlet memory 128M",
        "let memory 128M\nvm a { memory $memory }",
    ),
    "unopened-block": Explanation(
        "a `}` that closes nothing",
        "Every block that was opened is closed already. Usually a `}` too many, or its `{` fell behind a `#`.",
        "vm a { memory 128M }\n}",
        "vm a { memory 128M }",
    ),
    "unreadable-include": Explanation(
        "an included file that cannot be read",
        "The path is relative to the file in which the `include` stands.",
    ),
    "unusable-address": Explanation(
        "an address that no interface can have",
        "Multicast addresses, 127.0.0.0/8, 0.0.0.0/8 and 240.0.0.0/4 mean other things than a host.",
        "network br0 isolated { address 224.0.0.5/24 }",
        "network br0 isolated { address 10.0.0.5/24 }",
    ),
    "uplink-in-two-bridges": Explanation(
        "a nic of the host that is the uplink of two bridges",
        "The kernel takes a port away from the first bridge when the second asks for it, without a word.",
        "network br0 bridged { uplink ens33 }\nnetwork br1 bridged { uplink ens33 }",
        "network br0 bridged { uplink ens33 }\nnetwork br1 bridged { uplink ens34 }",
    ),
    "word-too-long": Explanation(
        "a word that grew too long",
        "With its variables replaced a word may have 4096 characters. More comes from variables that double "
        "each other.",
    ),
    "word-too-many": Explanation(
        "a word that belongs to no statement",
        "Statements may share a line, since the shape of each is known; this word continues none and starts "
        "none. A value with blanks needs quotes.",
        "vm a { kernel /boot/vmlinuz  append console=ttyS0 quiet }",
        'vm a { kernel /boot/vmlinuz  append "console=ttyS0 quiet" }',
    ),
    "wrong-name": Explanation(
        "a name with a character that cannot be in it",
        "Names are those of interfaces, namespaces, files and processes: letters, digits, `_`, `.` and `-`, "
        "the first of them no `.` and no `-`.",
        "vm web/1",
        "vm web-1",
    ),
    "wrong-network-kind": Explanation(
        "a statement that the network's kind has no use for",
        "`uplink` makes a bridged network; `via`, `nat to` and `publish` tell how a nat network gets out and "
        "what gets in.",
        "network br-in isolated { uplink eth0 }",
        "network br-in bridged { uplink eth0 }",
    ),
    "wrong-value": Explanation(
        "a value that is not of the kind that stands there",
        "The label tells what was expected, at the smallest part of the word that is wrong.",
        "vm a { memory 128X }",
        "vm a { memory 128M }",
    ),
}
