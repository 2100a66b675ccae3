"""In: a lab's topology. Out: diagnostics about routes: what the kernel would refuse, and what goes round in circles."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from gen.check.topology import Leg, Topology, is_hidden, on_link
from gen.check.wording import comes_first, listed, piece
from gen.diagnostics import Diagnostics, Label
from gen.model import Node, Route


def _shown(destination: IPv4Network) -> str:
    return "default" if destination.prefixlen == 0 else str(destination)


def wrong_gateways_of_routes(topology: Topology, diagnostics: Diagnostics) -> None:
    """A route's gateway is a neighbour: in a subnet of the node's own, or reached by a route to a bare nic."""
    for node in topology.lab.nodes:
        beside: list[IPv4Network] = []
        # Hundreds of routes may lead by the same few gateways.
        fine: set[tuple[int, str | None]] = set()
        for route in node.routes:
            if route.gateway is None:
                if route.nic is not None:
                    beside.append(route.destination)
            elif (key := (int(route.gateway), route.nic)) not in fine and (
                any(route.gateway in subnet for subnet in beside)
                or _is_neighbour(topology, node, route, route.gateway, diagnostics)
            ):
                fine.add(key)


def _is_neighbour(topology: Topology, node: Node, route: Route, gateway: IPv4Address, diagnostics: Diagnostics) -> bool:
    """Whether the node may hand packets to the gateway; reports one that it may not."""
    legs = topology.legs[node.name]
    at = piece(route.at, gateway)
    if any(gateway == address.ip for leg in legs for address in leg.addresses):
        diagnostics.error(
            "gateway-is-self",
            f"`{gateway}` is `{node.name}` itself",
            at,
            "a gateway is somebody else",
            help=["name the router at the other end"],
        )
        return False
    possible = [leg for leg in legs if route.nic in (None, leg.name)]
    near = next((leg for leg in possible if on_link(gateway, leg)), None)
    if near is not None:
        if not topology.is_nobody(near.segment, gateway):
            return True
        stations = topology.segments[near.segment].stations
        others = [one for one in stations if one.owner != node.name and not one.published]
        diagnostics.warning(
            "gateway-of-nobody",
            f"nobody has the gateway's address `{gateway}`",
            at,
            f"not an address of anything that `{near.name}` is connected to",
            help=[f"{one.who} is `{one.ip}` there" for one in others[:3]],
        )
        return False
    if route.nic is not None and any(own.subnet.prefixlen == 32 for leg in possible for own in leg.addresses):
        return True
    # Where the nic's own address is out of place, that is the one mistake.
    for leg in possible:
        segment = topology.segments[leg.segment]
        misplaced = [own for own in leg.addresses if not segment.subnet_of(own.ip)]
        if segment.subnets and misplaced and segment.subnet_of(gateway):
            return True
    subnets = [str(own.subnet) for leg in possible for own in leg.addresses if own.subnet.prefixlen < 32]
    diagnostics.error(
        "route-through-nothing",
        f"`{node.name}` cannot reach the gateway `{gateway}`",
        at,
        f"in no subnet of {f'`{route.nic}`' if route.nic else 'its nics'}",
        help=[
            f"`{node.name}` is in {' and '.join(subnets)}" if subnets else f"give a nic of `{node.name}` an `address`",
            "a gateway outside of its nic's subnet needs `dev NIC`, and a nic with a /32",
        ],
    )
    return False


def refused_routes(topology: Topology, diagnostics: Diagnostics) -> None:
    """The kernel takes no second route to the same place with the same metric, and no source that is not its own."""
    for node in topology.lab.nodes:
        addresses = [(leg, address) for leg in topology.legs[node.name] for address in leg.addresses]
        own = {address.ip for _, address in addresses}
        connected = {address.subnet: (leg, address) for leg, address in addresses if leg.name != "lo"}
        first: dict[tuple[IPv4Network, int], Route] = {}
        for route in node.routes:
            metric = route.metric or 0
            other = first.setdefault((route.destination, metric), route)
            if other is not route:
                diagnostics.error(
                    "duplicate-route",
                    f"`{node.name}` has two routes to {_shown(route.destination)}",
                    piece(route.at, _shown(route.destination)),
                    "the second one",
                    also=[Label(other.at, "the first one")],
                    help=["keep one, or give the one that is to stand by a higher `metric`"],
                )
            elif metric == 0 and route.destination.prefixlen < 32 and route.destination in connected:
                leg, address = connected[route.destination]
                diagnostics.error(
                    "duplicate-route",
                    f"`{node.name}` is in {route.destination} itself",
                    piece(route.at, _shown(route.destination)),
                    "a second way to it",
                    also=[Label(address.at, f"the address of `{leg.name}` is a route to it too")],
                    help=["leave the route out"],
                )
            if route.source is not None and route.source not in own:
                diagnostics.error(
                    "route-source",
                    f"`{route.source}` is no address of `{node.name}`",
                    piece(route.at, route.source),
                    "the kernel refuses a source that it does not have",
                    help=["write one of its addresses: " + ", ".join(map(str, sorted(own)))] if own else (),
                )


# Loops


def routing_loops(topology: Topology, diagnostics: Diagnostics) -> None:
    """Follow each route from router to router: a packet must not come back to where it was.

    A loop shows at the longest of its routes' prefixes, for what no longer prefix takes out. So it is enough to start
    at each route, and to look for its very destination on the way. Where some of the destination arrives and a shorter
    prefix leads the rest back, only what nobody has goes round; that is no error.
    """
    routers = {node.name: _Router(topology, node) for node in topology.lab.nodes if node.forwards}
    subnets = {station.subnet for station in topology.stations()}
    starts: dict[IPv4Network, list[str]] = {}
    for router in routers.values():
        for destination in router.routes:
            starts.setdefault(destination, []).append(router.name)
    loops: dict[frozenset[str], _Loop] = {}
    for destination, names in starts.items():
        clear: set[str] = set()
        for name in names:
            way, loop = _follow(routers, name, destination, clear)
            clear.update(way)
            if loop:
                wrong = (
                    all(way[one].destination == destination for one in loop)
                    or not any(routers[one].has_part_of(destination) for one in loop)
                    or any(
                        _follow(routers, loop[0], subnet, set())[1]
                        for subnet in subnets
                        if subnet.subnet_of(destination)
                    )
                )
                found = _Loop(destination, [(one, way[one]) for one in loop], wrong)
                known = loops.setdefault(frozenset(loop), found)
                if found.wrong and not known.wrong:
                    loops[frozenset(loop)] = found
    for found in loops.values():
        _report_loop(found, diagnostics)


class _Loop(NamedTuple):
    """Routers in the order in which a packet visits them, each with the route that it takes."""

    destination: IPv4Network
    steps: list[tuple[str, Route]]
    wrong: bool


def _follow(
    routers: dict[str, _Router], start: str, destination: IPv4Network, clear: set[str]
) -> tuple[dict[str, Route], list[str]]:
    """The routes that packets take from a router, and the routers of the loop they end in, if they do.

    `clear` are routers from which the way is known already.
    """
    key = int(destination.network_address), destination.prefixlen
    way: dict[str, Route] = {}
    here: str | None = start
    while here in routers and here not in clear and here not in way:
        route = routers[here].route_to(*key)
        if route is None:
            return way, []
        way[here] = route
        here = routers[here].next_hop(route)
    names = list(way)
    return way, names[names.index(here) :] if here in way else []


class _Router:
    """A router's table: `routes` has the best one to each destination."""

    def __init__(self, topology: Topology, node: Node) -> None:
        self.name = node.name
        self._topology = topology
        self._legs = topology.legs[node.name]
        self.routes: dict[IPv4Network, Route] = {}
        for route in node.routes:
            other = self.routes.setdefault(route.destination, route)
            if (route.metric or 0) < (other.metric or 0):
                self.routes[route.destination] = route
        self._table: dict[tuple[int, int], Route | None] = {
            (int(destination.network_address), destination.prefixlen): route
            for destination, route in self.routes.items()
        }
        for leg in self._legs:
            for address in leg.addresses:
                self._table[int(address.subnet.network_address), address.subnet.prefixlen] = None
        self._lengths = sorted({length for _, length in self._table}, reverse=True)

    def route_to(self, network: int, length: int) -> Route | None:
        """The route for what the prefix holds; None where it is delivered here, or dropped for want of a route."""
        for known in self._lengths:
            if known <= length:
                key = network >> (32 - known) << (32 - known), known
                if key in self._table:
                    return self._table[key]
        return None

    def has_part_of(self, destination: IPv4Network) -> bool:
        """Whether the table has anything more precise than the destination."""
        first, last = int(destination.network_address), int(destination.broadcast_address)
        return any(length > destination.prefixlen and first <= network <= last for network, length in self._table)

    def next_hop(self, route: Route) -> str | None:
        """Who answers for the route's gateway."""
        for leg in self._legs:
            if route.gateway is not None and (leg.name == route.nic or (not route.nic and on_link(route.gateway, leg))):
                station = self._topology.owner_at.get((leg.segment, int(route.gateway)))
                # A gateway that is the router itself is reported, and is no loop.
                return station.owner if station and station.owner != self.name else None
        return None


def _report_loop(loop: _Loop, diagnostics: Diagnostics) -> None:
    start = 0
    for index, (_, route) in enumerate(loop.steps):
        if not comes_first(loop.steps[start][1].at, route.at):
            start = index
    (first, route), *others = steps = loop.steps[start:] + loop.steps[:start]
    names = [name for name, _ in steps]
    what = "unknown destinations" if loop.destination.prefixlen == 0 else str(loop.destination)
    them = "them" if loop.wrong else "it"
    also = [
        Label(other.at, f"`{name}` sends {them} to `{after}`")
        for (name, other), after in zip(others, [*names[2:], first], strict=True)
    ]
    if loop.wrong:
        diagnostics.error(
            "routing-loop",
            f"packets to {what} go in a circle between {listed(names)}",
            route.at,
            f"`{first}` sends {them} to `{names[1]}`",
            also=also,
            help=["point one of the routes elsewhere"],
        )
    else:
        diagnostics.warning(
            "loop-of-unused",
            f"what nobody has of {what} goes in a circle between {listed(names)}",
            route.at,
            f"`{first}` sends {them} to `{names[1]}`",
            also=also,
            help=[f"add `route {loop.destination} discard` where the longer routes are"],
        )


# Default routes


def no_default_route(topology: Topology, diagnostics: Diagnostics) -> None:
    """NAT is for what goes out, so whoever does it, or stands behind it, knows the way out."""
    behind: dict[int, IPv4Address] = {}
    for network in topology.lab.networks:
        if network.kind == "nat" and network.addresses:
            behind.setdefault(topology.segment_of(network.name), network.addresses[0].ip)
    for node in topology.lab.nodes:
        if not node.nats:
            continue
        legs = topology.legs[node.name]
        outer = {nat.nic for nat in node.nats}
        for leg in legs:
            if leg.name not in outer and leg.addresses and is_hidden(leg, node.nats):
                behind.setdefault(leg.segment, leg.addresses[0].ip)
        if not any(
            route.nic in outer or any(_leaves_by(route, leg) for leg in legs if leg.name in outer)
            for route in node.routes
        ):
            diagnostics.warning(
                "no-default-route",
                f"`{node.name}` does NAT and has no default route",
                node.at,
                "it knows no way to anything outside",
                help=["add `route default via IP`"],
            )
    for node, gateway in _without_route(topology, behind):
        diagnostics.warning(
            "no-default-route",
            f"`{node.name}` stands behind NAT and has no default route",
            node.at,
            "it reaches its own subnets only",
            help=[f"add `route default via {gateway}`"],
        )
    for vm in topology.lab.vms:
        if any(nic.gateway is not None or nic.network is None for nic in vm.nics):
            continue
        for nic in vm.nics:
            if nic.address is not None and nic.network is not None and topology.segment_of(nic.network) in behind:
                diagnostics.warning(
                    "no-default-route",
                    f"`{vm.name}` stands behind NAT and has no default gateway",
                    nic.address_at or nic.at,
                    "none is in the subnet of this address",
                    help=["add `gateway IP`"],
                )


def _leaves_by(route: Route, leg: Leg) -> bool:
    return route.gateway is not None and on_link(route.gateway, leg)


def _without_route(topology: Topology, behind: dict[int, IPv4Address]) -> Iterator[tuple[Node, IPv4Address]]:
    for node in topology.lab.nodes:
        if node.routes or node.nats:
            continue
        gateways = [behind[leg.segment] for leg in topology.legs[node.name] if leg.addresses and leg.segment in behind]
        if gateways:
            yield node, gateways[0]
