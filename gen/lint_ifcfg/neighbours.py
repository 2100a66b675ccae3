"""In: all ifcfg files of a folder of Red Hat's dialect. Out: diagnostics about what is only wrong between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network

from gen.diagnostics import Diagnostics, Label, did_you_mean
from gen.lint_ifcfg.assignments import Assignment
from gen.lint_ifcfg.interface import NO, Interface

_KINDS = {"BRIDGE": "bridge", "MASTER": "bond", "TEAM_MASTER": "team"}


def check(interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """All rules about files that belong together."""
    for rule in RULES:
        rule(interfaces, diagnostics)


def masters(interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """ifup-eth makes a bridge that BRIDGE names and nobody describes, bare; a bond it does not."""
    for port in interfaces:
        master = port.master
        if master is None or not master.value or master.key.endswith("_UUID"):
            continue
        kind = _KINDS[master.key]
        if master.value == port.device:
            label = "an interface cannot be a port of its own"
            diagnostics.error("ifcfg-master", f"`{port.device}` is its own {kind}", master.at, label)
            continue
        named = [each for each in interfaces if each.parent is None and _is_called(each, master.value)]
        if not named:
            known = [each.device for each in interfaces if each.is_bridge or each.is_bond or each.type == "team"]
            label = "no file describes it"
            if kind == "bridge":
                label += ": the scripts make a bare one, without address, NetworkManager makes none"
            help = did_you_mean(master.value, known) or [f"add `ifcfg-{master.value}`"]
            diagnostics.error("ifcfg-master", f"there is no {kind} `{master.value}`", master.at, label, help=help)
        elif not any(_is_kind(each, kind) for each in named):
            also = [Label(named[0].beginning, "described here")]
            kind_help = {"bridge": "`TYPE=Bridge`", "bond": "`BONDING_OPTS`", "team": "`TEAM_CONFIG`"}[kind]
            help = [f"add {kind_help} to `ifcfg-{named[0].name}`"]
            message = f"`{master.value}` is no {kind}"
            diagnostics.error("ifcfg-master", message, master.at, f"expected a {kind}", also=also, help=help)
        elif kind == "bridge" and any(each.boots for each in named) and not port.boots:
            onboot = port.set.get("ONBOOT")
            assert onboot is not None
            label = f"after a reboot `{master.value}` is there, without this port"
            diagnostics.warning(
                "ifcfg-port-stays-down", f"the port `{port.device}` does not come up at boot", onboot.at, label,
                help=["write `ONBOOT=yes`"],
            )  # fmt: skip


def _is_called(interface: Interface, name: str) -> bool:
    """NetworkManager also finds a master by the name or UUID of its connection."""
    return name in (interface.device, interface.set.value("UUID"), interface.set.value("NAME"))


def _is_kind(interface: Interface, kind: str) -> bool:
    if kind == "bridge":
        return interface.is_bridge or interface.type.startswith("ovs")
    if kind == "bond":
        # The bonding options may stand in /etc/modprobe.d instead.
        return interface.is_bond or interface.type in ("", "ethernet")
    return (
        interface.type == "team"
        or interface.set.get("TEAM_CONFIG") is not None
        or bool(interface.set.get("DEVICETYPE"))
    )


def ports(interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """What a bridge or bond needs to have or to bring its ports."""
    used = {each.master.value for each in interfaces if each.master is not None}
    for interface in interfaces:
        has_ports = any(_is_called(interface, value) for value in used if value)
        if interface.is_bond and not has_ports and interface.boots and interface.parent is None:
            label = "a bond without ports has no link, and passes nothing"
            help = [f"add `MASTER={interface.device}` and `SLAVE=yes` to the files of its ports"]
            diagnostics.warning(
                "ifcfg-bond-without-ports", "no file names this bond", interface.beginning, label, help=help
            )
        managed = not interface.without_networkmanager
        if interface.is_bridge and managed and has_ports and interface.set.lacks("AUTOCONNECT_SLAVES"):
            label = "`nmcli connection up` of the bridge leaves its ports out"
            help = ["add `AUTOCONNECT_SLAVES=yes`"]
            message = "a bridge with ports, without `AUTOCONNECT_SLAVES`"
            diagnostics.note("ifcfg-autoconnect", message, interface.beginning, label, help=help)


def same_things(interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """Two files for one device, card or connection: the scripts act on both, NetworkManager on one of them."""
    for key, why in (
        ("DEVICE", "the scripts set up both, one over the other"),
        ("HWADDR", "one card cannot be two interfaces"),
        ("MACADDR", "on one network the two are taken for each other"),
        ("UUID", "NetworkManager takes one of the two connections only"),
    ):
        first: dict[str, tuple[Interface, Assignment]] = {}
        for interface in interfaces:
            found = interface.set.get(key)
            if found is None or not found.value or interface.parent is not None:
                continue
            # A VLAN has the address of its card; profiles that do not start by themselves are alternatives.
            if (key in ("HWADDR", "MACADDR") and interface.is_vlan) or (key != "UUID" and not interface.boots):
                continue
            if found.value.lower() in ("preserve", "permanent", "random", "stable"):
                continue
            earlier, place = first.setdefault(found.value.lower(), (interface, found))
            if earlier is interface or (key == "MACADDR" and _are_one_bridge(earlier, interface)):
                continue
            copied = key == "DEVICE" and found.value == earlier.name and interface.name != found.value
            help = ["is it a copy? keep copies outside the folder"] if copied else ["delete one, or give it its own"]
            message = f"two files have the {key} `{found.value}`"
            also = [Label(place.at, "the other one")]
            diagnostics.error("ifcfg-same-interface", message, found.at, why, also=also, help=help)


def _are_one_bridge(one: Interface, other: Interface) -> bool:
    """A bridge often bears the address of its port, and a bond that of its ports."""
    masters = [each.master.value for each in (one, other) if each.master is not None]
    return bool(masters) and (masters[0] in (one.device, other.device) or masters[0] == masters[-1])


def same_addresses(interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """One address twice, or one subnet on two interfaces."""
    addresses: dict[object, tuple[Interface, Assignment]] = {}
    subnets: dict[IPv4Network, tuple[Interface, Assignment]] = {}
    for interface in interfaces:
        if not interface.boots or interface.master is not None or interface.name == "lo":
            continue
        for address in interface.addresses:
            other, place = addresses.setdefault(address.ip, (interface, address.at))
            if place is not address.at:
                also = [Label(place.at, "the other one")]
                label = "the kernel answers for it on both" if other is not interface else "once is enough"
                message = f"the address `{address.ip}` is set twice"
                help = ["give each its own"]
                diagnostics.error("ifcfg-same-address", message, address.at.at, label, also=also, help=help)
                continue
            network = address.interface.network if address.interface else None
            if network is None or network.prefixlen > 30:
                continue
            other, place = subnets.setdefault(network, (interface, address.at))
            if _base(other) != _base(interface):
                also = [Label(place.at, f"`{other.device}` has it too")]
                label = "what the host sends to it leaves by one of the two only"
                message = f"the subnet {network} on two interfaces"
                diagnostics.warning("ifcfg-same-subnet", message, address.at.at, label, also=also)


def _base(interface: Interface) -> str:
    return re.split(r":|-range", interface.device)[0]


def gateways(interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """ifup-eth: `ip route replace default`, so that the last interface wins."""
    first: dict[str, tuple[Interface, Assignment]] = {}
    for interface in interfaces:
        found = interface.set.get("GATEWAY")
        if (
            found is None
            or ":" in (found.value or "")
            or not interface.boots
            or interface.master is not None
            or interface.parent is not None
        ):
            continue
        if NO.fullmatch(interface.set.value("DEFROUTE")) or interface.set.get("GATEWAYDEV"):
            continue
        metric = interface.set.value("METRIC") or interface.set.value("IPV4_ROUTE_METRIC")
        other, place = first.setdefault(metric, (interface, found))
        if other is not interface:
            also = [Label(place.at, "the other one")]
            label = "there is one default route: the last interface to come up has it"
            help = ["delete one, or tell them apart with `DEFROUTE=no` or `METRIC=`"]
            diagnostics.warning("ifcfg-two-gateways", "two default gateways", found.at, label, also=also, help=help)


def parents(interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """ifup-aliases reads `ifcfg-eth0:1` when it brings up `eth0`; by itself nobody reads it."""
    names = {each.name for each in interfaces if each.parent is None}
    for interface in interfaces:
        if interface.parent is not None and interface.parent not in names:
            help = did_you_mean(interface.parent, names) or [f"add `ifcfg-{interface.parent}`"]
            diagnostics.error(
                "ifcfg-alias-of-nothing",
                f"an alias of `{interface.parent}`, which no file describes",
                interface.beginning,
                "aliases are set up with the interface that they belong to",
                help=help,
            )
        elif interface.parent is not None and ":" in interface.name and interface.set.lacks("IPADDR", "IPV6ADDR"):
            diagnostics.error(
                "ifcfg-alias-of-nothing",
                "an alias without an address",
                interface.beginning,
                "ifup-aliases reads `IPADDR` alone, without a number, and passes the file over",
                help=["add `IPADDR=`"],
            )


RULES = (masters, ports, same_things, same_addresses, gateways, parents)
