"""In: a lab's topology. Out: diagnostics about subnets: those that overlap, and links whose ends do not share one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from ipaddress import IPv4Network

from gen.check.topology import Station, Topology
from gen.check.wording import comes_first
from gen.diagnostics import Diagnostics, Label
from gen.model import HOST


def overlapping_subnets(topology: Topology, diagnostics: Diagnostics) -> None:
    """Where something chooses between segments by address, their subnets differ.

    That is the host, each node, and the routers of a routing domain together.
    """
    pairs = _Pairs(topology)
    kinds = {network.name: network.kind for network in topology.lab.networks}
    by_owner: dict[str, list[Station]] = {}
    domains: dict[Hashable, list[Station]] = {}
    for station in topology.stations():
        by_owner.setdefault(station.owner, []).append(station)
        domains.setdefault(topology.realm(station.segment), []).append(station)
    for one, other in pairs.among(by_owner.get(HOST, ())):
        if one.nic not in kinds and other.nic not in kinds:
            continue
        if one.nic not in kinds or other.nic not in kinds:
            _report_clash(*((one, other) if one.nic not in kinds else (other, one)), diagnostics)
        elif kinds[one.nic] == kinds[other.nic] == "isolated":
            _report_ambiguous(one, other, diagnostics)
        else:
            _report_overlap(one, other, "the host", diagnostics)
    for node in topology.lab.nodes:
        for one, other in pairs.among(by_owner.get(node.name, ())):
            if node.forwards:
                _report_overlap(one, other, f"`{node.name}`", diagnostics)
            else:
                _report_ambiguous(one, other, diagnostics)
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
            segment = self._topology.segments[station.segment]
            if station.subnet.prefixlen < 32 and not segment.overlap_allowed and segment.fits(station):
                subnets.setdefault((station.segment, station.subnet), station)
        # Of two subnets that overlap one holds the other, so what holds the next one is what is still open.
        open: list[Station] = []
        for station in sorted(subnets.values(), key=lambda station: (station.subnet, station.at.start)):
            while open and int(open[-1].subnet.broadcast_address) < int(station.subnet.network_address):
                open.pop()
            around = next((other for other in reversed(open) if other.segment != station.segment), None)
            if around is not None:
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
        help=["use another subnet; a network may also say `overlap allowed`"],
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
        f"the subnet {new.subnet} overlaps one that the host is in",
        new.at,
        f"`{new.nic}` would be a second way to it",
        also=[Label(existing.at, f"the host has {existing.subnet} on `{existing.nic}`")],
        help=["use a subnet that the host is not in"],
    )


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
