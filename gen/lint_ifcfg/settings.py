"""In: one ifcfg file of Red Hat's dialect. Out: diagnostics about what its readers would swallow.

"The scripts" are network-scripts (initscripts: network-functions, ifup, ifup-eth, /etc/init.d/network), the other
reader is NetworkManager (nms-ifcfg-rh-reader.c). Each rule names the place that it was read from.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, ip_address

from gen.check.names import IFUP_SCRIPTS
from gen.diagnostics import Diagnostics, Label, did_you_mean, suggest
from gen.lint_ifcfg.assignments import Assignment, Assignments
from gen.lint_ifcfg.interface import NO, YES, Interface, length_of, numbers_of
from gen.lint_ifcfg.keys import is_known, meant_by
from gen.source import Span
from gen.values import IFNAMSIZ

_BOOLEANS = str.split("""
ARPUPDATE AUTOCONNECT_SLAVES BONDING_MASTER BROWSER_ONLY DEFROUTE DHCLIENT_IGNORE_GATEWAY DHCPRELEASE DHCPV6C
DHCP_SEND_HOSTNAME GVRP HOTPLUG IPV4_FAILURE_FATAL IPV6INIT IPV6_AUTOCONF IPV6_DEFROUTE IPV6_DISABLED
IPV6_FAILURE_FATAL IPV6_PEERDNS IPV6_PEERROUTES NM_CONTROLLED NO_DHCP_HOSTNAME ONBOOT ONPARENT PEERDNS PEERROUTES
PERSISTENT_DHCLIENT REORDER_HDR SLAVE USERCTL VLAN
""")
_ZERO_IS_NO = (
    "DHCLIENT_IGNORE_GATEWAY",
    "DHCPRELEASE",
    "DHCP_SEND_HOSTNAME",
    "NO_DHCP_HOSTNAME",
    "PERSISTENT_DHCLIENT",
)

_TYPES_OF_SCRIPTS = str.split(
    "Ethernet Bridge Tap CIPE IPSEC Modem xDSL ISDN Wireless CTC GRE IPIP IPIP6 SIT sit InfiniBand infiniband EXTERNAL"
)
_TYPES_OF_NETWORKMANAGER = str.split("Ethernet Wireless InfiniBand Bridge Bond Vlan Team TeamPort CTC")
_TYPES = [*dict.fromkeys([*_TYPES_OF_SCRIPTS, *_TYPES_OF_NETWORKMANAGER]), "Token Ring", "IPoIB"]
_TYPES_WITH_A_SCRIPT = {*_TYPES_OF_SCRIPTS, "Token Ring"} - {"Tap", "EXTERNAL"}

_BONDING = str.split("""
active_slave ad_actor_sys_prio ad_actor_system ad_select ad_user_port_key all_slaves_active arp_all_targets arp_interval
arp_ip_target arp_missed_max arp_validate downdelay fail_over_mac lacp_active lacp_rate lp_interval max_bonds miimon
min_links mode ns_ip6_target num_grat_arp num_unsol_na packets_per_slave peer_notif_delay primary primary_reselect
queue_id resend_igmp tlb_dynamic_lb updelay use_carrier xmit_hash_policy
""")
_BONDING_MODES = str.split("balance-rr active-backup balance-xor broadcast 802.3ad balance-tlb balance-alb")

_PORT_KEYS = re.compile(r"(?:IPADDR|GATEWAY|DNS)[0-9]*|IPV6ADDR|IPV6_DEFAULTGW|DOMAIN")


def check(interface: Interface, diagnostics: Diagnostics) -> None:
    """All rules about one file."""
    for rule in RULES:
        rule(interface, diagnostics)


def unknown_keys(interface: Interface, diagnostics: Diagnostics) -> None:
    check_keys(interface.set, diagnostics)
    for each in interface.set.all:
        if each.key in ("DNS", "DNS0", "MS_DNS"):
            diagnostics.warning(
                "ifcfg-number",
                f"`{each.key}` is read by nobody",
                each.named,
                "name servers are counted from 1",
                help=[f"call it `{each.key.rstrip('0')}1`"],
            )
        elif re.fullmatch(r"GATEWAY\d+", each.key):
            diagnostics.note(
                "ifcfg-number",
                f"`{each.key}` is for NetworkManager alone",
                each.named,
                "the scripts read `GATEWAY`",
                help=["call it `GATEWAY`: both read that"],
            )


def check_keys(variables: Assignments, diagnostics: Diagnostics, suse: bool = False) -> None:
    """Names that no reader knows, and those that are set twice."""
    seen: dict[str, Assignment] = {}
    guesses = 0
    for each in variables.all:
        if not is_known(each.key, suse) and is_known(each.key, not suse):
            readers = "network-scripts and NetworkManager" if suse else "openSUSE's wicked"
            label = "it does nothing in this folder"
            diagnostics.note("ifcfg-unknown-key", f"`{each.key}` is for {readers} alone", each.named, label)
        elif not is_known(each.key, suse):
            # A guess takes a millisecond; a file of nothing but unknown names is no ifcfg file.
            guesses += 1
            meant = meant_by(each.key, suse) if guesses <= 100 else None
            diagnostics.warning(
                "ifcfg-unknown-key",
                f"no reader knows `{each.key}`",
                each.named,
                "it is passed over without a word",
                help=[f"did you mean `{meant}`?"] if meant else (),
            )
        elif each.key in seen and each.value != seen[each.key].value:
            diagnostics.warning(
                "ifcfg-set-twice",
                f"`{each.key}` is set twice",
                each.named,
                "this value counts, for all readers",
                also=[Label(seen[each.key].named, "and this one is lost")],
                help=["delete one of the two"],
            )
        seen[each.key] = each


def hidden_by_comments(interface: Interface, diagnostics: Diagnostics) -> None:
    """/etc/init.d/network: `eval $(grep -F "TYPE=" ifcfg-X)` joins all lines with these letters into one."""
    text = interface.set.source.text
    for comment in interface.set.comments:
        for key in ("DEVICE", "TYPE", "SLAVE", "NM_CONTROLLED"):
            at = comment.text.find(f"{key}=")
            if at < 0:
                continue
            span = Span(comment.source, comment.start + at, comment.start + at + len(key) + 1)
            line_end = text.find("\n", comment.end)
            report = diagnostics.note
            label = "nothing comes after it today"
            if line_end >= 0 and f"{key}=" in text[line_end:]:
                report = diagnostics.error
                label = f"the network service evaluates the line, and `#` hides the `{key}=` below from it"
            report(
                "ifcfg-comment-hides",
                f"`{key}=` in a comment",
                span,
                label,
                help=["delete the comment, or write it without the `=`"],
            )


def booleans(interface: Interface, diagnostics: Diagnostics) -> None:
    """`is_true` and `is_false` of /etc/init.d/functions, `svParseBoolean` of shvar.c."""
    for key in _BOOLEANS:
        found = interface.set.get(key)
        if found is None or found.value is None or YES.fullmatch(found.value) or NO.fullmatch(found.value):
            continue
        if found.value == "0" and key in _ZERO_IS_NO:
            continue
        label = "neither `yes` nor `no`: each reader falls back on what it does without"
        if found.value == "0":
            label = "NetworkManager takes it for no, the scripts of EL6 and EL7 do not"
        diagnostics.warning(
            "ifcfg-not-boolean",
            f"`{found.value}` as the value of `{key}`",
            found.at,
            label,
            help=["write `yes` or `no`"],
        )


def bootproto(interface: Interface, diagnostics: Diagnostics) -> None:
    """ifup-eth compares with `dhcp` and `bootp` letter by letter; `make_ip4_setting` refuses what it does not know."""
    found = interface.set.get("BOOTPROTO")
    if found is None or found.value is None or interface.type in ("xdsl", "modem", "isdn"):
        return
    known = ("none", "static", "dhcp", "bootp", "autoip", "shared", "ibft")
    if found.value.lower() not in known:
        diagnostics.error(
            "ifcfg-bootproto",
            f"unknown BOOTPROTO `{found.value}`",
            found.at,
            "the scripts take it for `none`, NetworkManager refuses the file",
            help=did_you_mean(found.value, known[:4]) or ["write `none` or `dhcp`"],
        )
    elif found.value.lower() in ("dhcp", "bootp") and found.value != found.value.lower():
        diagnostics.error(
            "ifcfg-bootproto",
            f"`{found.value}` in capitals",
            found.at,
            "the scripts take it for `none`: no lease is asked for",
            help=[f"write `{found.value.lower()}`"],
        )
    elif found.value in ("dhcp", "bootp") and interface.addresses and interface.master is None:
        diagnostics.warning(
            "ifcfg-address-with-dhcp",
            f"an address beside `BOOTPROTO={found.value}`",
            interface.addresses[0].at.at,
            "the scripts ask for a lease only, NetworkManager has both",
            also=[Label(found.at, "asks for a lease")],
            help=["write `BOOTPROTO=none`, or delete the address"],
        )


def interface_type(interface: Interface, diagnostics: Diagnostics) -> None:
    """`source_config` and ifup-eth compare letter by letter, `connection_from_file_full` without regard to case."""
    found = interface.set.get("TYPE")
    if found is None or found.value is None:
        return
    value = found.value
    if value == "Tap":
        diagnostics.note(
            "ifcfg-type",
            "`TYPE=Tap` is for the scripts alone",
            found.at,
            "NetworkManager leaves such files alone, so on a host without network-scripts nobody makes the tap",
        )
    elif value.lower() in ("ethernet", "wireless", "bond", "vlan", "team", "teamport") and value not in _TYPES:
        right = next(each for each in _TYPES if each.lower() == value.lower())
        label = "the scripts compare letter by letter, and go by the name of the interface instead"
        diagnostics.note("ifcfg-type", f"TYPE `{value}`", found.at, label, help=[f"write `{right}`"])
    elif value not in _TYPES and not value.startswith("OVS"):
        same = next((each for each in _TYPES if each.lower() == value.lower()), None)
        meant = same or suggest(value, _TYPES)
        label = "no reader knows this type, and nobody makes the interface"
        if same is not None:
            label = "the scripts compare letter by letter, and do not make the interface"
        diagnostics.error(
            "ifcfg-type",
            f"unknown TYPE `{value}`",
            found.at,
            label,
            help=[f"did you mean `{meant}`?"] if meant else ["leave `TYPE` out for an interface that is there already"],
        )


def device(interface: Interface, diagnostics: Diagnostics) -> None:
    """`source_config` takes no DEVICE from the file's name; NetworkManager needs it for all that it has to make."""
    variables = interface.set
    if interface.parent is not None:
        return
    if variables.lacks("DEVICE", "HWADDR", "SUBCHANNELS", "ESSID"):
        diagnostics.error(
            "ifcfg-no-device",
            "no `DEVICE`",
            interface.beginning,
            "nothing tells which interface this is about: neither reader goes by the name of the file",
            help=[f"add `DEVICE={interface.name}`"],
        )
    found = variables.get("DEVICE")
    if found is None or found.value is None:
        return
    called = variables.value("NAME") or found.value
    # NetworkManager and the installer name files after the connection.
    own = {
        re.sub(r"\W", "_", f"{prefix}{name}") for prefix in ("", "System ", "Auto ") for name in (found.value, called)
    }
    if re.sub(r"\W", "_", interface.name) not in own:
        diagnostics.warning(
            "ifcfg-device-differs",
            f"the file is of `{interface.name}`, and its DEVICE is `{found.value}`",
            found.at,
            f"`ifup {found.value}` looks for `ifcfg-{found.value}` first",
            help=[f"call the file `ifcfg-{found.value}`, or write `DEVICE={interface.name}`"],
        )


def device_name(interface: Interface, diagnostics: Diagnostics) -> None:
    """The names that the kernel takes, and those that `ifup` finds another script for."""
    found = interface.set.get("DEVICE")
    if found is None or found.value is None or interface.parent is not None:
        return
    name, code = found.value, "ifcfg-device-name"
    script = IFUP_SCRIPTS.fullmatch(name)
    if len(name.encode("utf-8", "surrogateescape")) > IFNAMSIZ:
        label = f"the kernel has room for {IFNAMSIZ} bytes: EL6 and EL7 cut it off, later ones fail"
        diagnostics.error(
            code, f"`{name}` is too long for an interface", found.at, label, help=["choose a shorter name"]
        )
    elif re.search(r"[\s/:]|[^ -~]", name) or name in (".", ".."):
        label = "an interface cannot be called that"
        diagnostics.error(code, f"`{name}` is no name of an interface", found.at, label)
    elif interface.is_bridge and "." in name:
        label = "the network service takes a name with a dot for a VLAN"
        help = [f"call it `{name.replace('.', '-')}`"]
        diagnostics.warning(code, f"the bridge `{name}` has a dot in its name", found.at, label, help=help)
    elif "-range" in name or re.search(r"~$|\.(?:bak|old|orig|rpmnew|rpmorig|rpmsave)$", name):
        label = "the network service passes over files with such names"
        diagnostics.error(code, f"`{name}` as the name of an interface", found.at, label, help=["choose another name"])
    elif name.startswith("cipcb"):
        label = "the network service takes it for a tunnel"
        diagnostics.error(code, f"`{name}` as the name of an interface", found.at, label, help=["choose another name"])
    elif script and _goes_by_name(interface, script[1]):
        label = f"`ifup` goes by the letters of the name, and runs `ifup-{script[1]}` for it"
        help = [f"call it `x{name}`"]
        diagnostics.error(code, f"`{name}` as the name of an interface", found.at, label, help=help)


def _goes_by_name(interface: Interface, script: str) -> bool:
    """Some types have a script of their own; and a `ppp0` or `ib0` of no type is what it is called."""
    if interface.set.value("TYPE") in _TYPES_WITH_A_SCRIPT:
        return False
    return interface.type in ("tap", "bond", "vlan") or script in ("aliases", "ipv6", "post", "routes")


def ports(interface: Interface, diagnostics: Diagnostics) -> None:
    """ifup-eth leaves a port with `exit 0` before it comes to addresses, gateway and ifup-post (DNS)."""
    variables, master = interface.set, interface.master
    slave = variables.get("SLAVE")
    if slave and YES.fullmatch(slave.value or "") and variables.lacks("MASTER", "MASTER_UUID"):
        diagnostics.error(
            "ifcfg-slave", "`SLAVE=yes` without a `MASTER`", slave.at, "it becomes a port of nothing",
            help=["add `MASTER=` with the name of the bond"],
        )  # fmt: skip
    bond = variables.get("MASTER")
    if bond and variables.whole and not (slave and YES.fullmatch(slave.value or "")):
        diagnostics.warning(
            "ifcfg-slave", "`MASTER` without `SLAVE=yes`", bond.named, "the scripts do not make it a port",
            help=["add `SLAVE=yes`"],
        )  # fmt: skip
    if master is None:
        return
    for key in ("BRIDGE", "MASTER", "TEAM_MASTER"):
        other = variables.get(key)
        if other and not master.key.startswith(key):
            diagnostics.error(
                "ifcfg-two-masters",
                "a port of two masters",
                other.named,
                "an interface can be in one only",
                also=[Label(master.named, "the other one")],
                help=["delete one of the two"],
            )
    for each in variables.all:
        if _PORT_KEYS.fullmatch(each.key) and each.value != "" and interface.parent is None:
            diagnostics.warning(
                "ifcfg-setting-of-port",
                f"`{each.key}` on a port",
                each.named,
                f"it does nothing here: the scripts stop once the interface is in `{master.value or '?'}`",
                also=[Label(master.named, "makes it a port")],
                help=[f"move it to `ifcfg-{master.value}`" if master.value else "move it to the file of the master"],
            )
    protocol = variables.get("BOOTPROTO")
    if protocol and protocol.value in ("dhcp", "bootp"):
        diagnostics.warning(
            "ifcfg-setting-of-port",
            f"`BOOTPROTO={protocol.value}` on a port",
            protocol.at,
            "a port gets no lease",
            also=[Label(master.named, "makes it a port")],
            help=["write `BOOTPROTO=none`"],
        )


def bonding_options(interface: Interface, diagnostics: Diagnostics) -> None:
    """`install_bonding_driver` echoes each `name=value` into a file of /sys, `handle_bond_option` checks it."""
    found = interface.set.get("BONDING_OPTS")
    if found is None or found.value is None:
        return
    for word in found.value.split():
        key, equals, value = word.partition("=")
        offset = found.at.text.find(word)
        at = (
            Span(found.at.source, found.at.start + offset, found.at.start + offset + len(word))
            if offset >= 0
            else found.at
        )
        if not equals:
            label = "expected `name=value`"
            help = (f"write `{key}=` and the value",) if key in _BONDING else did_you_mean(key, _BONDING)
        elif key not in _BONDING:
            label, help = "bonding has no such option", did_you_mean(key, _BONDING)
        elif key == "mode" and not (value in _BONDING_MODES or value in "0123456"):
            label, help = "bonding has no such mode", did_you_mean(value, _BONDING_MODES)
        else:
            continue
        diagnostics.error("ifcfg-bonding-option", f"`{word}` among the options of the bond", at, label, help=help)


def vlan(interface: Interface, diagnostics: Diagnostics) -> None:
    """ifup: the number is that of `eth0.42` or `vlan42`, or VID; `is_vlan_device` and VLAN_ID in NetworkManager."""
    variables, name = interface.set, interface.device
    at = variables.get("DEVICE")
    where = at.at if at else interface.beginning
    dotted = re.fullmatch(r"(.+)\.([0-9]{1,4})", name)
    if not interface.is_vlan:
        if dotted and not interface.is_bridge and variables.lacks("VLAN", "TYPE") and interface.parent is None:
            diagnostics.warning(
                "ifcfg-vlan",
                f"`{name}` without `VLAN=yes`",
                where,
                "its name is that of a VLAN, but neither reader makes one",
                help=["add `VLAN=yes`"],
            )
        return
    number = dotted or re.fullmatch(r"()vlan0*([0-9]{1,4})", name)
    given = variables.get("VID") or variables.get("VLAN_ID")
    identity = (given.value or "" if given else "") or (number[2] if number else "")
    if given is None and number is None:
        diagnostics.error(
            "ifcfg-vlan",
            f"nothing tells the number of the VLAN `{name}`",
            where,
            "expected a name such as `eth0.42` or `vlan42`",
            help=["change `DEVICE`, or add `VLAN_ID=` and `VID=` (one for each reader)"],
        )
    elif identity and not (re.fullmatch("[0-9]{1,4}", identity) and int(identity) <= 4094):
        span = given.at if given else where
        diagnostics.error("ifcfg-vlan", f"`{identity}` as a VLAN", span, "the numbers of VLANs go from 1 to 4094")
    if not dotted and variables.lacks("PHYSDEV"):
        diagnostics.error(
            "ifcfg-vlan",
            f"the VLAN `{name}` has no `PHYSDEV`",
            where,
            "nothing tells which interface carries it",
            help=["add `PHYSDEV=` with the name of the interface"],
        )


def macs(interface: Interface, diagnostics: Diagnostics) -> None:
    """HWADDR tells which card is meant, MACADDR gives another address (sysconfig.txt)."""
    variables = interface.set
    for key in ("HWADDR", "MACADDR"):
        found = variables.get(key)
        if found is None or found.value is None or interface.type in ("infiniband", "ipoib"):
            continue
        if key == "MACADDR" and found.value.lower() in ("preserve", "permanent", "random", "stable"):
            continue
        label, help = None, []
        if not re.fullmatch("(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", found.value):
            label = "expected six pairs of hexadecimal digits with colons between them"
            digits = re.sub("[^0-9A-Fa-f]", "", found.value)
            help = [f"write `{':'.join(re.findall('..', digits)).lower()}`"] if len(digits) == 12 else []
        elif int(found.value[:2], 16) & 1:
            label = "the first byte is odd: that is the address of a group, which no interface can have"
        if label:
            diagnostics.error("ifcfg-mac", f"`{found.value}` as {key}", found.at, label, help=help)
    hardware, given = variables.get("HWADDR"), variables.get("MACADDR")
    if hardware and interface.type in ("bridge", "tap"):
        diagnostics.error(
            "ifcfg-hwaddr",
            f"`HWADDR` on a {interface.type}",
            hardware.named,
            "the scripts look for a card with this address, and leave the interface down",
            help=["call it `MACADDR`: that gives the address"],
        )
    elif hardware and given and hardware.value != given.value and not interface.is_vlan:
        diagnostics.note(
            "ifcfg-hwaddr",
            "both `HWADDR` and `MACADDR`",
            given.named,
            "once the address is changed, EL6 no longer finds the card by the old one",
            also=[Label(hardware.named, "the address to look for")],
        )


def mtu(interface: Interface, diagnostics: Diagnostics) -> None:
    """The kernel takes 68 to 65535 for what has no limit of its own (ether_setup, ETH_MAX_MTU)."""
    found = interface.set.get("MTU")
    if found and found.value and not (re.fullmatch("[0-9]{2,5}", found.value) and 68 <= int(found.value) <= 65535):
        label = "expected a number of bytes from 68 to 65535"
        diagnostics.error("ifcfg-mtu", f"`{found.value}` as MTU", found.at, label, help=["the usual one is 1500"])


def bridge(interface: Interface, diagnostics: Diagnostics) -> None:
    """ifup-eth hands DELAY to `brctl setfd` (EL6, EL7: seconds) or to `ip link` (EL8: hundredths of a second)."""
    variables = interface.set
    stp, delay = variables.get("STP"), variables.get("DELAY")
    if not interface.is_bridge:
        for each in (stp, delay):
            if each and variables.whole and interface.master is None:
                label = "only a bridge has it, and this is none"
                help = ["add `TYPE=Bridge`, or delete the line"]
                diagnostics.warning("ifcfg-bridge", f"`{each.key}` outside a bridge", each.named, label, help=help)
        return
    on = stp is not None and (stp.value or "").lower() in ("on", "yes")
    if stp and stp.value is not None and stp.value.lower() not in ("on", "yes", "off", "no"):
        label = "NetworkManager takes it for off"
        diagnostics.error("ifcfg-bridge", f"`{stp.value}` as STP", stp.at, label, help=["write `on` or `off`"])
    if delay is None:
        if variables.lacks("DELAY") and not on:
            label = "with the kernel's own 15 seconds DHCP and the first connections after boot may fail"
            help = ["add `DELAY=0` where no loop is possible"]
            diagnostics.note("ifcfg-bridge", "a bridge without `DELAY`", interface.beginning, label, help=help)
    elif delay.value is not None and not re.fullmatch("[0-9]{1,4}", delay.value):
        label = "EL8 fails on it, and makes no bridge" if "." in delay.value else "expected a number of seconds"
        diagnostics.error(
            "ifcfg-bridge", f"`{delay.value}` as DELAY", delay.at, label, help=["write whole seconds: `0`, or 2 to 30"]
        )
    elif on and int(delay.value or 0) > 0:
        label = "seconds for EL6, EL7 and NetworkManager, hundredths of a second for the scripts of EL8"
        diagnostics.warning(
            "ifcfg-bridge", "`DELAY` with STP", delay.at, label, help=["leave it out: 15 seconds is the default"]
        )


def addresses(interface: Interface, diagnostics: Diagnostics) -> None:
    """`expand_config` and `read_full_ip4_address`."""
    variables = interface.set
    for key in ("IPADDR", "NETMASK", "GATEWAY", "BROADCAST", "NETWORK", "DNS", "SRCADDR"):
        for number in numbers_of(key, variables):
            found = variables.get(f"{key}{number}")
            if found is not None and found.value is not None:
                _check_address(found, key, diagnostics)
    for number in numbers_of("IPADDR", variables):
        _check_length(interface, number, diagnostics)
    for address in interface.addresses:
        _check_host(address.ip, address.at, diagnostics)
        network = address.interface.network if address.interface else None
        if network and network.prefixlen < 31 and address.ip in (network[0], network[-1]):
            what = "network" if address.ip == network[0] else "broadcast"
            label = f"the {'first' if what == 'network' else 'last'} address of {network} is no host's"
            diagnostics.error("ifcfg-address", f"`{address.ip}` is a {what} address", address.at.at, label)


def _check_address(found: Assignment, key: str, diagnostics: Diagnostics) -> None:
    text = found.value or ""
    if key == "DNS":
        if _is_ip(text):
            return
    elif re.fullmatch(r"[0-9]+(?:\.[0-9]+){3}", text):
        try:
            IPv4Address(text)
            return
        except AddressValueError:
            pass
    if key == "NETMASK" and re.fullmatch("/?[0-9]{1,2}", text):
        help = [f"a length is `{found.key.replace('NETMASK', 'PREFIX')}={text.lstrip('/')}`"]
    elif "/" in text:
        address, _, length = text.partition("/")
        help = [f"write `{address}`, and `{found.key.replace('IPADDR', 'PREFIX')}={length}`"] if key == "IPADDR" else []
    elif key == "GATEWAY" and _is_ip(text):
        help = ["call it `IPV6_DEFAULTGW`"]
    elif key == "IPADDR" and _is_ip(text):
        help = ["call it `IPV6ADDR`"]
    else:
        help = []
    label = "NetworkManager refuses the file, the scripts go on without it"
    kind = "an address" if key == "DNS" else "an IPv4 address" if key != "NETMASK" else "a netmask"
    diagnostics.error("ifcfg-address", f"`{text}` is not {kind}", found.at, label, help=help)


def _is_ip(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _check_host(ip: IPv4Address, at: Assignment, diagnostics: Diagnostics) -> None:
    if ip.is_multicast or int(ip) in (0, 2**32 - 1):
        label = "no interface can have it"
        diagnostics.error("ifcfg-address", f"`{ip}` as an address", at.at, label)


def _check_length(interface: Interface, number: str, diagnostics: Diagnostics) -> None:
    variables = interface.set
    address = variables.get(f"IPADDR{number}")
    prefix, netmask = variables.get(f"PREFIX{number}"), variables.get(f"NETMASK{number}")
    if prefix and prefix.value is not None and not re.fullmatch("[0-9]|[12][0-9]|3[0-2]", prefix.value):
        label = "expected a number from 0 to 32"
        help = [f"a mask is `{prefix.key.replace('PREFIX', 'NETMASK')}={prefix.value}`"] if "." in prefix.value else []
        diagnostics.error("ifcfg-netmask", f"`{prefix.value}` as PREFIX", prefix.at, label, help=help)
        return
    length = length_of(netmask.value) if netmask and netmask.value else None
    if netmask and netmask.value and length is None:
        if re.fullmatch(r"[0-9]+(?:\.[0-9]+){3}", netmask.value):
            label = "its ones have a gap: no reader can use it"
            diagnostics.error("ifcfg-netmask", f"`{netmask.value}` is no netmask", netmask.at, label)
    elif prefix and prefix.value and netmask and length is not None and int(prefix.value) != length:
        diagnostics.warning(
            "ifcfg-netmask",
            f"`NETMASK` is a /{length}, `PREFIX` a /{prefix.value}",
            netmask.at,
            "this one is ignored",
            also=[Label(prefix.at, "this one counts")],
            help=["delete `NETMASK`"],
        )
    elif address and _is_ip(address.value or "") and not (prefix or netmask) and not _may_lack_length(interface):
        diagnostics.warning(
            "ifcfg-netmask",
            f"`{address.key}` without `PREFIX{number}` or `NETMASK{number}`",
            address.named,
            "each reader guesses another one: EL6 and EL7 a /24, EL8 a /32",
            help=[f"add `PREFIX{number}=24`, or the length that is meant"],
        )


def _may_lack_length(interface: Interface) -> bool:
    """An alias has that of its parent; a port has no address, and a point-to-point link no subnet."""
    if not interface.set.whole:
        return True
    if interface.parent is not None or interface.master is not None or interface.is_dynamic:
        return True
    return interface.type in ("xdsl", "modem", "isdn") or bool(interface.set.get("REMIP"))


def numbering(interface: Interface, diagnostics: Diagnostics) -> None:
    """`expand_config` looks for IPADDR, IPADDR0, IPADDR1 and then on until one is missing; DNS from 1 on."""
    variables = interface.set
    for key, missing in (("IPADDR", 2), ("DNS", 1)):
        numbers = {int(number) for number in numbers_of(key, variables) if number}
        while missing in numbers:
            missing += 1
        for number in sorted(number for number in numbers if number > missing):
            found = variables.get(f"{key}{number}")
            if found is not None:
                diagnostics.warning(
                    "ifcfg-number",
                    f"`{found.key}` without `{key}{missing}`",
                    found.named,
                    "the readers count up and stop at the gap",
                    help=["number them without a gap"],
                )
    for key in ("PREFIX", "NETMASK"):
        for suffix in numbers_of(key, variables):
            found = variables.get(f"{key}{suffix}")
            if found and variables.lacks(f"IPADDR{suffix}") and interface.master is None and interface.parent is None:
                diagnostics.warning(
                    "ifcfg-number",
                    f"`{found.key}` without `IPADDR{suffix}`",
                    found.named,
                    "there is no address that it could belong to",
                    help=[f"add `IPADDR{suffix}`, or delete it"],
                )


def derived_addresses(interface: Interface, diagnostics: Diagnostics) -> None:
    """NETWORK and BROADCAST are deprecated; ifup-eth sets the default route only if GATEWAY is in NETWORK."""
    first = interface.addresses[0] if interface.addresses else None
    if first is None or first.interface is None:
        return
    network = first.interface.network
    right = {"NETWORK": network.network_address, "BROADCAST": network.broadcast_address}
    why = {
        "NETWORK": "the scripts compare the gateway with it, and set no default route",
        "BROADCAST": "the scripts give it to the interface as it is",
    }
    for key, address in right.items():
        found = interface.set.get(key)
        if found and found.value and _is_ip(found.value) and found.value != str(address) and network.prefixlen < 31:
            help = [f"delete it: it is worked out to be `{address}`"]
            message = f"`{found.value}` is not the {key.lower()} address of {network}"
            diagnostics.error("ifcfg-derived-address", message, found.at, why[key], help=help)


def gateway(interface: Interface, diagnostics: Diagnostics) -> None:
    """ifup-eth: the route is set if `ipcalc --network GATEWAY netmask` equals NETWORK, and else not, without a word."""
    variables = interface.set
    found = variables.get("GATEWAY") or variables.get("GATEWAY0")
    if found is None or found.value is None or interface.master is not None or interface.parent is not None:
        return
    if not _is_ip(found.value) or ":" in found.value:
        return
    if interface.is_dynamic and not interface.addresses:
        return
    own = [address for address in interface.addresses if address.interface]
    if not interface.addresses:
        if variables.lacks("IPADDR", "IPADDR0", "IPADDR1", "MY_INNER_IPADDR", "PEER_INNER_IPADDR"):
            label = "the interface has no address from which it could be reached"
            help = ["move it to the interface that has the address"]
            diagnostics.warning("ifcfg-gateway", "a gateway without an address", found.named, label, help=help)
        return
    ip = IPv4Address(found.value)
    same = next((address for address in interface.addresses if address.ip == ip), None)
    if same is not None:
        label = "no packet leaves by way of its own sender"
        also = [Label(same.at.at, "the address")]
        diagnostics.error("ifcfg-gateway", "the gateway is the interface itself", found.at, label, also=also)
    elif len(own) < len(interface.addresses) or variables.get("GATEWAYDEV"):
        return
    elif (first := own[0]).interface is not None and ip not in first.interface.network:
        elsewhere = any(ip in address.interface.network for address in own if address.interface)
        (diagnostics.warning if elsewhere else diagnostics.error)(
            "ifcfg-gateway",
            f"the gateway `{ip}` is not in {first.interface.network}",
            found.at,
            "the scripts look at the first address only, and set no default route"
            if elsewhere
            else "the scripts set no default route, and say nothing",
            also=[Label(first.at.at, "the subnet is that of this address")],
            help=["let the address of the gateway's subnet be the first"] if elsewhere else (),
        )


def boot(interface: Interface, diagnostics: Diagnostics) -> None:
    """What is worth to know, and right as it may be."""
    variables = interface.set
    controlled = variables.get("NM_CONTROLLED")
    if controlled and interface.without_networkmanager:
        diagnostics.note(
            "ifcfg-nm-controlled",
            "`NM_CONTROLLED=no`",
            controlled.at,
            "only the service `network` brings it up, which EL8 and later do not have by themselves",
        )
    if interface.parent is None and interface.name != "lo" and variables.lacks("ONBOOT"):
        label = "both readers take that for yes"
        help = ["add `ONBOOT=yes`, or `no`"]
        diagnostics.note("ifcfg-onboot", "no `ONBOOT`", interface.beginning, label, help=help)


RULES = (
    unknown_keys,
    hidden_by_comments,
    booleans,
    bootproto,
    interface_type,
    device,
    device_name,
    ports,
    bonding_options,
    vlan,
    macs,
    mtu,
    bridge,
    addresses,
    numbering,
    derived_addresses,
    gateway,
    boot,
)
