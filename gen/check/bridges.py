"""In: a lab's topology. Out: diagnostics about layer 2: loops of bridges, and what is plugged in twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from gen.check.topology import Groups, Place, Topology
from gen.check.wording import listed
from gen.diagnostics import Diagnostics, Label
from gen.model import Network
from gen.source import Span


class _Cable(NamedTuple):
    """What joins two bridges, and where that is written. The LAN behind two uplinks counts as a bridge."""

    left: Place
    right: Place
    at: Span


def bridge_loops(topology: Topology, diagnostics: Diagnostics) -> None:
    """A circle of bridges floods itself, unless one of them speaks STP: that one finds the loop and opens it."""
    spanning: set[Place] = {("network", network.name) for network in topology.lab.networks if network.stp}
    spanning |= {("bridge", node.name, own.name) for node in topology.lab.nodes for own in node.bridges if own.stp}
    joined = Groups()
    tree: dict[Place, list[_Cable]] = {}
    for cable in _cables(topology):
        if cable.left in spanning or cable.right in spanning:
            continue
        if joined.join(cable.left, cable.right):
            tree.setdefault(cable.left, []).append(cable)
            tree.setdefault(cable.right, []).append(cable)
        else:
            path = _path(tree, cable.left, cable.right)
            names = [str(place[-1]) for place in _bridges_of([cable, *path])]
            diagnostics.error(
                "bridge-loop",
                f"{listed(names)} form a loop" if len(names) > 1 else f"{listed(names)} is joined to itself",
                cable.at,
                "this closes the loop",
                also=[Label(other.at, "by way of this") for other in path if other.at != cable.at],
                help=["remove one of the cables, or say `stp on` in one of the bridges"],
            )


def _cables(topology: Topology) -> Iterator[_Cable]:
    lab = topology.lab
    for link in lab.bridge_links:
        yield _Cable(("network", link.left), ("network", link.right), link.at)
    # Nics of the host in one subnet lead to one LAN.
    lans = {nic.name: nic.addresses[0].subnet for nic in lab.host if nic.addresses}
    for network in lab.networks:
        if network.uplink in lans:
            yield _Cable(("network", network.name), ("lan", lans[network.uplink]), network.uplink_at or network.at)
    plugged: dict[Place, tuple[Place, Span]] = {}
    for node in lab.nodes:
        nics = {nic.name: nic for nic in node.nics}
        for own in node.bridges:
            bridge = ("bridge", node.name, own.name)
            for port in own.ports:
                place = topology.place(node.name, port, nics[port].network)
                if place[0] == "network":
                    yield _Cable(bridge, place, nics[port].at)
                elif place in plugged:
                    yield _Cable(bridge, plugged[place][0], nics[port].at)
                else:
                    plugged[place] = (bridge, nics[port].at)


def _path(tree: dict[Place, list[_Cable]], start: Place, end: Place) -> list[_Cable]:
    """The cables of the tree that lead from one bridge to another."""
    came_by: dict[Place, _Cable | None] = {start: None}
    waiting = deque([start])
    while waiting and end not in came_by:
        here = waiting.popleft()
        for cable in tree.get(here, ()):
            there = cable.right if cable.left == here else cable.left
            if there not in came_by:
                came_by[there] = cable
                waiting.append(there)
    path = []
    while (last := came_by[end]) is not None:
        path.append(last)
        end = last.left if last.right == end else last.right
    return path


def _bridges_of(cables: list[_Cable]) -> list[Place]:
    ends = [place for cable in cables for place in (cable.left, cable.right) if place[0] != "lan"]
    return list(dict.fromkeys(ends))


def uplinks_in_two_bridges(topology: Topology, diagnostics: Diagnostics) -> None:
    """A nic is a port of one bridge at most."""
    first: dict[str, Network] = {}
    for network in topology.lab.networks:
        if network.uplink is not None:
            other = first.setdefault(network.uplink, network)
            if other is not network:
                diagnostics.error(
                    "uplink-in-two-bridges",
                    f"`{network.uplink}` is the uplink of two bridges",
                    network.uplink_at or network.at,
                    f"again here, of `{network.name}`",
                    also=[Label(other.uplink_at or other.at, f"first here, of `{other.name}`")],
                    help=["give one an uplink of its own, or plug both sides into one bridge"],
                )


def ports_in_two_bridges(topology: Topology, diagnostics: Diagnostics) -> None:
    """The same inside a namespace. What is a port has no use for an address: the bridge takes all that arrives."""
    for node in topology.lab.nodes:
        nics = {nic.name: nic for nic in node.nics}
        first: dict[str, str] = {}
        for bridge in node.bridges:
            for port in bridge.ports:
                if port in first:
                    diagnostics.error(
                        "port-in-two-bridges",
                        f"`{port}` is a port twice",
                        bridge.at,
                        f"a port of `{bridge.name}`",
                        also=[Label(nics[port].at, f"also a port of `{first[port]}`")],
                        help=["leave it in one `port` statement"],
                    )
                elif nics[port].addresses:
                    diagnostics.warning(
                        "address-on-port",
                        f"the address of `{port}` does nothing",
                        nics[port].addresses[0].at,
                        f"`{port}` is a port of the bridge `{bridge.name}`",
                        help=[f"move it into `bridge {bridge.name}`"],
                    )
                first.setdefault(port, bridge.name)
