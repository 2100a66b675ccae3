"""In: a lab's topology. Out: warnings about expectations that the lab plainly cannot meet."""

from __future__ import annotations

from collections.abc import Hashable
from ipaddress import IPv4Network

from gen.check.topology import Topology, called
from gen.diagnostics import Diagnostics
from gen.model import HOST, Expect


def contradicted_expects(topology: Topology, diagnostics: Diagnostics) -> None:
    """Only what is certain: no path at all between two ends, or one wire and one subnet for both."""
    places = _Places(topology)
    for expect in topology.lab.expects:
        label = places.no_way(expect) if expect.reaches else places.no_barrier(expect)
        if label is not None:
            diagnostics.warning(
                "contradicted-expect",
                f"the lab contradicts this: {called(expect.source)} "
                f"{'does not reach' if expect.reaches else 'does reach'} {_target(expect)}",
                expect.at,
                label,
                help=["join them by a router" if expect.reaches else "put one of them on another network"],
            )


def _target(expect: Expect) -> str:
    return f"`{expect.address}`" if expect.target is None else called(expect.target)


class _Places:
    """The segments that everyone is on, and the subnets that they have there."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._on: dict[str, dict[int, set[IPv4Network]]] = {HOST: {}}
        self._beyond = {vm.name for vm in topology.lab.vms if any(nic.network is None for nic in vm.nics)}
        self._open = {topology.reach(number) for number, segment in enumerate(topology.segments) if segment.open}
        self._open |= {topology.reach(number) for number in topology.forwarding_host_legs().values()}
        self._subnets: dict[Hashable, set[IPv4Network]] = {}
        for station in topology.stations():
            self._subnets.setdefault(topology.reach(station.segment), set()).add(station.subnet)
        for number in topology.host_legs.values():
            self._on[HOST].setdefault(number, set())
        for name, legs in topology.legs.items():
            self._on[name] = {leg.segment: set() for leg in legs}
        for number, segment in enumerate(topology.segments):
            leased = {server.dhcp.server.network for server in segment.servers if server.dhcp.server}
            for vm, nic in segment.guests:
                self._on.setdefault(vm, {}).setdefault(number, set()).update(() if nic.address else leased)
            for station in segment.stations:
                if not station.published and station.owner in self._on:
                    self._on[station.owner].setdefault(number, set()).add(station.subnet)

    def no_way(self, expect: Expect) -> str | None:
        """Why the source cannot reach the target, where that is certain."""
        if expect.source in self._beyond or (expect.target in self._beyond and expect.source == HOST):
            return None
        ours = self._reached_from(expect.source)
        if expect.target is not None:
            if ours & self._reached_from(expect.target) or expect.source == expect.target:
                return None
            return "no network, link or router joins the two"
        assert expect.address is not None
        subnets = (subnet for reach in ours for subnet in self._subnets.get(reach, ()))
        if ours & self._open or any(expect.address in subnet for subnet in subnets):
            return None
        return "nothing that it is joined to has this address"

    def no_barrier(self, expect: Expect) -> str | None:
        """Why the source does reach the target, where that is certain. A port may be closed for all we know."""
        if expect.port is not None or expect.target is None or expect.source == expect.target:
            return None
        ours, theirs = self._on.get(expect.source, {}), self._on.get(expect.target, {})
        if any(ours[number] & theirs[number] for number in ours.keys() & theirs.keys()):
            return "both are in the same subnet of the same network"
        return None

    def _reached_from(self, name: str) -> set[Hashable]:
        return {self._topology.reach(number) for number in self._on.get(name, ())}
