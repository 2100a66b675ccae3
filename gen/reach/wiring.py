"""In: a lab. Out: its machines, plugged in, addressed and with their rules, as `setup.sh up` leaves them.

Guests are as the lab wants them: with the addresses and gateways that they are declared with or get by DHCP. Behind
each nic of the host that has an address stands a LAN: one more machine there, the gateway where the nic names one, and
behind that the outside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import NamedTuple

from gen.model import HOST, Dhcp, HostNic, Lab, Node, Vm, VmNic
from gen.plan.firewall import Chain, host_filter, host_nat, host_published, router_nat, router_published
from gen.reach.linux import Bridge, Interface, Machine, Route, Rule, Wire
from gen.source import Span

LAN = "*lan"
GATEWAY = "*gateway"
OUTSIDE = "*outside"
"""The stand-ins for what is behind the host's nics. No name in a lab has the star."""

OUTSIDE_NETWORK = IPv4Network("203.0.113.0/24")
"""TEST-NET-3 of RFC 5737: an address that everybody's own networks leave free."""


class Assumptions(NamedTuple):
    """What the lab does not say of the host. `complete`: nobody is on its LAN but the stand-ins."""

    rp_filter: int = 0
    bridge_nf: bool = False
    forwards: bool = False
    forward_policy: str = "ACCEPT"
    complete: bool = False


Place = tuple[str, ...]
"""Something to plug into: ("network", NAME), ("lan", NIC), ("cable", NODE, NIC), ("bridge", NODE, NAME)."""


@dataclass(slots=True)
class Machines:
    """All machines by name, in the order of the lab, then the stand-ins.

    `addresses` are those by which each can be called, the likeliest first.
    nothing but name and address, what they have in common.
    """

    by_name: dict[str, Machine] = field(default_factory=dict)
    addresses: dict[str, list[int]] = field(default_factory=dict)

    def addresses_of(self, target: str, source: str) -> list[int]:
        """The addresses by which one machine may call another, those on a wire of both first."""
        wires = {interface.wire for interface in self.by_name[source].interfaces.values() if interface.addresses}
        interfaces = self.by_name[target].interfaces.values()
        near = [own.ip for interface in interfaces if interface.wire in wires for own in interface.addresses]
        return [*near, *(address for address in self.addresses[target] if address not in near)]


def connect(lab: Lab, assumptions: Assumptions | None = None, targets: Collection[int] = ()) -> Machines:
    """The lab's machines. `targets` are addresses that are asked about: whoever should have one, has it.

    One in the subnet of a LAN that nobody of the lab has is the LAN's stand-in's; one in no subnet at all that of the
    outside.
    """
    return _Wiring(lab, assumptions or Assumptions(), targets).machines


class _Wiring:
    def __init__(self, lab: Lab, assumptions: Assumptions, targets: Collection[int]) -> None:
        self._lab = lab
        self._assumptions = assumptions
        self._bridges: dict[Place, Bridge] = {}
        self._wires: dict[Bridge, Wire] = {}
        self._taken: set[int] = set()
        self._gateways = {int(nic.gateway) for nic in lab.host if nic.gateway is not None}
        self._cables: dict[tuple[str, str], Place] = {}
        self._sockets: dict[tuple[str, str], Place] = {
            (node.name, port): ("bridge", node.name, bridge.name)
            for node in lab.nodes
            for bridge in node.bridges
            for port in bridge.ports
        }
        self.machines = Machines()
        host = self._host = self._machine(HOST, lab.at, forwards=self._host_forwards())
        host.known = bool(lab.host) or assumptions.complete
        host.bridge_nf = assumptions.bridge_nf
        host.forward_policy = assumptions.forward_policy
        for node in lab.nodes:
            machine = self._machine(node.name, node.at, node.forwards)
            machine.bridge_nf = assumptions.bridge_nf
        self._plug()
        for node in lab.nodes:
            self._settle_node(node)
        self._settle_host()
        self._settle_guests()
        self._settle_lans([target for target in targets if target not in self._taken])
        self._call()

    def _host_forwards(self) -> bool:
        asked = any(network.kind in ("routed", "nat") for network in self._lab.networks)
        return asked or self._assumptions.forwards

    def _machine(self, name: str, at: Span | None, forwards: bool | None, known: bool = True) -> Machine:
        machine = Machine(name, at, forwards, known, self._assumptions.rp_filter)
        self.machines.by_name[name] = machine
        return machine

    # Wires

    def _plug(self) -> None:
        """Make every bridge and cable, and one wire of all that are joined."""
        lab, names = self._lab, {network.name for network in self._lab.networks}
        for network in lab.networks:
            self._bridge(("network", network.name), network.name, self._host)
            self._wire(("network", network.name)).open |= network.external
        for network in lab.networks:
            if network.uplink is not None:
                self._join(("network", network.name), ("lan", network.uplink))
        for host_nic in lab.host:
            if host_nic.name not in names:
                self._bridge(("lan", host_nic.name), host_nic.name, None)
        for network in lab.networks:
            if network.via is not None and network.via not in names:
                self._bridge(("lan", network.via), network.via, None)
        for place, bridge in self._bridges.items():
            if place[0] == "lan":
                self._wires[bridge].open = True
        for joint in lab.bridge_links:
            self._join(("network", joint.left), ("network", joint.right))
        for node in lab.nodes:
            for inner in node.bridges:
                self._bridge(("bridge", node.name, inner.name), inner.name, self.machines.by_name[node.name])
        for link in lab.links:
            ends = [self._sockets.get((end.node, end.nic)) for end in (link.left, link.right)]
            cable = ("cable", link.left.node, link.left.nic)
            self._bridge(cable, f"{link.left.node}.{link.left.nic}", None)
            for end, socket in zip((link.left, link.right), ends, strict=True):
                if socket is not None:
                    self._join(cable, socket)
                self._cables[end.node, end.nic] = cable
        for node in lab.nodes:
            for nic in node.nics:
                socket = self._sockets.get((node.name, nic.name))
                if nic.network is not None and socket is not None:
                    self._join(("network", nic.network), socket)
        if self._assumptions.complete:
            for wire in self._wires.values():
                wire.open = False

    def _bridge(self, place: Place, name: str, owner: Machine | None) -> Bridge:
        if place not in self._bridges:
            self._bridges[place] = Bridge(name, owner)
            self._wires[self._bridges[place]] = Wire()
        return self._bridges[place]

    def _wire(self, place: Place) -> Wire:
        return self._wires[self._bridges[place]]

    def _join(self, one: Place, other: Place) -> None:
        left = self._bridge(one, one[-1], None)
        right = self._bridge(other, other[-1], None)
        wire, gone = self._wires[left], self._wires[right]
        wire.neighbours.setdefault(left, []).append(right)
        wire.neighbours.setdefault(right, []).append(left)
        if gone is not wire:
            wire.open |= gone.open
            for bridge, near in gone.neighbours.items():
                wire.neighbours.setdefault(bridge, []).extend(near)
            for bridge, its in self._wires.items():
                if its is gone:
                    self._wires[bridge] = wire

    def _attach(self, machine: Machine, name: str, place: Place) -> Interface:
        return machine.add_interface(name, self._wire(place), self._bridges[place])

    # Machines

    def _add_address(self, interface: Interface, ip: int, length: int) -> None:
        interface.machine.add_address(interface, ip, length)
        self._taken.add(ip)

    def _settle_node(self, node: Node) -> None:
        machine = self.machines.by_name[node.name]
        lo = machine.add_interface("lo", None, Bridge("lo", None))
        for address in node.loopbacks:
            self._add_address(lo, int(address.ip), address.interface.network.prefixlen)
        for nic in node.nics:
            if self._sockets.get((node.name, nic.name)) is not None:
                continue
            place = ("network", nic.network) if nic.network is not None else self._cables[node.name, nic.name]
            interface = self._attach(machine, nic.name, place)
            for address in nic.addresses:
                self._add_address(interface, int(address.ip), address.interface.network.prefixlen)
        for bridge in node.bridges:
            interface = self._attach(machine, bridge.name, ("bridge", node.name, bridge.name))
            for address in bridge.addresses:
                self._add_address(interface, int(address.ip), address.interface.network.prefixlen)
        for route in node.routes:
            gateway = None if route.gateway is None else int(route.gateway)
            out = machine.interfaces.get(route.nic or "")
            if out is None and gateway is not None:
                out = machine.interface_towards(gateway)
            if out is None and not route.discard:
                continue  # refused; check says so
            machine.add_route(
                Route(
                    int(route.destination.network_address),
                    route.destination.prefixlen,
                    route.metric or 0,
                    out,
                    gateway,
                    None if route.source is None else int(route.source),
                    route.at,
                )
            )
        for name, publish in router_published(node):
            if not machine.has(int(publish.address)):
                self._add_address(machine.interfaces[name], int(publish.address), 32)
        _add_rules(machine, router_nat(node), {})

    def _settle_host(self) -> None:
        lab, host = self._lab, self._host
        uplinks = {network.uplink: network.name for network in lab.networks if network.uplink is not None}
        networks = {network.name for network in lab.networks}
        for nic in lab.host:
            if nic.name not in uplinks:
                place = ("network", nic.name) if nic.name in networks else ("lan", nic.name)
                self._settle_host_nic(self._attach(host, nic.name, place), nic)
        for network in lab.networks:
            interface = self._attach(host, network.name, ("network", network.name))
            for address in network.addresses:
                self._add_address(interface, int(address.ip), address.interface.network.prefixlen)
        for network in lab.networks:
            if network.via is not None and network.via not in host.interfaces:
                self._attach(host, network.via, ("lan", network.via))
        for name, publish in host_published(lab):
            if not host.has(int(publish.address)):
                self._add_address(host.interfaces[name], int(publish.address), 32)
        for nic in lab.host:
            if nic.name in uplinks:
                self._settle_host_nic(host.interfaces[uplinks[nic.name]], nic)
        _add_rules(host, (*host_filter(lab), *host_nat(lab)), {network.name: network.at for network in lab.networks})

    def _settle_host_nic(self, interface: Interface, nic: HostNic) -> None:
        for address in nic.addresses:
            self._add_address(interface, int(address.ip), address.interface.network.prefixlen)
        if nic.gateway is not None:
            gateway = int(nic.gateway)
            interface.machine.add_route(Route(0, 0, 0, interface, gateway, None, nic.gateway_at))

    # Guests

    def _settle_guests(self) -> None:
        reserved = {int(nic.address.ip) for vm in self._lab.vms for nic in vm.nics if nic.address is not None}
        self._taken |= reserved
        servers = _servers(self._lab)
        for vm in self._lab.vms:
            # Behind QEMU's user network is whatever the host reaches.
            known = all(nic.network is not None for nic in vm.nics)
            machine = self._machine(vm.name, vm.at, forwards=None, known=known)
            machine.rp_filter = 0
            for index, nic in enumerate(vm.nics):
                if nic.network is not None:
                    self._settle_guest_nic(machine, vm, index, nic, nic.network, servers)

    def _settle_guest_nic(
        self, machine: Machine, vm: Vm, index: int, nic: VmNic, network: str, servers: dict[str, list[_Server]]
    ) -> None:
        interface = self._attach(machine, f"eth{index}", ("network", network))
        wire = interface.wire
        near = [server for name, those in servers.items() for server in those if self._wire(("network", name)) is wire]
        server = next(iter(near), None)
        address, gateway = nic.address, None if nic.gateway is None else int(nic.gateway)
        if server is not None and server.dhcp.server is not None:
            subnet = server.dhcp.server.network
            if server.network != network or address is None or address.ip not in subnet:
                leased = self._lease(server.dhcp)
                if address is None and leased is not None:
                    address = IPv4Interface((leased, subnet.prefixlen))
                    gateway = int(server.dhcp.server.ip) if server.is_gateway else None
            else:
                address = IPv4Interface((address.ip, subnet.prefixlen))
        if address is None:
            return
        self._add_address(interface, int(address.ip), address.network.prefixlen)
        if gateway is not None and machine.route(0) is None:
            machine.add_route(Route(0, 0, 0, interface, gateway, None, nic.gateway_at))

    def _lease(self, dhcp: Dhcp) -> int | None:
        """An address that the server may give out."""
        return next((ip for ip in range(int(dhcp.first), int(dhcp.last) + 1) if ip not in self._taken), None)

    # What is behind the host's nics

    def _settle_lans(self, targets: list[int]) -> None:
        uplinks = {network.uplink: network.name for network in self._lab.networks if network.uplink is not None}
        networks = {network.name for network in self._lab.networks}
        gateways: list[tuple[Machine, HostNic]] = []
        for nic in self._lab.host:
            if not nic.addresses:
                continue
            name = uplinks.get(nic.name, nic.name)
            place = ("network", name) if name in networks else ("lan", name)
            suffix = f"-{nic.name}" if LAN in self.machines.by_name else ""
            subnet = nic.addresses[0].subnet
            lan = self._stand_in(LAN + suffix, nic.at, forwards=False)
            interface = self._attach(lan, "eth0", place)
            asked = [target for target in targets if IPv4Address(target) in subnet and target not in self._gateways]
            for address in asked or self._free(subnet):
                self._add_address(interface, address, subnet.prefixlen)
            if nic.gateway is None or not any(nic.gateway in address.subnet for address in nic.addresses):
                continue
            lan.add_route(Route(0, 0, 0, interface, int(nic.gateway), None, None))
            if int(nic.gateway) in self._taken:
                continue
            gateway = self._stand_in(GATEWAY + suffix, nic.gateway_at, forwards=True)
            near = next(address for address in nic.addresses if nic.gateway in address.subnet)
            self._add_address(self._attach(gateway, "lan", place), int(nic.gateway), near.subnet.prefixlen)
            gateways.append((gateway, nic))
        if gateways:
            self._settle_outside(gateways, targets)

    def _settle_outside(self, gateways: list[tuple[Machine, HostNic]], targets: list[int]) -> None:
        outside = self._stand_in(OUTSIDE, None, forwards=False)
        base = int(OUTSIDE_NETWORK.network_address)
        for number, (gateway, nic) in enumerate(gateways, 1):
            place = ("lan", f"*outside-{nic.name}")
            self._bridge(place, place[-1], None)
            wan = self._attach(gateway, "wan", place)
            self._add_address(wan, base + number, 24)
            interface = self._attach(outside, f"eth{number - 1}", place)
            if number == 1:
                asked = [target for target in targets if target not in self._taken]
                for address in (base + 7, *(one for one in asked if one != base + 7)):
                    self._add_address(interface, address, 24 if address >> 8 == base >> 8 else 32)
                outside.add_route(Route(0, 0, 0, interface, base + number, None, None))
            else:
                for known in nic.addresses:
                    subnet = known.subnet
                    outside.add_route(
                        Route(
                            int(subnet.network_address), subnet.prefixlen, 0, interface, base + number, base + 7, None
                        )
                    )
            for own in outside.interfaces["eth0"].addresses:
                gateway.add_route(Route(own.ip, 32, 0, wan, base + 7, None, None))

    def _stand_in(self, name: str, at: Span | None, forwards: bool) -> Machine:
        machine = self._machine(name, at, forwards, known=self._assumptions.complete)
        machine.rp_filter = 0
        return machine

    def _free(self, subnet: IPv4Network) -> Iterator[int]:
        """One address of the subnet that nobody in the lab has, from its end on."""
        last = int(subnet.broadcast_address) - (1 if subnet.prefixlen < 31 else 0)
        first = int(subnet.network_address) + (1 if subnet.prefixlen < 31 else 0)
        for address in range(last, first - 1, -1):
            if address not in self._gateways and address not in self._taken:
                yield address
                return

    def _call(self) -> None:
        for name, machine in self.machines.by_name.items():
            order = sorted(machine.interfaces.values(), key=lambda interface: interface.wire is None)
            self.machines.addresses[name] = [own.ip for interface in order for own in interface.addresses]
        host = self.machines.addresses[HOST]
        own = [int(address.ip) for nic in self._lab.host for address in nic.addresses]
        self.machines.addresses[HOST] = own + [address for address in host if address not in own]


class _Server(NamedTuple):
    """A DHCP server, with the network whose guests it has reservations for."""

    network: str
    dhcp: Dhcp
    is_gateway: bool


def _servers(lab: Lab) -> dict[str, list[_Server]]:
    """The DHCP servers on each network, as gen/plan/dhcp.py starts them."""
    servers: dict[str, list[_Server]] = {}
    for network in lab.networks:
        if network.dhcp is not None:
            server = _Server(network.name, network.dhcp, network.kind in ("routed", "nat"))
            servers.setdefault(network.name, []).append(server)
    for node in lab.nodes:
        for nic in node.nics:
            if nic.dhcp is not None and nic.network is not None:
                servers.setdefault(nic.network, []).append(_Server(nic.network, nic.dhcp, node.forwards))
    return servers


def _add_rules(machine: Machine, chains: Iterable[Chain], places: Mapping[str, Span]) -> None:
    """`places` are those of the interfaces that rules name."""
    for chain in chains:
        if chain.rules:
            machine.rules[chain.table, chain.hook] = [
                Rule.parse(rule, next((places[word] for word in rule if word in places), chain.at))
                for rule in chain.rules
            ]
