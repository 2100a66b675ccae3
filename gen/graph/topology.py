"""A Lab in, its topology as people draw it out: vertices and the cables between them.

Every renderer of `kvmgen graph`, and the lesson, draw the same Topology.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from gen.model import HOST, Lab, Nat, Network, Nic, Node, Publish, Vm

Kind = Literal["lan", "host", "bridge", "router", "namespace", "guest"]


@dataclass(frozen=True, slots=True)
class Vertex:
    """A box of the picture. `key` is unique; `notes` are the lines below the name."""

    key: str
    kind: Kind
    name: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cable:
    """A line of the picture between two keys, with what is written at each end.

    `key` is the object's name in the Plan (`br-in - r1/rinr`, a tap), so that a lesson finds the line that a command
    makes; `ports` are names of interfaces that a picture has no room for.
    """

    key: str
    left: str
    right: str
    left_text: str = ""
    right_text: str = ""
    ports: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of both ends that are not empty, left first."""
        return tuple(text for text in (self.left_text, self.right_text) if text)


@dataclass(frozen=True, slots=True)
class Topology:
    """What to draw: vertices from the outside inwards, and each cable with its outer end at the left."""

    name: str
    vertices: tuple[Vertex, ...]
    cables: tuple[Cable, ...]


def topology(lab: Lab) -> Topology:
    """The topology of a checked lab."""
    networks = {network.name: network for network in lab.networks}
    vertices = [*_lans(lab), *_host(lab)]
    vertices += [
        Vertex(_bridge(network.name), "bridge", network.name, _network_notes(network)) for network in lab.networks
    ]
    for node in lab.nodes:
        kind: Kind = "router" if node.forwards else "namespace"
        vertices.append(Vertex(_node(node.name), kind, node.name, _node_notes(node)))
        vertices += [
            Vertex(_bridge(bridge.name, node.name), "bridge", bridge.name, (f"in {node.name}",))
            for bridge in node.bridges
        ]
    vertices += [Vertex(_guest(vm.name), "guest", vm.name) for vm in lab.vms]
    cables = [*_host_cables(lab, networks), *_node_cables(lab), *_guest_cables(lab)]
    used = {cable.left for cable in cables} | {cable.right for cable in cables}
    vertices = [vertex for vertex in vertices if vertex.kind not in ("lan", "host") or vertex.key in used]
    return _from_outside(Topology(lab.name, tuple(vertices), tuple(cables)))


def _bridge(name: str, node: str = "") -> str:
    return f"bridge:{node}/{name}" if node else f"bridge:{name}"


def _node(name: str) -> str:
    return f"node:{name}"


def _guest(name: str) -> str:
    return f"guest:{name}"


def _lan(nic: str) -> str:
    return f"lan:{nic}"


def _uplinks(lab: Lab) -> dict[str, str]:
    """The bridge of each uplink."""
    return {network.uplink: network.name for network in lab.networks if network.uplink is not None}


def _outer_nics(lab: Lab) -> list[str]:
    """The host's NICs: declared, or named by an uplink or a `via`."""
    bridges = {network.name for network in lab.networks}
    named = [network.via for network in lab.networks if network.via is not None and network.via not in bridges]
    return list(dict.fromkeys([*(nic.name for nic in lab.host), *_uplinks(lab), *named]))


def _lans(lab: Lab) -> Iterator[Vertex]:
    declared = {nic.name: nic for nic in lab.host}
    for name in _outer_nics(lab):
        notes: list[str] = []
        if name in declared:
            notes += [str(address.subnet) for address in declared[name].addresses]
            notes += [f"gateway {declared[name].gateway}"] if declared[name].gateway is not None else []
        yield Vertex(_lan(name), "lan", f"LAN at {name}", tuple(notes))


def _host(lab: Lab) -> Iterator[Vertex]:
    forwards = any(network.kind in ("routed", "nat") for network in lab.networks)
    yield Vertex(HOST, "host", HOST, ("forwards",) if forwards else ())


def _network_notes(network: Network) -> tuple[str, ...]:
    notes = [network.kind + (", external" if network.external else "")]
    if network.kind == "nat":
        notes.append(f"NAT via {network.via}" + (f" to {network.nat_to}" if network.nat_to is not None else ""))
    if network.dhcp is not None:
        notes.append(f"DHCP {network.dhcp.first} - {network.dhcp.last}")
    return (*notes, *map(_published, network.publishes))


def _node_notes(node: Node) -> tuple[str, ...]:
    notes = [f"lo {address.interface}" for address in node.loopbacks]
    notes += [f"NAT {_natted(nat)}" for nat in node.nats]
    notes += map(_published, node.publishes)
    for route in node.routes:
        destination = "default" if route.destination.prefixlen == 0 else str(route.destination)
        way = "discard" if route.discard else f"via {route.gateway}" if route.gateway else f"dev {route.nic}"
        notes.append(f"{destination} {way}")
    return tuple(notes)


def _natted(nat: Nat) -> str:
    to = "" if nat.first is None else f" to {nat.first}" + (f"-{nat.last}" if nat.last not in (None, nat.first) else "")
    return f"{nat.source or 'all'} via {nat.nic}{to}"


def _published(publish: Publish) -> str:
    port = "" if publish.port is None else f":{publish.port}"
    inner = "" if publish.port is None else f":{publish.target_port or publish.port}"
    return f"{publish.protocol or ''} {publish.address}{port} to {publish.target}{inner}".strip()


def _host_cables(lab: Lab, networks: dict[str, Network]) -> Iterator[Cable]:
    declared = {nic.name: nic for nic in lab.host}
    uplinks = _uplinks(lab)
    for nic in _outer_nics(lab):
        own = _addresses(declared[nic].addresses) if nic in declared else ""
        if nic in uplinks:
            bridge = uplinks[nic]
            yield Cable(nic, _lan(nic), _bridge(bridge), right_text=nic)
            addresses = " ".join(filter(None, (own, _addresses(networks[bridge].addresses))))
            yield Cable(bridge, _bridge(bridge), HOST, right_text=addresses)
        else:
            yield Cable(nic, _lan(nic), HOST, right_text=" ".join(filter(None, (nic, own))))
    for network in lab.networks:
        if network.addresses and network.uplink is None:
            yield Cable(network.name, HOST, _bridge(network.name), left_text=_addresses(network.addresses))
    for link in lab.bridge_links:
        ports = (link.left_end, link.right_end)
        yield Cable(f"{link.left} - {link.right}", _bridge(link.left), _bridge(link.right), ports=ports)


def _node_cables(lab: Lab) -> Iterator[Cable]:
    nics = {(node.name, nic.name): nic for node in lab.nodes for nic in node.nics}
    place = {(node.name, nic.name): _node(node.name) for node in lab.nodes for nic in node.nics}
    for node in lab.nodes:
        for bridge in node.bridges:
            place |= {(node.name, port): _bridge(bridge.name, node.name) for port in bridge.ports}
            if bridge.addresses:
                key = f"{node.name}/{bridge.name}"
                yield Cable(key, _node(node.name), _bridge(bridge.name, node.name), _addresses(bridge.addresses))
        for nic in node.nics:
            if nic.network is not None:
                key = f"{nic.network} - {node.name}/{nic.name}"
                end = place[node.name, nic.name]
                yield Cable(key, _bridge(nic.network), end, right_text=_interface(nic), ports=(nic.outer,))
    for link in lab.links:
        left, right = (link.left.node, link.left.nic), (link.right.node, link.right.nic)
        key = f"{'/'.join(left)} - {'/'.join(right)}"
        yield Cable(key, place[left], place[right], _interface(nics[left]), _interface(nics[right]))


def _guest_cables(lab: Lab) -> Iterator[Cable]:
    for vm in lab.vms:
        for index, nic in enumerate(vm.nics):
            if nic.network is not None and nic.tap is not None:
                text = " ".join(filter(None, (nic.tap, str(nic.address or ""))))
                yield Cable(nic.tap, _bridge(nic.network), _guest(vm.name), right_text=text)
            else:
                yield Cable(f"{vm.name} user {index}", HOST, _guest(vm.name), right_text=_user_network(vm, index))


def _user_network(vm: Vm, index: int) -> str:
    forwards = (f"{forward.protocol} {forward.port} to {forward.target_port}" for forward in vm.nics[index].forwards)
    return " ".join(("QEMU's user network", *forwards))


def _interface(nic: Nic) -> str:
    return " ".join(filter(None, (nic.name, _addresses(nic.addresses))))


def _addresses(addresses: Iterable[object]) -> str:
    return " ".join(str(getattr(address, "interface", address)) for address in addresses)


def _from_outside(topology: Topology) -> Topology:
    """Vertices in the order in which a packet from outside would meet them, and cables turned that way."""
    neighbours: dict[str, list[str]] = {vertex.key: [] for vertex in topology.vertices}
    for cable in topology.cables:
        neighbours[cable.left].append(cable.right)
        neighbours[cable.right].append(cable.left)
    order: dict[str, int] = {}
    for start in neighbours:  # LANs come first, then the host, then what hangs on neither
        if start in order:
            continue
        queue = deque([start])
        order[start] = len(order)
        while queue:
            for other in neighbours[queue.popleft()]:
                if other not in order:
                    order[other] = len(order)
                    queue.append(other)

    def turned(cable: Cable) -> Cable:
        if order[cable.left] <= order[cable.right]:
            return cable
        return replace(
            cable, left=cable.right, right=cable.left, left_text=cable.right_text, right_text=cable.left_text
        )

    vertices = sorted(topology.vertices, key=lambda vertex: order[vertex.key])
    return replace(topology, vertices=tuple(vertices), cables=tuple(map(turned, topology.cables)))
