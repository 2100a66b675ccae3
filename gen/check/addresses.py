"""In: a lab's topology. Out: diagnostics about MACs, addresses, subnets and default gateways."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from gen.check.topology import LAN, Segment, Station, Topology
from gen.check.wording import comes_first, piece
from gen.diagnostics import Diagnostics, Label
from gen.model import HOST, VmNic
from gen.source import Span

UNUSABLE = {
    IPv4Network("0.0.0.0/8"): "0.0.0.0/8 means this very network",
    IPv4Network("127.0.0.0/8"): "127.0.0.0/8 never leaves a machine",
    IPv4Network("224.0.0.0/4"): "224.0.0.0/4 is multicast, addresses of groups",
    IPv4Network("240.0.0.0/4"): "240.0.0.0/4 is reserved, and the kernel routes none of it",
}


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
    for station in _stations(topology):
        ip, subnet = int(station.interface), station.subnet
        first, last = int(subnet.network_address), int(subnet.broadcast_address)
        if not 0x01000000 <= ip < 0xE0000000 or ip >> 24 == 127:
            why = next(why for block, why in UNUSABLE.items() if station.ip in block)
            if station.nic != "lo":
                diagnostics.error(
                    "unusable-address",
                    f"no interface can have `{station.ip}`",
                    station.at,
                    why,
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


def _stations(topology: Topology) -> Iterator[Station]:
    for segment in topology.segments:
        yield from segment.stations


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
        help = ["routers join the two: change one, or say `overlap allowed` in one of the networks"]
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


def link_ends_apart(topology: Topology, diagnostics: Diagnostics) -> None:
    """The two ends of a cable mostly share a subnet."""
    ends = {(node, leg.name): leg for node, legs in topology.legs.items() for leg in legs}
    for link in topology.lab.links:
        left, right = (ends[end.node, end.nic] for end in (link.left, link.right))
        ours, theirs = ([address.subnet for address in leg.addresses] for leg in (left, right))
        together = any(
            32 in (one.prefixlen, other.prefixlen) or one.overlaps(other) for one in ours for other in theirs
        )
        # Where only one end decides on the cable's subnet, the other is reported as outside of it.
        decided = topology.segments[left.segment].subnets.keys()
        if ours and theirs and not together and (not decided or {*ours, *theirs} <= decided):
            diagnostics.warning(
                "link-ends-apart",
                f"the ends of the link between `{link.left.node}` and `{link.right.node}` share no subnet",
                right.addresses[0].at,
                f"in {theirs[0]}",
                also=[Label(left.addresses[0].at, f"in {ours[0]}")],
                help=["neither end can answer the other without a route"],
            )


# Subnets


def overlapping_subnets(topology: Topology, diagnostics: Diagnostics) -> None:
    """Where something chooses between segments by address, their subnets differ.

    That is the host, each node, and the routers of a routing domain together.
    """
    pairs = _Pairs(topology)
    kinds = {network.name: network.kind for network in topology.lab.networks}
    for one, other in pairs.among([station for station in _stations(topology) if station.owner == HOST]):
        if one.nic not in kinds and other.nic not in kinds:
            continue
        if one.nic not in kinds or other.nic not in kinds:
            _report_clash(*((one, other) if one.nic not in kinds else (other, one)), diagnostics)
        elif kinds[one.nic] == kinds[other.nic] == "isolated":
            _report_ambiguous(one, other, diagnostics)
        else:
            _report_overlap(one, other, "the host", diagnostics)
    for node in topology.lab.nodes:
        legs = {leg.segment: leg for leg in topology.legs[node.name]}
        own = [station for number in legs for station in topology.segments[number].stations]
        for one, other in pairs.among([station for station in own if station.owner == node.name]):
            if node.forwards:
                _report_overlap(one, other, f"`{node.name}`", diagnostics)
            else:
                _report_ambiguous(one, other, diagnostics)
    domains: dict[Hashable, list[Station]] = {}
    for number, segment in enumerate(topology.segments):
        domains.setdefault(topology.realm(number), []).extend(segment.stations)
    for stations in domains.values():
        for one, other in pairs.among(stations):
            _report_overlap(one, other, "the routers between them", diagnostics)


class _Pairs:
    """Finds overlaps of subnets between segments, each pair of subnets once in all."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._found: set[frozenset[tuple[int, IPv4Network]]] = set()

    def among(self, stations: Iterable[Station]) -> Iterator[tuple[Station, Station]]:
        """The stations whose subnets overlap, in the order of the source."""
        subnets: dict[tuple[int, IPv4Network], Station] = {}
        for station in stations:
            if station.subnet.prefixlen < 32 and self._topology.segments[station.segment].fits(station):
                subnets.setdefault((station.segment, station.subnet), station)
        # Of two subnets that overlap one holds the other, so what holds the next one is what is still open.
        open: list[Station] = []
        for station in sorted(subnets.values(), key=lambda station: (station.subnet, station.at.start)):
            while open and int(open[-1].subnet.broadcast_address) < int(station.subnet.network_address):
                open.pop()
            around = next((other for other in reversed(open) if other.segment != station.segment), None)
            if around is not None and not _waived(self._topology, around, station):
                pair = frozenset((one.segment, one.subnet) for one in (around, station))
                if pair not in self._found:
                    self._found.add(pair)
                    yield (around, station) if comes_first(around.at, station.at) else (station, around)
            open.append(station)


def _report_overlap(one: Station, other: Station, chooser: str, diagnostics: Diagnostics) -> None:
    diagnostics.error(
        "overlapping-subnets",
        f"the subnets {one.subnet} and {other.subnet} overlap"
        if one.subnet != other.subnet
        else f"the subnet {one.subnet} is in two places",
        other.at,
        f"{chooser} cannot tell this one",
        also=[Label(one.at, "from this one")],
        help=["use another subnet, or say `overlap allowed` in one of the networks"],
    )


def _report_ambiguous(one: Station, other: Station, diagnostics: Diagnostics) -> None:
    diagnostics.warning(
        "ambiguous-subnet",
        f"{other.who} has {other.subnet} on two interfaces",
        other.at,
        "and here",
        also=[Label(one.at, "here")],
        help=[f"what {other.who} itself sends to it leaves by one of the two only"],
    )


def _report_clash(existing: Station, new: Station, diagnostics: Diagnostics) -> None:
    diagnostics.error(
        "clash-with-host",
        f"the subnet {new.subnet} is on the host already",
        new.at,
        f"`{new.nic}` would be a second way to it",
        also=[Label(existing.at, f"the host has {existing.subnet} on `{existing.nic}`")],
        help=["use a subnet that the host is not in"],
    )


# Gateways


def wrong_gateways(topology: Topology, diagnostics: Diagnostics) -> None:
    """A default gateway is a neighbour: in the subnet, someone else, and there."""
    for nic in topology.lab.host:
        addresses = [address.interface for address in nic.addresses]
        if nic.gateway is not None and addresses and all(address.network.prefixlen < 32 for address in addresses):
            at = nic.gateway_at or nic.at
            if any(nic.gateway == address.ip for address in addresses):
                _report_own_gateway(nic.gateway, at, "the host", diagnostics)
            elif not any(nic.gateway in address.network for address in addresses):
                _report_far_gateway(nic.gateway, at, addresses[0].network, nic.addresses[0].at, diagnostics)
    for number, segment in enumerate(topology.segments):
        for vm, card in segment.guests:
            if card.gateway is None or card.gateway_at is None:
                continue
            gateway, at = card.gateway, card.gateway_at
            near = _near(segment, card)
            if card.address is not None and gateway == card.address.ip:
                _report_own_gateway(gateway, at, f"`{vm}`", diagnostics)
            elif near and not any(gateway in subnet for subnet in near):
                _report_far_gateway(gateway, at, *next(iter(near.items())), diagnostics)
            elif topology.is_nobody(number, gateway) and (not segment.subnets or segment.subnet_of(gateway)):
                diagnostics.warning(
                    "gateway-of-nobody",
                    f"nobody has the gateway's address `{gateway}`",
                    at,
                    f"not an address of anything on `{card.network}`",
                    help=_help_for_nobody(topology, segment),
                )


def _near(segment: Segment, card: VmNic) -> dict[IPv4Network, Span]:
    """The subnets in one of which the guest's gateway must be, and where they are written; none where any will do.

    Where the guest's own address is out of place, that is the mistake, and not what its gateway is.
    """
    known = {subnet: station.at for subnet, station in segment.subnets.items()}
    if card.address is None:
        return known
    own = card.address.network
    if own.prefixlen == 32:
        return {}
    return {own: card.address_at or card.at, **({} if own in known else known)}


def _help_for_nobody(topology: Topology, segment: Segment) -> list[str]:
    routers = {node.name for node in topology.lab.nodes if node.forwards} | {HOST}
    found = [station for station in segment.stations if station.owner in routers and not station.published]
    return [f"{station.who} is `{station.ip}` there" for station in found[:3]]


def _report_own_gateway(gateway: IPv4Address, at: Span, who: str, diagnostics: Diagnostics) -> None:
    diagnostics.error(
        "gateway-is-self", f"`{gateway}` is {who} itself", at, "a gateway is somebody else", help=["name the router"]
    )


def _report_far_gateway(
    gateway: IPv4Address, at: Span, subnet: IPv4Network, subnet_at: Span, diagnostics: Diagnostics
) -> None:
    diagnostics.error(
        "gateway-outside-subnet",
        f"the gateway `{gateway}` is not in the subnet {subnet}",
        at,
        "not a neighbour",
        also=[Label(subnet_at, f"the subnet is {subnet}")],
        help=[f"name a router in {subnet}"],
    )
