"""In: an ifcfg file of openSUSE's dialect. Out: diagnostics. wicked reads it: ifcfg(5), ifcfg-bridge(5)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_interface

from gen.diagnostics import Diagnostics, did_you_mean
from gen.lint_ifcfg.interface import YES, Interface
from gen.lint_ifcfg.settings import check_keys

_STARTMODES = ("auto", "manual", "hotplug", "ifplugd", "nfsroot", "off", "onboot", "on", "boot")
_BOOTPROTOS = ("static", "dhcp", "dhcp4", "dhcp6", "autoip", "auto6", "6to4", "none", "ibft")


def check(interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """The rules of the dialect; those of Red Hat's do not hold there."""
    for interface in interfaces:
        check_keys(interface.set, diagnostics, suse=True)
        _check_words(interface, diagnostics)
        _check_addresses(interface, diagnostics)


def _check_words(interface: Interface, diagnostics: Diagnostics) -> None:
    variables = interface.set
    mode, protocol, ports = (variables.get(key) for key in ("STARTMODE", "BOOTPROTO", "BRIDGE_PORTS"))
    if mode and mode.value and mode.value not in _STARTMODES:
        meant = did_you_mean(mode.value, _STARTMODES)
        label = "wicked takes it for `manual`: the interface stays down at boot"
        diagnostics.error("ifcfg-startmode", f"unknown STARTMODE `{mode.value}`", mode.at, label, help=meant)
    elif variables.lacks("STARTMODE") and interface.name != "lo":
        label = "wicked takes that for `manual`: the interface stays down at boot"
        help = ["add `STARTMODE=auto`"]
        diagnostics.warning("ifcfg-startmode", "no `STARTMODE`", interface.beginning, label, help=help)
    if protocol and protocol.value and not set(protocol.value.split("+")) <= set(_BOOTPROTOS):
        meant = did_you_mean(protocol.value, _BOOTPROTOS)
        label = "wicked takes it for `static`"
        diagnostics.error("ifcfg-bootproto", f"unknown BOOTPROTO `{protocol.value}`", protocol.at, label, help=meant)
    if ports and variables.whole and not YES.fullmatch(variables.value("BRIDGE")):
        label = "without `BRIDGE=yes` wicked makes no bridge"
        diagnostics.error(
            "ifcfg-bridge", "`BRIDGE_PORTS` outside a bridge", ports.named, label, help=["add `BRIDGE=yes`"]
        )


def _check_addresses(interface: Interface, diagnostics: Diagnostics) -> None:
    for each in interface.set.all:
        if not each.key.startswith("IPADDR") or not each.value:
            continue
        try:
            ip_interface(each.value)
        except ValueError:
            label = "expected an address, with or without `/` and a length"
            diagnostics.error("ifcfg-address", f"`{each.value}` is not an address", each.at, label)
            continue
        suffix = each.key.removeprefix("IPADDR")
        if "/" not in each.value and interface.set.lacks(f"PREFIXLEN{suffix}", f"NETMASK{suffix}"):
            label = "wicked takes it for the whole network"
            help = [f"write `{each.value}/24`, or the length that is meant"]
            diagnostics.warning("ifcfg-netmask", f"`{each.key}` without a length", each.at, label, help=help)
