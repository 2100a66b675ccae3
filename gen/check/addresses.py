"""In: a lab's topology. Out: diagnostics about MACs and addresses: who has which, and whether it can be had there."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from gen.check.topology import LAN, Station, Topology
from gen.check.wording import comes_first, piece
from gen.diagnostics import Diagnostics, Label
from gen.model import HOST
from gen.source import Span

UNUSABLE = {
    0: "0.0.0.0/8 means this very network",
    127: "127.0.0.0/8 never leaves a machine",
    **dict.fromkeys(range(224, 240), "224.0.0.0/4 is multicast, addresses of groups"),
    **dict.fromkeys(range(240, 256), "240.0.0.0/4 is reserved, and the kernel routes none of it"),
}
"""By an address's first number, why no interface has it."""


def duplicate_macs(topology: Topology, diagnostics: Diagnostics) -> None:
    """One MAC, one interface: a switch cannot tell two apart, and neither can DHCP."""
    seen: dict[str, _Use] = {}
    for mac, use in _macs(topology):
        first = seen.setdefault(mac, use)
        if first is not use:
            diagnostics.error(
                "duplicate-mac",
                f"the MAC `{mac}` is used twice",
                use.at,
                f"used again here, by `{use.owner}`",
                also=[Label(first.at, f"first used here, by `{first.owner}`")],
                help=["leave `mac` out, and each nic gets one of its own"],
            )


class _Use(NamedTuple):
    at: Span
    owner: str


def _macs(topology: Topology) -> Iterator[tuple[str, _Use]]:
    for network in topology.lab.networks:
        if network.mac is not None:
            yield network.mac, _Use(network.mac_at or network.at, network.name)
    for node in topology.lab.nodes:
        for nic in node.nics:
            if nic.mac is not None:
                yield nic.mac, _Use(nic.mac_at or nic.at, node.name)
    for vm in topology.lab.vms:
        for card in vm.nics:
            yield card.mac, _Use(card.mac_at or card.at, vm.name)


def unusable_addresses(topology: Topology, diagnostics: Diagnostics) -> None:
    """A host's address is neither its subnet's own, nor the subnet's broadcast, nor from a special block."""
    for station in topology.stations():
        ip, subnet = int(station.interface), station.subnet
        first, last = int(subnet.network_address), int(subnet.broadcast_address)
        if ip >> 24 in UNUSABLE and not (ip >> 24 == 127 and station.nic == "lo"):
            diagnostics.error(
                "unusable-address",
                f"no interface can have `{station.ip}`",
                station.at,
                UNUSABLE[ip >> 24],
                help=["addresses that are free to use start with `10.`, `192.168.` or `172.16.` to `172.31.`"],
            )
        elif subnet.prefixlen < 31 and ip == first:
            diagnostics.error(
                "network-address",
                f"`{station.ip}` is the address of the network itself",
                station.at,
                f"the first address of {subnet}",
                help=[f"its hosts are {IPv4Address(first + 1)} to {IPv4Address(last - 1)}"],
            )
        elif subnet.prefixlen < 31 and ip == last:
            diagnostics.error(
                "broadcast-address",
                f"`{station.ip}` is the broadcast address",
                station.at,
                f"the last address of {subnet}, which means all of them",
                help=[f"its hosts are {IPv4Address(first + 1)} to {IPv4Address(last - 1)}"],
            )


def duplicate_addresses(topology: Topology, diagnostics: Diagnostics) -> None:
    """One address, one machine, as far as routing reaches."""
    first: dict[tuple[Hashable, int], Station] = {}
    for number, segment in enumerate(topology.segments):
        realm = topology.realm(number)
        for station in filter(segment.fits, segment.stations):
            other = first.setdefault((realm, int(station.interface)), station)
            if other.owner != station.owner and not _waived(topology, other, station):
                _report_duplicate(other, station, diagnostics)


def _waived(topology: Topology, one: Station, other: Station) -> bool:
    if one.segment == other.segment:
        return False
    return any(topology.segments[station.segment].overlap_allowed for station in (one, other))


def _report_duplicate(one: Station, other: Station, diagnostics: Diagnostics) -> None:
    # What is there already cannot be the mistake.
    if other.owner == LAN or (one.owner != LAN and not comes_first(one.at, other.at)):
        one, other = other, one
    help = ["every machine needs one of its own; on a guest, `address auto` takes a free one"]
    if one.segment != other.segment:
        help = ["routers join the two: change one; a network may also say `overlap allowed`"]
    diagnostics.error(
        "duplicate-address",
        f"the address `{other.ip}` is used twice",
        piece(other.at, other.ip) if other.published else other.at,
        f"used again here, by {other.who}",
        also=[Label(one.at, f"first used here, by {one.who}")],
        help=help,
    )


def addresses_outside_network(topology: Topology, diagnostics: Diagnostics) -> None:
    """What is on a network has an address in it, with the same prefix length. A /32 stands outside on purpose."""
    gateways = _gateways(topology)
    for segment in topology.segments:
        for station in segment.stations:
            subnet = station.subnet
            if not segment.subnets or subnet.prefixlen == 32 or station.owner == HOST:
                continue
            own = segment.subnet_of(station.ip)
            if own == subnet:
                continue
            # A LAN may have more subnets than the host knows of: one with a gateway is meant.
            if own is None and segment.open and any(gateway in subnet for gateway in gateways[station.owner]):
                continue
            what = f"`{segment.networks[0].name}`" if segment.networks else "its link"
            if own is None:
                expected, decider = next(iter(segment.subnets.items()))
                diagnostics.error(
                    "address-outside-network",
                    f"`{station.ip}` is outside of {what}",
                    station.at,
                    f"not in {expected}",
                    also=[Label(decider.at, f"{decider.who} says here what is on {what}")],
                    help=[f"take an address of {expected}"],
                )
            elif not segment.overlap_allowed:
                decider = segment.subnets[own]
                diagnostics.error(
                    "prefix-differs",
                    f"`{station.interface}` has another prefix length than {what}",
                    station.at,
                    f"/{subnet.prefixlen} here",
                    also=[Label(decider.at, f"/{own.prefixlen} here")],
                    help=[f"write `{station.ip}/{own.prefixlen}`"],
                )


def _gateways(topology: Topology) -> dict[str, list[IPv4Address]]:
    """The gateways that each vm and node names."""
    gateways = {
        node.name: [route.gateway for route in node.routes if route.gateway is not None] for node in topology.lab.nodes
    }
    for vm in topology.lab.vms:
        gateways[vm.name] = [nic.gateway for nic in vm.nics if nic.gateway is not None]
    return gateways
