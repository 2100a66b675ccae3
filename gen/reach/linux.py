"""Machines, wires and a packet in, where the packet ends out: the way of an IPv4 packet through Linux.

The order of things is that of the kernel: conntrack and DNAT before the routing decision, filter after it, SNAT last
(https://wiki.nftables.org/wiki-nftables/index.php/Netfilter_hooks, Documentation/networking/ip-sysctl.rst,
Documentation/networking/bridge.rst, iptables-extensions(8)). Addresses are numbers here; so is all else that is
compared often. ICMP redirects, fragments and the neighbours' caches are left out: each packet asks anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, NamedTuple

from gen.source import Span

Stage = Literal["request", "reply", "ack"]
Protocol = Literal["icmp", "tcp", "udp"]
Key = tuple[str, int, int, int, int, bool]
"""What conntrack knows a packet by: protocol, source and its port, destination and its port, ICMP's direction."""

TTL = 64
EPHEMERAL_PORT = 40_000
"""What a client sends from, and the id of its echo requests."""


def shown(address: int) -> str:
    """The dotted form."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


class Packet(NamedTuple):
    """An echo request and its reply, a SYN, its answer and any later packet (`ack`), or two datagrams.

    An ICMP packet has its id as the client's port; the other port is 0. A `source` of 0 is one to be chosen.
    """

    protocol: Protocol
    source: int
    source_port: int
    destination: int
    destination_port: int
    stage: Stage

    @property
    def key(self) -> Key:
        is_answer = self.protocol == "icmp" and self.stage == "reply"
        return (*self[:5], is_answer)

    def __str__(self) -> str:
        if self.protocol == "icmp":
            return f"{shown(self.source)} > {shown(self.destination)}"
        return f"{shown(self.source)}:{self.source_port} > {shown(self.destination)}:{self.destination_port}"


def _inverse(key: Key) -> Key:
    protocol, source, source_port, destination, destination_port, is_answer = key
    return (protocol, destination, destination_port, source, source_port, protocol == "icmp" and not is_answer)


# What there is


class Bridge(NamedTuple):
    """Where interfaces are plugged in: a bridge of `owner`'s, or a cable or somebody's LAN, which has no owner."""

    name: str
    owner: Machine | None


@dataclass(slots=True, eq=False)
class Wire:
    """A broadcast domain. `open`: more is on it than the lab tells of."""

    interfaces: list[Interface] = field(default_factory=list)
    neighbours: dict[Bridge, list[Bridge]] = field(default_factory=dict)
    open: bool = False
    _owners: dict[int, list[Interface]] | None = None
    _paths: dict[Bridge, dict[Bridge, Bridge]] = field(default_factory=dict)

    def owners(self, address: int, asker: Interface) -> list[Interface]:
        """The interfaces of all who call the address their own, in the order in which their answers come to an asker.

        Linux answers ARP for any of its addresses, by every interface that hears the question. The first answer stands
        for a second (neighbour `locktime`): that of the nearest, and of a bridge itself before that of its ports.
        """
        if self._owners is None:
            self._owners = {}
            for interface in self.interfaces:
                for own in interface.machine.local:
                    self._owners.setdefault(own, []).append(interface)
        found = self._owners.get(address)
        if found is None:
            return [one for one in self.interfaces if any(address in net for net in one.machine.local_nets)]
        if len(found) == 1:
            return found
        return sorted(found, key=lambda one: (len(self._path(asker, one)), not one.is_bridge(one.plug)))

    def bridges_between(self, one: Interface, other: Interface) -> Iterator[Bridge]:
        """The bridges that hand a frame on from port to port; where one ends at the bridge itself, it does not."""
        for bridge in self._path(one, other):
            if bridge.owner is not None and not (one.is_bridge(bridge) or other.is_bridge(bridge)):
                yield bridge

    def _path(self, one: Interface, other: Interface) -> list[Bridge]:
        """All that a frame passes from one interface to another."""
        if one.plug not in self._paths:
            # The way back to it from everywhere, as a spanning tree has it.
            back: dict[Bridge, Bridge] = {one.plug: one.plug}
            queue = [one.plug]
            for bridge in queue:
                for near in self.neighbours.get(bridge, ()):
                    if near not in back:
                        back[near] = bridge
                        queue.append(near)
            self._paths[one.plug] = back
        back = self._paths[one.plug]
        path = [other.plug]
        while path[-1] != one.plug:
            path.append(back[path[-1]])
        return path[::-1]


class Own(NamedTuple):
    """An address of an interface; a secondary one is in the subnet of an earlier one."""

    ip: int
    length: int
    secondary: bool


@dataclass(slots=True, eq=False)
class Interface:
    """An interface that carries addresses: a nic, a bridge or `lo`, which has no wire."""

    name: str
    machine: Machine
    wire: Wire | None
    plug: Bridge
    addresses: list[Own] = field(default_factory=list)

    def is_bridge(self, bridge: Bridge) -> bool:
        """Whether it is the interface of the bridge itself."""
        return bridge.owner is self.machine and bridge.name == self.name


class Route(NamedTuple):
    """A way to a prefix; `interface` None is a blackhole. Without a gateway the destination is a neighbour."""

    prefix: int
    length: int
    metric: int
    interface: Interface | None
    gateway: int | None
    source: int | None
    at: Span | None

    @property
    def connected(self) -> bool:
        return self.gateway is None and self.interface is not None

    def __str__(self) -> str:
        text = "default" if self.length == 0 else f"{shown(self.prefix)}/{self.length}"
        if self.interface is None:
            return f"{text} discard"
        return f"{text} via {shown(self.gateway)}" if self.gateway is not None else f"{text} dev {self.interface.name}"


class Range(NamedTuple):
    """What NAT makes of an address and a port; None leaves the port."""

    address: int
    ports: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """An iptables rule, as far as the lab's rules go."""

    text: str
    into: str | None
    out: str | None
    source: tuple[int, int, bool] | None  # prefix, mask, whether it must not match
    destination: tuple[int, int, bool] | None
    protocol: str | None
    port: int | None
    states: frozenset[str]
    target: str
    to: Range | None
    at: Span | None

    @classmethod
    def parse(cls, words: Sequence[str], at: Span | None) -> Rule:
        """The rule of these arguments of `iptables -A CHAIN`. ValueError: one that the simulator does not know."""
        values: dict[str, tuple[str, bool]] = {}
        negated = False
        remaining = iter(words)
        for word in remaining:
            if word == "!":
                negated = True
                continue
            values[word] = (next(remaining), negated)
            negated = False
        unknown = values.keys() - _OPTIONS
        if unknown:
            raise ValueError(f"{' '.join(words)}: {unknown}")

        def text(option: str) -> str | None:
            return values[option][0] if option in values else None

        def net(option: str) -> tuple[int, int, bool] | None:
            if option not in values:
                return None
            network = IPv4Network(values[option][0])
            return int(network.network_address), int(network.netmask), values[option][1]

        to = text("--to-destination") or text("--to-source")
        ports = text("--to-ports")
        return cls(
            text=" ".join(words),
            into=text("-i"),
            out=text("-o"),
            source=net("-s"),
            destination=net("-d"),
            protocol=text("-p"),
            port=int(values["--dport"][0]) if "--dport" in values else None,
            states=frozenset((text("--ctstate") or "").split(",")) - {""},
            target=values["-j"][0],
            to=_range(to) if to else Range(0, _ports(ports)) if ports else None,
            at=at,
        )

    def matches(self, packet: Packet, into: str | None, out: str | None, states: frozenset[str]) -> bool:
        return (
            (self.into is None or self.into == into)
            and (self.out is None or self.out == out)
            and (self.source is None or _within(packet.source, *self.source))
            and (self.destination is None or _within(packet.destination, *self.destination))
            and (self.protocol is None or self.protocol == packet.protocol)
            and (self.port is None or self.port == packet.destination_port)
            and (not self.states or bool(self.states & states))
        )


_OPTIONS = {"-i", "-o", "-s", "-d", "-p", "-m", "--dport", "--ctstate", "-j"}
_OPTIONS |= {"--to-destination", "--to-source", "--to-ports"}


def _within(address: int, prefix: int, mask: int, negated: bool) -> bool:
    return (address & mask == prefix) is not negated


def _range(text: str) -> Range:
    address, _, ports = text.partition(":")
    return Range(int(IPv4Address(address.partition("-")[0])), _ports(ports))


def _ports(text: str) -> tuple[int, int] | None:
    first, _, last = text.partition("-")
    return (int(first), int(last or first)) if first else None


@dataclass(slots=True, eq=False)
class Machine:
    """A network stack: the host, a namespace, a guest, or somebody on the host's LAN.

    `forwards` is ip_forward, None in a guest, whose own affair it is; `rp_filter` that of all its interfaces,
    `bridge_nf` bridge-nf-call-iptables. `known` False: the lab does not tell how it routes, only how that mostly is.
    `rules` are by table and hook.
    """

    name: str
    at: Span | None
    forwards: bool | None
    known: bool = True
    rp_filter: int = 0
    bridge_nf: bool = False
    forward_policy: str = "ACCEPT"
    interfaces: dict[str, Interface] = field(default_factory=dict)
    local: dict[int, Interface] = field(default_factory=dict)
    local_nets: list[range] = field(default_factory=list)
    rules: dict[tuple[str, str], list[Rule]] = field(default_factory=dict)
    _tables: dict[int, dict[int, list[Route]]] = field(default_factory=dict)
    _lengths: list[int] = field(default_factory=list)
    _cache: dict[int, Route | None] = field(default_factory=dict)

    @property
    def tracks(self) -> bool:
        """Whether conntrack is at work: the kernel turns it on with the first rule that needs it."""
        return any(table == "nat" for table, _ in self.rules)

    # How it is set up, each in the order in which the script does it

    def add_interface(self, name: str, wire: Wire | None, plug: Bridge) -> Interface:
        """Plug in a new interface, or find the one of this name."""
        if name not in self.interfaces:
            self.interfaces[name] = Interface(name, self, wire, plug)
            if wire is not None:
                wire.interfaces.append(self.interfaces[name])
        return self.interfaces[name]

    def add_address(self, interface: Interface, ip: int, length: int) -> None:
        """`ip address add`; unless it is a /32 or secondary, the route to its subnet comes with it."""
        mask = _mask(length)
        secondary = any(own.length == length and own.ip & mask == ip & mask for own in interface.addresses)
        interface.addresses.append(Own(ip, length, secondary))
        self.local.setdefault(ip, interface)
        if interface.wire is None:
            # All of a subnet on lo is local (fib_add_ifaddr).
            self.local_nets.append(range(ip & mask, (ip & mask) + (1 << 32 - length)))
        elif length < 32 and not secondary:
            self.add_route(Route(ip & mask, length, 0, interface, None, ip, None))

    def add_route(self, route: Route) -> None:
        """`ip route add`."""
        table = self._tables.setdefault(route.length, {})
        if route.length not in self._lengths:
            self._lengths = sorted(self._tables, reverse=True)
        routes = table.setdefault(route.prefix, [])
        routes.append(route)
        routes.sort(key=lambda one: one.metric)
        self._cache.clear()

    def interface_towards(self, gateway: int) -> Interface | None:
        """The interface of a gateway that is named without one: that of the most specific connected route."""
        for route in self._candidates(gateway):
            if route.connected:
                return route.interface
        return None

    # What it knows

    def has(self, address: int) -> bool:
        """Whether the address is local."""
        return address in self.local or any(address in net for net in self.local_nets)

    def route(self, destination: int) -> Route | None:
        """The route of the longest prefix, and of the lowest metric there."""
        try:
            return self._cache[destination]
        except KeyError:
            found = self._cache[destination] = next(self._candidates(destination), None)
            return found

    def routes(self) -> Iterator[Route]:
        """All routes."""
        for table in self._tables.values():
            for routes in table.values():
                yield from routes

    def _candidates(self, destination: int) -> Iterator[Route]:
        for length in self._lengths:
            yield from self._tables[length].get(destination & _mask(length), ())

    def address_for(self, interface: Interface, neighbour: int | None) -> int:
        """The source for what leaves by an interface to a neighbour (inet_select_addr); 0: it has none at all."""
        primary = [own for own in interface.addresses if not own.secondary]
        for own in primary:
            if neighbour is None or own.ip & _mask(own.length) == neighbour & _mask(own.length):
                return own.ip
        if primary:
            return primary[0].ip
        every = (own.ip for other in self.interfaces.values() for own in other.addresses if not own.secondary)
        return next(every, 0)

    def source_fault(self, source: int, interface: Interface) -> str | None:
        """Why a packet with this source is not taken from this interface (fib_validate_source)."""
        if self.has(source):
            return f"its source {shown(source)} is an address of {self.name} itself"
        if self.rp_filter:
            route = self.route(source)
            if route is None or route.interface is None:
                return f"rp_filter: {self.name} has no route to its source {shown(source)}"
            if self.rp_filter == 1 and route.interface is not interface:
                return f"rp_filter: {self.name} would answer {shown(source)} by {route.interface.name}"
        return None


def _mask(length: int) -> int:
    return 0xFFFFFFFF << 32 - length & 0xFFFFFFFF


# What happens


class Step(NamedTuple):
    """Something that happens to a packet at a machine, and the packet as it is then."""

    machine: str
    text: str
    packet: Packet
    at: Span | None


class Arrival(NamedTuple):
    """A machine took the packet in as its own."""

    machine: Machine
    packet: Packet


class Loss(NamedTuple):
    """Where and why a packet ends. `certain` False: it hangs on what the lab does not tell."""

    machine: Machine
    why: str
    at: Span | None
    packet: Packet
    certain: bool = True


class _Frame(NamedTuple):
    """A packet on its way to an interface."""

    interface: Interface
    packet: Packet


@dataclass(slots=True, eq=False)
class _Flow:
    """An entry of conntrack: the packet as it first came, and what its answer looks like here."""

    original: Key
    reply: Key
    destination_done: bool = False
    source_done: bool = False
    destination_changed: bool = False
    source_changed: bool = False
    replied: bool = False
    confirmed: bool = False


class _Tracked(NamedTuple):
    """A packet's place in its flow."""

    flow: _Flow
    is_reply: bool

    @property
    def states(self) -> frozenset[str]:
        state = "ESTABLISHED" if self.is_reply or self.flow.replied else "NEW"
        return frozenset({state, "DNAT"} if self.flow.destination_changed else {state})


_UNTRACKED = frozenset({"INVALID"})


class Simulation:
    """One conversation from its first packet on: what the conntracks of all machines remember is kept here.

    `log`, which may be another for each packet, gets a Step for each thing that happens; None saves the words.
    """

    def __init__(self, log: list[Step] | None = None) -> None:
        self.log = log
        self._flows: dict[Machine, dict[Key, _Flow]] = {}
        self._ttl = TTL

    def send(self, machine: Machine, packet: Packet) -> Arrival | Loss:
        """Follow a packet that the machine itself sends to where it ends."""
        self._ttl = TTL
        place = self._output(machine, packet)
        while isinstance(place, _Frame):
            place = self._input(place.interface, place.packet)
        return place

    def _say(self, machine: Machine, text: str, packet: Packet, at: Span | None = None) -> None:
        if self.log is not None:
            self.log.append(Step(machine.name, text, packet, at))

    # The stations of the way

    def _output(self, machine: Machine, packet: Packet) -> _Frame | Arrival | Loss:
        """ip_route_output, OUTPUT, POSTROUTING."""
        route: Route | None = None
        if machine.has(packet.destination):
            packet = packet._replace(source=packet.source or packet.destination)
        else:
            route = machine.route(packet.destination)
            if route is None or route.interface is None:
                return self._lost_way(machine, packet, route)
            source = packet.source or route.source or machine.address_for(route.interface, route.gateway)
            if source == 0:
                return Loss(machine, f"{machine.name} has no address to send from", machine.at, packet, machine.known)
            packet = packet._replace(source=source)
        tracked = None
        if machine.tracks:
            tracked = self._track(machine, packet)
            changed = self._translate(machine, "OUTPUT", packet, tracked, None, None)
            if changed.destination != packet.destination:
                # ip_route_me_harder: the source stays as it was chosen.
                route = None if machine.has(changed.destination) else machine.route(changed.destination)
                if not machine.has(changed.destination) and (route is None or route.interface is None):
                    return self._lost_way(machine, changed, route)
            packet = changed
        if route is None:
            self._confirm(machine, tracked)
            self._say(machine, "is meant itself", packet)
            return self._arrive(machine, packet, tracked, None)
        assert route.interface is not None
        if self.log is not None:
            self._say(machine, f"sends by {route.interface.name}, route {route}", packet, route.at)
        return self._postrouting(machine, packet, tracked, route)

    def _input(self, interface: Interface, packet: Packet) -> _Frame | Arrival | Loss:
        """PREROUTING, ip_route_input, then INPUT, or FORWARD and POSTROUTING."""
        machine = interface.machine
        tracked = None
        if machine.tracks:
            tracked = self._track(machine, packet)
            packet = self._translate(machine, "PREROUTING", packet, tracked, interface.name, None)
        return self._route(interface, packet, tracked)

    def _route(self, interface: Interface, packet: Packet, tracked: _Tracked | None) -> _Frame | Arrival | Loss:
        """What comes after PREROUTING."""
        machine = interface.machine
        if machine.has(packet.destination):
            fault = machine.source_fault(packet.source, interface)
            if fault is not None:
                return Loss(machine, fault, machine.at, packet, machine.known)
            return self._arrive(machine, packet, tracked, interface)
        if not machine.forwards:
            why = f"{machine.name} does not forward, and {shown(packet.destination)} is not its own"
            return Loss(machine, why, machine.at, packet, machine.known and machine.forwards is not None)
        fault = machine.source_fault(packet.source, interface)
        if fault is not None:
            return Loss(machine, fault, machine.at, packet, machine.known)
        route = machine.route(packet.destination)
        if route is None or route.interface is None:
            return self._lost_way(machine, packet, route)
        self._ttl -= 1
        if self._ttl <= 0:
            return Loss(machine, "it goes round in circles until its TTL ends", route.at, packet)
        if self.log is not None:
            self._say(
                machine, f"forwards from {interface.name} to {route.interface.name}, route {route}", packet, route.at
            )
        loss = self._filter(machine, "FORWARD", packet, tracked, interface.name, route.interface.name)
        return loss or self._postrouting(machine, packet, tracked, route)

    def _arrive(
        self, machine: Machine, packet: Packet, tracked: _Tracked | None, interface: Interface | None
    ) -> Arrival | Loss:
        """INPUT; `interface` None is a packet to oneself, which passes lo."""
        if interface is not None:
            loss = self._filter(machine, "INPUT", packet, tracked, interface.name, None)
            if loss is not None:
                return loss
        if tracked is not None:
            packet = self._translate(machine, "INPUT", packet, tracked, interface.name if interface else "lo", None)
            self._confirm(machine, tracked)
        if interface is not None:
            self._say(machine, f"arrives at {interface.name}", packet)
        return Arrival(machine, packet)

    def _postrouting(
        self, machine: Machine, packet: Packet, tracked: _Tracked | None, route: Route
    ) -> _Frame | Arrival | Loss:
        interface = route.interface
        assert interface is not None
        neighbour = packet.destination if route.gateway is None else route.gateway
        if tracked is not None:
            packet = self._translate(machine, "POSTROUTING", packet, tracked, None, interface, neighbour)
            self._confirm(machine, tracked)
        return self._transmit(machine, packet, interface, neighbour)

    def _transmit(
        self, machine: Machine, packet: Packet, interface: Interface, neighbour: int
    ) -> _Frame | Arrival | Loss:
        """ARP for the neighbour, then the bridges between."""
        wire = interface.wire
        owner = "" if wire is None else self._resolve(machine, packet, interface, wire, neighbour)
        if wire is None or isinstance(owner, str):
            why = f"nobody at {machine.name}'s {interface.name} answers ARP for {shown(neighbour)}"
            certain = machine.known and wire is not None and not wire.open
            return Loss(machine, why + (f" ({owner})" if owner else ""), machine.at, packet, certain)
        for bridge in wire.bridges_between(interface, owner):
            assert bridge.owner is not None
            self._say(bridge.owner, f"hands the frame on in the bridge {bridge.name}", packet)
            if bridge.owner.bridge_nf and bridge.owner.rules:
                passed = self._bridge(bridge.owner, bridge.owner.interfaces[bridge.name], packet)
                if not isinstance(passed, Packet):
                    return passed
                packet = passed
        return _Frame(owner, packet)

    def _resolve(
        self, machine: Machine, packet: Packet, interface: Interface, wire: Wire, neighbour: int
    ) -> Interface | str:
        """Who answers ARP, or why its owner does not.

        The question's sender is the packet's source where that is local (arp_announce 0).
        """
        asker = 0
        why = ""
        for owner in wire.owners(neighbour, interface):
            other = owner.machine
            if other is machine:
                continue
            if asker == 0:
                local = machine.has(packet.source)
                asker = packet.source if local else machine.address_for(interface, neighbour)
            fault = other.source_fault(asker, owner) if asker else None
            if fault is None:
                return owner
            why = fault
        return why

    def _bridge(self, machine: Machine, bridge: Interface, packet: Packet) -> Packet | _Frame | Arrival | Loss:
        """A frame from port to port under bridge-nf-call-iptables: the rules see the bridge as both interfaces."""
        tracked = None
        if machine.tracks:
            tracked = self._track(machine, packet)
            changed = self._translate(machine, "PREROUTING", packet, tracked, bridge.name, None)
            if changed.destination != packet.destination:
                # br_nf_pre_routing_finish: what NAT sends elsewhere is the machine's own to route.
                return self._route(bridge, changed, tracked)
            packet = changed
        loss = self._filter(machine, "FORWARD", packet, tracked, bridge.name, bridge.name)
        if loss is not None:
            return loss
        if tracked is not None:
            packet = self._translate(machine, "POSTROUTING", packet, tracked, None, bridge, packet.destination)
            self._confirm(machine, tracked)
        return packet

    def _lost_way(self, machine: Machine, packet: Packet, route: Route | None) -> Loss:
        if route is not None:
            why = f"{machine.name} discards what is for {shown(route.prefix)}/{route.length}"
            return Loss(machine, why, route.at, packet)
        return Loss(
            machine,
            f"{machine.name} has no route to {shown(packet.destination)}",
            machine.at,
            packet,
            machine.known,
        )

    # Netfilter

    def _filter(
        self, machine: Machine, hook: str, packet: Packet, tracked: _Tracked | None, into: str, out: str | None
    ) -> Loss | None:
        rules = machine.rules.get(("filter", hook))
        states = tracked.states if tracked is not None else _UNTRACKED
        verdict = machine.forward_policy if hook == "FORWARD" else "ACCEPT"
        text, at = "its policy", machine.at
        for rule in rules or ():
            if rule.matches(packet, into, out, states):
                verdict, text, at = rule.target, f"the rule {rule.text}", rule.at
                break
        if verdict != "DROP":
            return None
        return Loss(machine, f"{hook} of {machine.name} drops it: {text}", at, packet)

    def _track(self, machine: Machine, packet: Packet) -> _Tracked | None:
        """nf_conntrack_in: the packet's flow; None is INVALID, which passes without NAT."""
        flows = self._flows.setdefault(machine, {})
        key = packet.key
        flow = flows.get(key)
        if flow is None:
            # An answer to what was not seen; an ACK is taken for a connection that began earlier (tcp_loose).
            if packet.stage == "reply" and packet.protocol != "udp":
                return None
            return _Tracked(_Flow(key, _inverse(key)), False)
        is_reply = flow.original != key
        if packet.stage == "ack" and not is_reply and not flow.replied:
            return None
        if is_reply:
            flow.replied = True
        return _Tracked(flow, is_reply)

    def _confirm(self, machine: Machine, tracked: _Tracked | None) -> None:
        """The flow is entered when its first packet leaves the machine or arrives in it."""
        if tracked is not None and not tracked.flow.confirmed:
            flow = tracked.flow
            flow.confirmed = True
            self._flows[machine].setdefault(flow.original, flow)
            self._flows[machine].setdefault(flow.reply, flow)

    def _translate(
        self,
        machine: Machine,
        hook: str,
        packet: Packet,
        tracked: _Tracked | None,
        into: str | None,
        out: Interface | None,
        neighbour: int = 0,
    ) -> Packet:
        """The nat table: rules are asked for the first packet of a flow, all others follow it (nf_nat_inet_fn)."""
        if tracked is None:
            return packet
        flow = tracked.flow
        of_source = hook in ("POSTROUTING", "INPUT")
        if not tracked.is_reply and not flow.replied and not (flow.source_done if of_source else flow.destination_done):
            self._set_up(machine, hook, packet, tracked, into, out, neighbour)
        changed = flow.source_changed if of_source is not tracked.is_reply else flow.destination_changed
        if not changed:
            return packet
        wanted = _inverse(flow.original if tracked.is_reply else flow.reply)
        new = (
            packet._replace(source=wanted[1], source_port=wanted[2])
            if of_source
            else packet._replace(destination=wanted[3], destination_port=wanted[4])
        )
        if self.log is not None and new != packet:
            what = "source" if of_source else "destination"
            name = ("SNAT" if of_source else "DNAT") if not tracked.is_reply else "conntrack"
            self._say(machine, f"{name} changes the {what}", new)
        return new

    def _set_up(
        self,
        machine: Machine,
        hook: str,
        packet: Packet,
        tracked: _Tracked,
        into: str | None,
        out: Interface | None,
        neighbour: int,
    ) -> None:
        flow = tracked.flow
        of_source = hook in ("POSTROUTING", "INPUT")
        wanted = packet
        outward = out.name if out is not None else None
        for rule in machine.rules.get(("nat", hook), ()):
            if rule.matches(packet, into, outward, tracked.states):
                wanted = self._wanted(machine, rule, packet, out, neighbour)
                break
        if of_source:
            flow.source_done = True
            wanted = self._unique(machine, flow, wanted)
            flow.source_changed = wanted != packet
        else:
            flow.destination_done = True
            flow.destination_changed = wanted != packet
        flow.reply = _inverse(wanted.key)

    @staticmethod
    def _wanted(machine: Machine, rule: Rule, packet: Packet, out: Interface | None, neighbour: int) -> Packet:
        """The packet as the rule wants it."""
        ports = rule.to.ports if rule.to is not None and packet.protocol != "icmp" else None
        if rule.target == "DNAT":
            assert rule.to is not None
            port = ports[0] if ports else packet.destination_port
            return packet._replace(destination=rule.to.address, destination_port=port)
        if rule.target == "MASQUERADE":
            assert out is not None
            address = machine.address_for(out, neighbour)
        else:
            assert rule.target == "SNAT" and rule.to is not None
            address = rule.to.address
        return packet._replace(source=address, source_port=ports[0] if ports else packet.source_port)

    def _unique(self, machine: Machine, flow: _Flow, packet: Packet) -> Packet:
        """With another port where the answer could not be told from that of another flow."""
        flows = self._flows.setdefault(machine, {})
        while flows.get(_inverse(packet.key), flow) is not flow:
            packet = packet._replace(source_port=packet.source_port + 1)
        return packet
