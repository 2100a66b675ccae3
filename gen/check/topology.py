"""In: a lab. Out: its `Topology`: who has which address on which segment, and which segments a packet gets between.

The rules share this, so that each place, address and path is worked out once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import NamedTuple

from gen.model import HOST, Address, Dhcp, Lab, Nat, Network, Node, Publish, VmNic
from gen.source import Span

LAN = "*"
"""The owner of the gateway that a nic of the host leads to. No name in a lab has this character."""

Place = tuple[Hashable, ...]
"""Something to plug into: ("network", NAME), ("host", NIC), ("cable", NUMBER), ("bridge", NODE, NAME), ("lo", NODE)."""


def called(owner: str) -> str:
    """How a message calls a vm, a node, HOST or LAN."""
    return {HOST: "the host", LAN: "the host's gateway"}.get(owner, f"`{owner}`")


class Station(NamedTuple):
    """An address that answers on a segment.

    `owner` is a vm, a node, HOST or LAN. `published` ones are those of a `publish`.
    """

    owner: str
    nic: str
    interface: IPv4Interface
    segment: int
    at: Span
    published: bool = False

    @property
    def ip(self) -> IPv4Address:
        return self.interface.ip

    @property
    def subnet(self) -> IPv4Network:
        return self.interface.network

    @property
    def who(self) -> str:
        """How a message calls the owner."""
        return called(self.owner)


class Server(NamedTuple):
    """A DHCP server; `network` is the one whose guests it has reservations for."""

    owner: str
    network: str | None
    dhcp: Dhcp


class Leg(NamedTuple):
    """An interface of a node that can carry addresses, and the segment it is on: a nic, a bridge or `lo`."""

    name: str
    addresses: tuple[Address, ...]
    segment: int


@dataclass(slots=True)
class Segment:
    """What one broadcast reaches: bridges and cables with everything that is plugged into them.

    `open` says that more is on it than the lab tells of, `nameless` that a guest on it has an address nobody wrote.
    `subnets` has, for each subnet of the segment, the station that decides on it: the host where it has addresses
    here, else the routers and DHCP servers.
    """

    networks: list[Network] = field(default_factory=list)
    stations: list[Station] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    guests: list[tuple[str, VmNic]] = field(default_factory=list)
    subnets: dict[IPv4Network, Station] = field(default_factory=dict)
    open: bool = False
    nameless: bool = False

    @property
    def overlap_allowed(self) -> bool:
        return any(network.overlap for network in self.networks)

    def subnet_of(self, address: IPv4Address) -> IPv4Network | None:
        """The segment's subnet that the address lies in."""
        return next((subnet for subnet in self.subnets if address in subnet), None)

    def fits(self, station: Station) -> bool:
        """Whether the station's address belongs on this segment, as far as the lab tells. A /32 may stand outside."""
        subnet = station.subnet
        return not self.subnets or subnet in self.subnets or subnet.prefixlen == 32 or bool(self.subnet_of(station.ip))


class Groups:
    """Things that are joined with each other, directly or through others."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Hashable] = {}

    def find(self, thing: Hashable) -> Hashable:
        """The one that stands for the thing's whole group."""
        parent = self._parent
        while (above := parent.setdefault(thing, thing)) != thing:
            parent[thing] = parent.setdefault(above, above)
            thing = parent[thing]
        return thing

    def join(self, one: Hashable, other: Hashable) -> bool:
        """Join two groups; False where they are one already."""
        one, other = self.find(one), self.find(other)
        self._parent[other] = one
        return one != other

    def join_all(self, things: Iterable[Hashable]) -> None:
        first, *others = [*things] or [None]
        for other in others:
            self.join(first, other)


class Topology:
    """Where everything of a lab is.

    `legs` are those of each node, `host_legs` the segments that the host's own interfaces are on. `owner_at` tells
    who answers for an address (as a number) on a segment (by number).
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.segments: list[Segment] = []
        self.legs: dict[str, list[Leg]] = {}
        self.host_legs: dict[str, int] = {}
        self.owner_at: dict[tuple[int, int], Station] = {}
        self._numbers: dict[Hashable, int] = {}
        self._networks = {network.name for network in lab.networks}
        self._cables = {
            (end.node, end.nic): cable for cable, link in enumerate(lab.links) for end in (link.left, link.right)
        }
        self._places = self._plug()
        self._settle_host()
        for node in lab.nodes:
            self._settle_node(node)
        self._settle_guests()
        self._decide_subnets()
        self._realms = self._join_realms()
        self._reach = self._join_reach()

    # Segments

    def _plug(self) -> Groups:
        """Join the places that are one segment."""
        places = Groups()
        for link in self.lab.bridge_links:
            places.join(("network", link.left), ("network", link.right))
        for network in self.lab.networks:
            # A bridge that is there already may be described as a nic of the host.
            places.join(("network", network.name), ("host", network.uplink or network.name))
        for node in self.lab.nodes:
            networks = {nic.name: nic.network for nic in node.nics}
            for bridge in node.bridges:
                for port in bridge.ports:
                    places.join(("bridge", node.name, bridge.name), self.place(node.name, port, networks[port]))
        return places

    def place(self, node: str, nic: str, network: str | None) -> Place:
        """What a nic of a node is plugged into."""
        return ("network", network) if network is not None else ("cable", self._cables[node, nic])

    def _segment(self, place: Place) -> int:
        """The number of the segment that the place belongs to."""
        number = self._numbers.setdefault(self._places.find(place), len(self.segments))
        if number == len(self.segments):
            self.segments.append(Segment())
        return number

    def segment_of(self, interface: str) -> int:
        """The number of the segment of a network, or of a nic of the host."""
        return self._segment(("network" if interface in self._networks else "host", interface))

    # Stations

    def _add(self, station: Station) -> None:
        self.segments[station.segment].stations.append(station)
        self.owner_at.setdefault((station.segment, int(station.interface)), station)

    def _settle_host(self) -> None:
        for nic in self.lab.host:
            number = self.host_legs[nic.name] = self._segment(("host", nic.name))
            self.segments[number].open = True
            for address in nic.addresses:
                self._add(Station(HOST, nic.name, address.interface, number, address.at))
            gateway = nic.gateway
            if gateway and any(gateway in address.subnet and gateway != address.ip for address in nic.addresses):
                self._add(Station(LAN, nic.name, IPv4Interface(gateway), number, nic.gateway_at or nic.at))
        for network in self.lab.networks:
            number = self.segment_of(network.name)
            segment = self.segments[number]
            segment.networks.append(network)
            segment.open |= network.external or network.uplink is not None
            if network.addresses or network.kind == "bridged" or network.external:
                self.host_legs[network.name] = number
            for address in network.addresses:
                self._add(Station(HOST, network.name, address.interface, number, address.at))
            if network.dhcp is not None:
                segment.servers.append(Server(HOST, network.name, network.dhcp))
        for network in self.lab.networks:
            if network.via is not None:
                number = self.host_legs[network.via] = self.segment_of(network.via)
                self.segments[number].open |= network.via not in self._networks
                self._publish(HOST, network.via, number, network.publishes)

    def _settle_node(self, node: Node) -> None:
        legs = [
            Leg(nic.name, nic.addresses, self._segment(self.place(node.name, nic.name, nic.network)))
            for nic in node.nics
        ]
        for nic, leg in zip(node.nics, legs, strict=True):
            if nic.dhcp is not None:
                self.segments[leg.segment].servers.append(Server(node.name, nic.network, nic.dhcp))
        for bridge in node.bridges:
            legs.append(Leg(bridge.name, bridge.addresses, self._segment(("bridge", node.name, bridge.name))))
        if node.loopbacks:
            legs.append(Leg("lo", node.loopbacks, self._segment(("lo", node.name))))
        self.legs[node.name] = legs
        for leg in legs:
            for address in leg.addresses:
                self._add(Station(node.name, leg.name, address.interface, leg.segment, address.at))
        for publish in node.publishes:
            for leg in legs:
                if on_link(publish.address, leg):
                    self._publish(node.name, leg.name, leg.segment, [publish])

    def _publish(self, owner: str, nic: str, segment: int, publishes: Iterable[Publish]) -> None:
        for publish in publishes:
            interface = IPv4Interface(publish.address)
            self._add(Station(owner, nic, interface, segment, publish.at, published=True))

    def _settle_guests(self) -> None:
        for vm in self.lab.vms:
            for nic in vm.nics:
                if nic.network is None:
                    continue
                number = self.segment_of(nic.network)
                segment = self.segments[number]
                segment.guests.append((vm.name, nic))
                if nic.address is not None:
                    self._add(Station(vm.name, nic.tap or "", nic.address, number, nic.address_at or nic.at))
                elif not segment.servers:
                    segment.nameless = True

    def _decide_subnets(self) -> None:
        routers = {node.name for node in self.lab.nodes if node.forwards}
        for segment in self.segments:
            stations = [station for station in segment.stations if station.subnet.prefixlen < 32]
            servers = {server.owner for server in segment.servers}
            deciding = [station for station in stations if station.owner == HOST]
            deciding = deciding or [station for station in stations if station.owner in routers | servers]
            for station in deciding:
                segment.subnets.setdefault(station.subnet, station)

    def stations(self) -> Iterator[Station]:
        """All stations, segment by segment."""
        for segment in self.segments:
            yield from segment.stations

    def is_nobody(self, segment: int, address: IPv4Address) -> bool:
        """Whether it is sure that nothing on the segment has the address."""
        here = self.segments[segment]
        return not here.open and not here.nameless and (segment, int(address)) not in self.owner_at

    # Paths

    def realm(self, segment: int) -> Hashable:
        """What is the same for all segments of one routing domain, where an address means one machine.

        NAT ends a domain: what SNAT hides may use the addresses that others hide too.
        """
        return self._realms.find(segment)

    def reach(self, segment: int) -> Hashable:
        """What is the same for all segments that anything gets between at all, by routing or NAT."""
        return self._reach.find(segment)

    def forwarding_host_legs(self) -> dict[str, int]:
        """The host's own interfaces that it forwards between: none where no network asks for it."""
        kinds = {network.name: network.kind for network in self.lab.networks}
        if not {"routed", "nat"} & set(kinds.values()):
            return {}
        return {name: number for name, number in self.host_legs.items() if kinds.get(name) != "isolated"}

    def _join_realms(self) -> Groups:
        realms = Groups()
        nat = {network.name for network in self.lab.networks if network.kind == "nat"}
        realms.join_all(number for name, number in self.forwarding_host_legs().items() if name not in nat)
        for node in self.lab.nodes:
            if not node.forwards:
                continue
            legs = [leg for leg in self.legs[node.name] if leg.addresses]
            outer = {nat.nic for nat in node.nats}
            inner = [leg for leg in legs if leg.name not in outer]
            realms.join_all(leg.segment for leg in inner)
            for leg in legs:
                if leg.name in outer:
                    nats = [nat for nat in node.nats if nat.nic == leg.name]
                    realms.join_all([leg.segment, *(one.segment for one in inner if not is_hidden(one, nats))])
        return realms

    def _join_reach(self) -> Groups:
        reach = Groups()
        reach.join_all(self.forwarding_host_legs().values())
        for node in self.lab.nodes:
            if node.forwards:
                reach.join_all(leg.segment for leg in self.legs[node.name])
        # Whether a guest forwards is its own affair.
        for vm in self.lab.vms:
            if len(vm.nics) > 1:
                reach.join_all(self.segment_of(nic.network) for nic in vm.nics if nic.network is not None)
        return reach


def on_link(address: IPv4Address, leg: Leg) -> bool:
    """Whether the address lies in a subnet of the leg."""
    return any(address in own.subnet for own in leg.addresses)


def is_hidden(leg: Leg, nats: Iterable[Nat]) -> bool:
    """Whether SNAT by these rules covers all that is on the leg."""
    sources = [nat.source for nat in nats]
    return all(
        any(source is None or address.subnet.subnet_of(source) for source in sources) for address in leg.addresses
    )
