"""What `kvmgen explain CODE` prints for each code of `kvmgen lint-ifcfg`: data, in the order of the alphabet.

`wrong` and `right` are ifcfg files of the interface that they name. The reader's place is told by the name of its
function or file: initscripts for network-functions, ifup and their like, NetworkManager for nms-ifcfg-rh- and shvar.c.
"""

from __future__ import annotations

from gen.codes import Explanation

CODES: dict[str, Explanation] = {
    "ifcfg-address": Explanation(
        "an address that no interface can have",
        "NetworkManager refuses a file with a malformed address, and the scripts go on without it. The first and the "
        "last address of a subnet, and those of groups, belong to no host. (Source: read_ip4_address of "
        "nms-ifcfg-rh-reader.c; expand_config of network-functions.)",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1/24",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24",
    ),
    "ifcfg-address-with-dhcp": Explanation(
        "an address beside `BOOTPROTO=dhcp`",
        "The scripts then ask for a lease and pass the address over. NetworkManager sets both. (Source: ifup-eth; "
        "make_ip4_setting of nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24",
    ),
    "ifcfg-alias-of-nothing": Explanation(
        "an alias that adds nothing, or to nothing",
        "`ifcfg-eth0:1` and `ifcfg-eth0-range0` add to `ifcfg-eth0`, and are read when that comes up. The network "
        "service itself passes over names with a colon or `-range`. (Source: ifup-aliases; /etc/init.d/network.)",
    ),
    "ifcfg-autoconnect": Explanation(
        "a bridge with ports, without `AUTOCONNECT_SLAVES`",
        "`nmcli connection up br0` brings up the bridge alone: its taps are thrown out, and after a down and up the "
        "uplink is missing. (Source: measured with NetworkManager on EL7 and EL8.)",
    ),
    "ifcfg-blank-around-equals": Explanation(
        "a blank beside the `=`",
        "bash takes `DEVICE = eth0` for a command `DEVICE` with two arguments, and `DEVICE= eth0` for a command "
        "`eth0`. The variable stays unset, and the network service says nothing. (Source: bash(1), SIMPLE COMMANDS; "
        "line_new_parse of shvar.c.)",
        "DEVICE = eth0\nONBOOT=yes",
        "DEVICE=eth0\nONBOOT=yes",
    ),
    "ifcfg-bond-without-ports": Explanation(
        "a bond that no file names as its master",
        "Ports name their bond, with `MASTER=bond0` and `SLAVE=yes`. The bond's own file cannot name them. (Source: "
        "install_bonding_driver of network-functions; ifup-eth.)",
    ),
    "ifcfg-bonding-option": Explanation(
        "an option that bonding does not know",
        "The scripts write each `name=value` into a file of /sys that is called like the option, and go on where "
        "there is none. NetworkManager drops it. (Source: install_bonding_driver of network-functions; "
        "handle_bond_option of nms-ifcfg-rh-reader.c; the kernel's bonding.rst.)",
        'DEVICE=bond0\nBONDING_OPTS="mode=active-backp"\nBOOTPROTO=none\nONBOOT=yes',
        'DEVICE=bond0\nBONDING_OPTS="mode=active-backup"\nBOOTPROTO=none\nONBOOT=yes',
    ),
    "ifcfg-bootproto": Explanation(
        "a BOOTPROTO that is not known",
        "The scripts ask for a lease if it is `dhcp` or `bootp`, letter by letter, and take anything else for `none`. "
        "NetworkManager does not care about case, and refuses a file with any other word. (Source: ifup-eth; "
        "make_ip4_setting of nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhpc",
        "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp",
    ),
    "ifcfg-bridge": Explanation(
        "a setting of a bridge that a reader cannot use",
        "`DELAY` is in seconds for EL6, EL7 and NetworkManager. The scripts of EL8 hand it to `ip link`, which takes "
        "hundredths of a second and no fractions: 0.01 leaves the host without the bridge. 0 is the same for all. "
        "(Source: ifup-eth of EL6 to EL8; make_bridge_setting of nms-ifcfg-rh-reader.c.)",
        "DEVICE=br0\nTYPE=Bridge\nBOOTPROTO=none\nONBOOT=yes\nDELAY=0.01",
        "DEVICE=br0\nTYPE=Bridge\nBOOTPROTO=none\nONBOOT=yes\nDELAY=0",
    ),
    "ifcfg-command-substitution": Explanation(
        "a command inside a value",
        "The network service runs the whole file as a part of its script, as root, several times at each start. A "
        "value that has to be worked out is worked out again every time, and differently for NetworkManager, which "
        "runs nothing. (Source: source_config of network-functions; svUnescape of shvar.c.)",
        "DEVICE=eth0\nONBOOT=yes\nNAME=$(hostname)",
        "DEVICE=eth0\nONBOOT=yes\nNAME=eth0",
    ),
    "ifcfg-comment-hides": Explanation(
        "a comment with `DEVICE=`, `TYPE=`, `SLAVE=` or `NM_CONTROLLED=`",
        "The network service looks for these letters anywhere in a line, joins the lines it finds into one, and "
        "evaluates that. Where a comment comes first, its `#` hides what follows: a bridge is then no bridge when the "
        "order of start is made. (Source: /etc/init.d/network of initscripts.)",
        "# was TYPE=Ethernet once\nDEVICE=br0\nTYPE=Bridge\nONBOOT=yes\nDELAY=0",
        "# was an Ethernet once\nDEVICE=br0\nTYPE=Bridge\nONBOOT=yes\nDELAY=0",
    ),
    "ifcfg-continued-line": Explanation(
        "a value that goes on on the next line",
        "bash joins lines that end in a backslash. NetworkManager does not, and takes the value for empty. (Source: "
        "svUnescape of shvar.c.)",
        "DEVICE=eth0\nONBOOT=yes\nNAME=my\\\neth0",
        "DEVICE=eth0\nONBOOT=yes\nNAME=myeth0",
    ),
    "ifcfg-crlf": Explanation(
        "line ends of Windows",
        "The carriage return becomes the last character of every value: the interface is then called `eth0` and a "
        "control character, and a gateway is no address. (Source: bash(1).)",
    ),
    "ifcfg-dangling-link": Explanation(
        "a link that leads nowhere",
        "The network service lists the name among the interfaces, and finds nothing to read. (Source: "
        "/etc/init.d/network.)",
    ),
    "ifcfg-derived-address": Explanation(
        "a NETWORK or BROADCAST that is not that of the address",
        "Both are worked out from the address where they are left out. A wrong NETWORK costs the default route: the "
        "scripts set it only where the gateway is in that network. (Source: ifup-eth; doc/sysconfig.txt.)",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24\nNETWORK=10.0.1.0",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24",
    ),
    "ifcfg-device-differs": Explanation(
        "a file that is not called like its DEVICE",
        "It works, by a search through all files. But `ifup eth1` reads `ifcfg-eth1` first where that is there too, "
        "and whoever looks for the interface looks there. Files that NetworkManager named after a connection are let "
        "through. (Source: need_config of network-functions.)",
    ),
    "ifcfg-device-name": Explanation(
        "a name that an interface cannot have, or that is misread",
        "The kernel takes 15 bytes, without blanks and slashes. `ifup` cuts the digits off the end of a name and runs "
        "`ifup-NAME` where there is such a script: `tunnel`, `post`, `routes`, `ib`. The service passes over names "
        "that look like copies. (Source: ifup, source_config of network-functions, is_ignored_file of "
        "/etc/init.d/functions.)",
        "DEVICE=a-very-long-name\nONBOOT=yes",
        "DEVICE=a-short-name\nONBOOT=yes",
    ),
    "ifcfg-expansion": Explanation(
        "a variable in a value",
        "bash replaces `$NAME`, and `~` at the start of a value. NetworkManager does not, and takes the value for "
        "empty. (Source: svUnescape of shvar.c.)",
        "DEVICE=eth0\nONBOOT=yes\nNAME=${DEVICE}",
        "DEVICE=eth0\nONBOOT=yes\nNAME=eth0",
    ),
    "ifcfg-gateway": Explanation(
        "a gateway that the interface cannot reach",
        "The scripts set the default route only if the gateway is in the subnet of the first address. Otherwise they "
        "set none, say nothing and succeed. (Source: ifup-eth.)",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24\nGATEWAY=10.0.1.254",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24\nGATEWAY=10.0.0.254",
    ),
    "ifcfg-hwaddr": Explanation(
        "an HWADDR that may not be what is meant",
        "HWADDR tells which card a file is about: with another address the interface stays down. MACADDR gives it an "
        "address. A bridge is no card, so that it never has the one that is looked for. (Source: ifup-eth; "
        "doc/sysconfig.txt.)",
        "DEVICE=br0\nTYPE=Bridge\nBOOTPROTO=none\nONBOOT=yes\nDELAY=0\nHWADDR=52:54:00:11:22:33",
        "DEVICE=br0\nTYPE=Bridge\nBOOTPROTO=none\nONBOOT=yes\nDELAY=0\nMACADDR=52:54:00:11:22:33",
    ),
    "ifcfg-mac": Explanation(
        "a MAC that is none",
        "Six pairs of hexadecimal digits with colons. The lowest bit of the first byte tells a group from a card. "
        "(Source: doc/sysconfig.txt.)",
        "DEVICE=eth0\nONBOOT=yes\nHWADDR=52-54-00-11-22-33",
        "DEVICE=eth0\nONBOOT=yes\nHWADDR=52:54:00:11:22:33",
    ),
    "ifcfg-master": Explanation(
        "a port of something that is not there",
        "`BRIDGE=br0`, `MASTER=bond0` or `TEAM_MASTER=team0` names what another file describes. The scripts make a "
        "bridge that nobody describes: without its address, and they succeed. (Source: ifup-eth; "
        "make_connection_setting of nms-ifcfg-rh-reader.c.)",
    ),
    "ifcfg-misnamed": Explanation(
        "a name that looks like one of ours, and is none",
        "The readers take `ifcfg-NAME`, `route-NAME`, `rule-NAME` and `keys-NAME`. What is called otherwise is read "
        "by nobody. (Source: /etc/init.d/network; utils_should_ignore_file of nms-ifcfg-rh-utils.c.)",
    ),
    "ifcfg-mtu": Explanation(
        "an MTU that the kernel does not take",
        "An MTU is from 68 to 65535 bytes. `ip link set` fails on another, and the interface keeps its own. (Source: "
        "ifup-eth; ip-link(8).)",
        "DEVICE=eth0\nONBOOT=yes\nMTU=15000000",
        "DEVICE=eth0\nONBOOT=yes\nMTU=1500",
    ),
    "ifcfg-netmask": Explanation(
        "the length of a subnet that is missing, or told in two ways",
        "PREFIX wins over NETMASK. With neither, EL6 and EL7 were seen to take a /24 and EL8 a /32. (Source: "
        "expand_config of network-functions; read_full_ip4_address of nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24",
    ),
    "ifcfg-nm-controlled": Explanation(
        "an interface that NetworkManager leaves alone",
        "Only the service `network` brings it up: from EL8 on that is the package network-scripts, which is not "
        "installed by itself. Without it the interface is gone after a reboot. (Source: connection_from_file_full of "
        "nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0\nONBOOT=yes\nNM_CONTROLLED=no",
        "DEVICE=eth0\nONBOOT=yes",
    ),
    "ifcfg-no-device": Explanation(
        "a file without DEVICE",
        "The file's name does not tell. With HWADDR the card is found by its address. (Source: source_config of "
        "network-functions; make_connection_setting of nms-ifcfg-rh-reader.c.)",
        "ONBOOT=yes\nBOOTPROTO=dhcp",
        "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp",
    ),
    "ifcfg-no-file": Explanation(
        "something that is not a file",
        "The network service searches everything that is called `ifcfg-` with grep. On a FIFO it waits for ever, and "
        "so does the boot. (Source: /etc/init.d/network.)",
    ),
    "ifcfg-no-final-newline": Explanation(
        "a last line without a line end",
        "All readers take it. But what a script appends with `echo X >> FILE` becomes a part of it.",
    ),
    "ifcfg-not-an-assignment": Explanation(
        "a line that assigns nothing",
        "The scripts run the line as a command. NetworkManager passes it over, also where it is `export DEVICE=eth0`. "
        "(Source: source_config of network-functions; line_new_parse of shvar.c.)",
        "DEVICE=eth0\nONBOOT: yes",
        "DEVICE=eth0\nONBOOT=yes",
    ),
    "ifcfg-not-boolean": Explanation(
        "neither yes nor no",
        "Both readers know `yes`, `true`, `y`, `t` and `no`, `false`, `n`, `f`. Anything else counts as if it was not "
        "there: `ONBOOT=off` comes up at boot. (Source: is_false of /etc/init.d/functions; svParseBoolean of "
        "shvar.c.)",
        "DEVICE=eth0\nONBOOT=off",
        "DEVICE=eth0\nONBOOT=no",
    ),
    "ifcfg-not-text": Explanation(
        "bytes that are no text",
        "A byte order mark hides the first line. NetworkManager takes a value with bytes that are not UTF-8 for "
        "empty. (Source: svUnescape of shvar.c.)",
    ),
    "ifcfg-number": Explanation(
        "a number that no reader gets to",
        "The scripts look for IPADDR, IPADDR0, IPADDR1, and from there on until one is missing. Name servers are "
        "counted from DNS1. (Source: expand_config of network-functions; make_ip4_setting of nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nDNS=10.0.0.53",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nDNS1=10.0.0.53",
    ),
    "ifcfg-onboot": Explanation(
        "a file without ONBOOT",
        "Both readers bring the interface up at boot then. (Source: ifup; make_connection_setting of "
        "nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0\nBOOTPROTO=dhcp",
        "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp",
    ),
    "ifcfg-port-stays-down": Explanation(
        "a port that does not come up with its bridge",
        "The bridge comes up at boot, its port has `ONBOOT=no`. The scripts bring up the ports of bonds, not those of "
        "bridges. (Source: /etc/init.d/network; ifup-eth.)",
    ),
    "ifcfg-readable-keys": Explanation(
        "passwords that others may read",
        "A `keys-` file holds the passwords of wireless networks and of 802.1X. (Source: nms-ifcfg-rh-writer.c, which "
        "makes it with mode 600.)",
    ),
    "ifcfg-route": Explanation(
        "a route that the readers lose",
        "A file with a line `ADDRESS0=` holds assignments, numbered from 0 without a gap. Any other holds lines of "
        "arguments of `ip route add`, comments on lines of their own. What `ip` refuses is lost, and the interface "
        "comes up all the same. (Source: ifup-routes; parse_route_line of nms-ifcfg-rh-reader.c.)",
    ),
    "ifcfg-route-elsewhere": Explanation(
        "a route by another interface than the file's",
        "The scripts hand the `dev` to `ip`. NetworkManager reads it, and sends the route out of the file's own "
        "interface. (Source: parse_route_line of nms-ifcfg-rh-reader.c.)",
    ),
    "ifcfg-route-gateway": Explanation(
        "a route by a router that is out of reach",
        "The router must be in a subnet of the interface, or the kernel refuses the route. Where it is reachable all "
        "the same, `onlink` says so. (Source: ifup-routes; ip-route(8).)",
    ),
    "ifcfg-route-of-nothing": Explanation(
        "routes of an interface that no file describes",
        "`route-X` is read when `X` comes up. (Source: ifup-post, ifup-routes.)",
    ),
    "ifcfg-rule-file": Explanation(
        "a file of rules",
        "NetworkManager reads no `rule-X`, and where there is one, also no `route-X`: it leaves both to a dispatcher "
        "script. The scripts read them. (Source: utils_has_complex_routes of nms-ifcfg-rh-utils.c.)",
    ),
    "ifcfg-runs-command": Explanation(
        "a word after a value",
        "bash reads `NAME=my bridge` as the command `bridge`, run with NAME set for it alone. As root, at every start "
        "of the network. (Source: bash(1), SIMPLE COMMANDS.)",
        "DEVICE=eth0\nONBOOT=yes\nNAME=my card",
        'DEVICE=eth0\nONBOOT=yes\nNAME="my card"',
    ),
    "ifcfg-same-address": Explanation(
        "an address that is set twice",
        "The host answers for it on both interfaces, and what it sends leaves by one. A copy of a file that was left "
        "in the folder does that. (Source: ifup-eth.)",
    ),
    "ifcfg-same-interface": Explanation(
        "two files for one interface",
        "The scripts set up both, one over the other, in the order of the names. NetworkManager has two connections "
        "and starts one. Files with `ONBOOT=no` are alternatives, and let through. (Source: /etc/init.d/network; "
        "nms-ifcfg-rh-plugin.c.)",
    ),
    "ifcfg-same-subnet": Explanation(
        "one subnet on two interfaces",
        "The kernel has a route to it by each, and uses the first. What arrives on the other is answered by the wrong "
        "one. (Source: ip-route(8).)",
    ),
    "ifcfg-second-statement": Explanation(
        "two assignments on one line",
        "bash takes both. NetworkManager takes the rest of the line for a part of the first value, finds that "
        "malformed, and has neither. (Source: svUnescape of shvar.c.)",
        "DEVICE=eth0 ONBOOT=yes",
        "DEVICE=eth0\nONBOOT=yes",
    ),
    "ifcfg-set-twice": Explanation(
        "a variable that is set twice",
        "The last one counts, for all readers. (Source: bash(1); _line_link_parse of shvar.c.)",
        "DEVICE=eth0\nONBOOT=yes\nONBOOT=no",
        "DEVICE=eth0\nONBOOT=no",
    ),
    "ifcfg-setting-of-port": Explanation(
        "an address, gateway or name server on a port",
        "The scripts flush the addresses of a port and stop there: neither the default route nor resolv.conf is "
        "written. They belong on the bridge or bond. (Source: ifup-eth.)",
        "DEVICE=eth0\nONBOOT=yes\nBRIDGE=br0\nDNS1=10.0.0.53",
        "DEVICE=eth0\nONBOOT=yes\nBRIDGE=br0",
    ),
    "ifcfg-shell-syntax": Explanation(
        "a character that bash acts upon",
        "`|`, `&`, `<`, `>` and parentheses end a value outside quotes. bash runs what follows, or stops reading the "
        "file there. (Source: bash(1), DEFINITIONS; svUnescape of shvar.c.)",
        "DEVICE=eth0\nONBOOT=yes\nNAME=a&b",
        'DEVICE=eth0\nONBOOT=yes\nNAME="a&b"',
    ),
    "ifcfg-slave": Explanation(
        "half of what makes a port of a bond",
        "The scripts need `SLAVE=yes` and `MASTER=`. NetworkManager goes by MASTER alone. (Source: ifup-eth; "
        "check_if_bond_slave of nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0\nONBOOT=yes\nMASTER=bond0",
        "DEVICE=eth0\nONBOOT=yes\nMASTER=bond0\nSLAVE=yes",
    ),
    "ifcfg-startmode": Explanation(
        "a STARTMODE that is missing or not known",
        "Of openSUSE's dialect: wicked brings up at boot what says `auto`, `hotplug` or `nfsroot`, and takes anything "
        "else for `manual`. (Source: ifcfg(5) of wicked.)",
    ),
    "ifcfg-stray-copy": Explanation(
        "a copy that is read as another interface",
        "The scripts pass over `~`, .bak, .orig, .rpmnew, .rpmorig, .rpmsave and, from EL7 on, .old. NetworkManager "
        "passes over `~`, .bak, .orig, .rej, .rpmnew, .augnew, .augtmp and the temporary names of rpm. Any other copy "
        "is set up as well, so that an address is there twice. (Source: is_ignored_file of /etc/init.d/functions; "
        "utils_should_ignore_file of nms-ifcfg-rh-utils.c.)",
    ),
    "ifcfg-too-large": Explanation(
        "a file that is too large",
        "Such files are not read here. NetworkManager stops at 10 MiB. (Source: svOpenFileInternal of shvar.c.)",
    ),
    "ifcfg-two-gateways": Explanation(
        "two default gateways",
        "Each `ifup` replaces the default route, so that the last interface to come up has it. With `DEFROUTE=no` an "
        "interface stays out of that. (Source: ifup-eth.)",
    ),
    "ifcfg-two-masters": Explanation(
        "a port of two masters",
        "An interface is a port of one bridge, bond or team. (Source: ifup-eth; make_connection_setting of "
        "nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0\nONBOOT=yes\nBRIDGE=br0\nMASTER=bond0\nSLAVE=yes",
        "DEVICE=eth0\nONBOOT=yes\nBRIDGE=br0",
    ),
    "ifcfg-type": Explanation(
        "a TYPE that is not known",
        "The scripts compare letter by letter: with `TYPE=bridge` they make no bridge, while NetworkManager does. "
        "`TYPE=Tap` is for the scripts alone, and no reader makes a veth. (Source: source_config of "
        "network-functions, ifup-eth; connection_from_file_full of nms-ifcfg-rh-reader.c.)",
        "DEVICE=br0\nTYPE=bridge\nONBOOT=yes\nDELAY=0",
        "DEVICE=br0\nTYPE=Bridge\nONBOOT=yes\nDELAY=0",
    ),
    "ifcfg-unclosed-quote": Explanation(
        "a quote that is not closed",
        "bash reads on to the next quote, over the lines between. NetworkManager takes the value for empty, and goes "
        "on with the next line. (Source: svUnescape of shvar.c.)",
        'DEVICE=eth0\nNAME="my card\nONBOOT=yes',
        'DEVICE=eth0\nNAME="my card"\nONBOOT=yes',
    ),
    "ifcfg-unknown-key": Explanation(
        "a variable that no reader knows",
        "It is passed over without a word, by all of them. (Source: doc/sysconfig.txt; nms_ifcfg_well_known_keys of "
        "nms-ifcfg-rh-utils.c; ifcfg(5) of wicked.)",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24\nGATEWY=10.0.0.254",
        "DEVICE=eth0\nBOOTPROTO=none\nONBOOT=yes\nIPADDR=10.0.0.1\nPREFIX=24\nGATEWAY=10.0.0.254",
    ),
    "ifcfg-unreadable": Explanation(
        "a file that may not be read",
        "Nothing in it was checked. The readers are root.",
    ),
    "ifcfg-vlan": Explanation(
        "a VLAN that the readers do not make",
        "The scripts want `VLAN=yes` and a name such as `eth0.42`, or `vlan42` and PHYSDEV, or VID and PHYSDEV. "
        "NetworkManager reads VLAN_ID where the name does not tell. (Source: ifup; is_vlan_device of "
        "nms-ifcfg-rh-reader.c.)",
        "DEVICE=eth0.42\nONBOOT=yes",
        "DEVICE=eth0.42\nVLAN=yes\nONBOOT=yes",
    ),
    "ifcfg-writable-by-all": Explanation(
        "a file that everybody may write to",
        "The network service runs it as a part of its script, as root: whoever may write to it is root at the next "
        "start. (Source: source_config of network-functions.)",
    ),
}
