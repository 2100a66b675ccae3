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
    "brace-on-next-line": Explanation(
        "a `{` on the line after its statement",
        "A statement ends where its line ends, so a block must open on that line.",
        "vm a\n{\n    memory 128M\n}",
        "vm a {\n    memory 128M\n}",
    ),
    "bridged-without-uplink": Explanation(
        "a bridged network that is bridged to nothing",
        "A bridged network is the LAN itself: a nic of the host becomes a port of the bridge. Name that nic "
        "with `uplink`. A bridge that the host has already, ports and all, is `external`.",
        "network br-ex bridged",
        "network br-ex bridged { uplink eth0 }",
    ),
    "defined-twice": Explanation(
        "one name for two things",
        "Networks, the host's nics and the taps of guests are interfaces of the host, which have one name "
        "each. So have vms, routers and namespaces among themselves, and the nics and bridges inside one "
        "namespace.",
        "vm a\nvm a",
        "vm a\nvm b",
    ),
    "dhcp-range-unknown": Explanation(
        "`dhcp on` where no range can be derived",
        "`dhcp on` leases a free part of the server's subnet, which its `address` tells. Without an address "
        "there is no subnet, and a /31 or a full subnet has nothing to lease.",
        "network br-in isolated { dhcp on }",
        "network br-in isolated { address 10.0.0.254/24  dhcp on }",
    ),
    "dot-in-bridge-name": Explanation(
        "a dot in the name of a bridge",
        "Network scripts of hosts read `br.10` as VLAN 10 of an interface `br`. A bridge is therefore named "
        "without dots.",
        "network br.in isolated",
        "network br-in isolated",
    ),
    "empty-range": Explanation(
        "a range whose end lies before its start",
        "`for` counts upwards and includes both ends. A reversed range would build nothing without a word.",
        "for i in 5..1 {\n    namespace n$i\n}",
        "for i in 1..5 {\n    namespace n$i\n}",
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
    "malformed-directive": Explanation(
        "a `let`, `for` or `include` that is not written as it must be",
        "`let NAME VALUE`, `for NAME in VALUES { ... }` and `include PATH` each stand alone: other statements"
        " need a line of their own, or a `;` between. A name is letters, digits and `_`; it is written "
        "without `$` where it is defined.",
        "let $memory 128M  let cpus 2",
        "let memory 128M\nlet cpus 2",
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
        "vm a { append console=$ }",
        "vm a { append console=$$ }",
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
        "host",
        "host {\n    nic eth0 { address 192.168.0.2/24 }\n}",
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
    "multicast-mac": Explanation(
        "a MAC whose first byte is odd",
        "The lowest bit of the first byte marks the address of a group. A nic with such a MAC gets no answer.",
        "network br-in isolated\nvm a {\n    nic on br-in { mac 53:54:00:11:22:33 }\n}",
        "network br-in isolated\nvm a {\n    nic on br-in { mac 52:54:00:11:22:33 }\n}",
    ),
    "nat-without-way-out": Explanation(
        "a nat network that has no way out, or more than one",
        "Guests of a nat network leave by one interface of the host. Without `via` that is the one bridged "
        "network, else the one nic of the host that has a gateway, else the host's one nic. Where this does "
        "not tell, name it.",
        "network br-nt nat { address 10.30.0.254/24 }",
        "network br-nt nat { address 10.30.0.254/24  via eth0 }",
    ),
    "nic-cabled-twice": Explanation(
        "a nic with two cables",
        "A nic of a router or namespace is one end of one veth pair: it is on a network, or it is the end of one link.",
        "namespace a\nnamespace b\nlink a.eth0 - b.eth0\nlink a.eth0 - b.eth1",
        "namespace a\nnamespace b\nlink a.eth0 - b.eth0\nlink a.eth1 - b.eth1",
    ),
    "nic-without-cable": Explanation(
        "a nic that is connected to nothing",
        "A nic of a router or namespace is one end of a veth pair, so it needs a network or a link for the other end.",
        "namespace a { nic eth0 }",
        "network br-in isolated\nnamespace a { nic eth0 on br-in }",
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
    "setting-without-dhcp": Explanation(
        "a setting of a DHCP server that is not there",
        "`dns`, `domain` and `lease` are what the DHCP server tells its guests. Without `dhcp` nobody does.",
        "network br-in isolated { address 10.0.0.254/24  lease 1h }",
        "network br-in isolated { address 10.0.0.254/24  dhcp on  lease 1h }",
    ),
    "target-lacks": Explanation(
        "a lab that the target host cannot run",
        "Old hosts lack what later ones have: the iproute2 of CentOS 6 knows no network namespaces. The message gives the "
        "reason that the profile gives; `kvmgen profiles NAME` shows all that a host lacks.",
        "target centos6\nrouter r1",
        "target centos7\nrouter r1",
    ),
    "too-many-statements": Explanation(
        "more statements than a lab may have",
        "Written out, the loops of a lab may give 100,000 statements and rounds. A larger number is nearly "
        "always a mistyped range.",
        "for i in 1..1000000 {\n    namespace n$i\n}",
        "for i in 1..1000 {\n    namespace n$i\n}",
    ),
    "unclosed-block": Explanation(
        "a `{` without its `}`",
        "Where indentation shows which block was forgotten, that one is drawn: a `}` further left than the "
        "line of its `{` was meant for a block further out.",
        "vm a {\n    nic on br-in {\n    memory 128M\n}",
        "vm a {\n    nic on br-in\n    memory 128M\n}",
    ),
    "unclosed-string": Explanation(
        "a string whose closing quote is missing on its line",
        'A string ends on the line where it starts. Inside "..." a quote is written `\\"`; inside \'...\' a '
        "backslash means nothing.",
        'vm a { append "console=ttyS0 }',
        'vm a { append "console=ttyS0" }',
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
        'vm a { disk "C:\\images\\a.img" }',
        "vm a { disk 'C:\\images\\a.img' }",
    ),
    "unknown-keyword": Explanation(
        "a word that starts no statement here",
        "Each block has its own statements. The label tells which block this is, help where the word would be right.",
        "vm a { memroy 128M }",
        "vm a { memory 128M }",
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
    "word-too-long": Explanation(
        "a word that grew too long",
        "With its variables replaced a word may have 4096 characters. More comes from variables that double "
        "each other.",
    ),
    "word-too-many": Explanation(
        "a word that belongs to no statement",
        "Statements may share a line, since the shape of each is known; this word continues none and starts "
        "none. A value with blanks needs quotes.",
        "vm a { append console=ttyS0 quiet }",
        'vm a { append "console=ttyS0 quiet" }',
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
