"""In: a lab's machines. Out: who reaches whom, every pair of them, as groups of machines that are alike."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gen.reach.conversation import Conversation, try_to_reach
from gen.reach.linux import Machine, Protocol
from gen.reach.wiring import Machines


class Group(NamedTuple):
    """Machines that differ in nothing but their names and addresses; most groups have one member."""

    members: tuple[str, ...]

    @property
    def name(self) -> str:
        first, last = self.members[0], self.members[-1]
        return first if first == last else f"{first} ... {last}"


class Cell(NamedTuple):
    """Whether one of a group reaches one of another, or another one of the same. None: there is no address to try."""

    source: Group
    target: Group
    address: int | None
    found: Conversation | None


@dataclass(frozen=True, slots=True)
class Matrix:
    groups: tuple[Group, ...]
    cells: tuple[Cell, ...]


def matrix(machines: Machines, protocol: Protocol = "icmp", port: int = 0) -> Matrix:
    """Try every pair. Machines that can change places without a difference are tried once, by two of them."""
    groups = tuple(_groups(machines))
    return Matrix(groups, tuple(_cells(machines, groups, protocol, port)))


def _cells(machines: Machines, groups: tuple[Group, ...], protocol: Protocol, port: int) -> Iterator[Cell]:
    for source in groups:
        for target in groups:
            if source is target and len(source.members) == 1:
                continue
            tried = try_to_reach(machines, source.members[0], target.members[-1], protocol, port)
            yield Cell(source, target, *(tried or (None, None)))


def _groups(machines: Machines) -> Iterator[Group]:
    alike: dict[Hashable, list[str]] = {}
    prefixes, named = _told_apart(machines)
    for name, machine in machines.by_name.items():
        alike.setdefault(_likeness(machine, prefixes, named), []).append(name)
    for members in alike.values():
        yield Group(tuple(members))


def _told_apart(machines: Machines) -> tuple[list[tuple[int, int]], set[int]]:
    """What routes and rules tell addresses apart by: prefixes with their masks, and single addresses."""
    prefixes: set[tuple[int, int]] = set()
    named: set[int] = set()
    seen: set[int] = set()
    for machine in machines.by_name.values():
        for address in machine.local:
            (named if address in seen else seen).add(address)
        for route in machine.routes():
            prefixes.add((route.prefix, 0xFFFFFFFF << 32 - route.length & 0xFFFFFFFF))
            named |= {address for address in (route.gateway, route.source if route.gateway else None) if address}
        for rules in machine.rules.values():
            for rule in rules:
                prefixes |= {match[:2] for match in (rule.source, rule.destination) if match is not None}
                named |= {rule.to.address} if rule.to is not None else set()
        prefixes |= {(net.start, 0xFFFFFFFF ^ len(net) - 1) for net in machine.local_nets}
    named |= {prefix for prefix, mask in prefixes if mask == 0xFFFFFFFF}
    return sorted(pair for pair in prefixes if pair[1] != 0xFFFFFFFF), named


def _likeness(machine: Machine, prefixes: list[tuple[int, int]], named: set[int]) -> Hashable:
    """What machines have in common that can change places: all but the one address that nothing names."""
    interfaces = [interface for interface in machine.interfaces.values() if interface.addresses]
    plugged = [interface for interface in machine.interfaces.values() if interface.wire is not None]
    alone = len(interfaces) == len(plugged) == 1 and len(plugged[0].addresses) == 1
    if not alone or interfaces != plugged or machine.forwards or machine.rules or not machine.known:
        return machine.name
    own = plugged[0].addresses[0]
    if own.ip in named:
        return machine.name
    routes = tuple((route.prefix, route.length, route.metric, route.gateway) for route in machine.routes())
    within = tuple(index for index, (prefix, mask) in enumerate(prefixes) if own.ip & mask == prefix)
    return plugged[0].plug, own.length, routes, within, plugged[0].name if machine.rp_filter else ""
