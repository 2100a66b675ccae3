"""Chains of edits for Hypothesis: a lab, then the same lab with a few of its parts changed, added or gone, and so on.

A lab is a choice for each of a fixed number of slots: four networks, three namespaces, two guests, a cable between
namespaces and one between bridges. Its text names only what is there, so every combination can be written down; those
that the compiler refuses are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from hypothesis import strategies as st

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source

NAME = "edited"
UPLINK_ADDRESS = "192.168.0.162"

HEADER = f"""\
lab {NAME}
host {{
    nic ens33 {{ address {UPLINK_ADDRESS}/16  gateway 192.168.0.1 }}
    nic br-host {{ }}
}}
"""

NETWORKS = ("br-a", "br-b", "br-c", "br-host")
"""The last one is external: its bridge is the host's."""

NODES = ("ra", "rb", "rc")
VMS = ("va", "vb")


@dataclass(frozen=True)
class Network:
    kind: str
    hosts: tuple[int, ...]
    """The last bytes of its addresses in 10.N.0.0/24, the first one primary."""
    second_subnet: bool
    dhcp: str
    stp: str
    mtu: int | None
    mac: bool
    publish: str


@dataclass(frozen=True)
class Nic:
    network: int
    hosts: tuple[int, ...]
    mac: bool
    mtu: int | None
    limit: str
    dhcp: bool


@dataclass(frozen=True)
class Node:
    forwards: bool
    nics: tuple[Nic, ...]
    loopback: bool
    route: str
    source: bool
    metric: int | None
    nat: str
    publish: bool
    bridge: str
    """A switch inside, which has the first nic as its port: none, stp or plain, or one with an address."""


@dataclass(frozen=True)
class Vm:
    networks: tuple[int, ...]
    memory: int
    addressed: bool
    autostart: bool
    disk: str


@dataclass(frozen=True)
class Spec:
    """What stands in each slot; None: nothing."""

    networks: tuple[Network | None, ...]
    nodes: tuple[Node | None, ...]
    vms: tuple[Vm | None, ...]
    cable: int
    """The cable between ra and rb: 0 none, else which of two subnets it has."""
    join: bool
    """A cable between the bridges br-a and br-b."""

    def text(self) -> str:
        """The lab as a user writes it."""
        return HEADER + "".join(_Writer(self).lines())


@dataclass
class _Writer:
    spec: Spec
    out: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        for index, network in enumerate(self.spec.networks):
            if network is not None:
                self._network(index, network)
        for index, node in enumerate(self.spec.nodes):
            if node is not None:
                self._node(index, node)
        left, right = self.spec.nodes[:2]
        if self.spec.cable and left is not None and right is not None:
            subnet = f"10.9{self.spec.cable}.0"
            self.out.append(f"link ra.c0 {subnet}.1/30 - rb.c0 {subnet}.2/30\n")
        if self.spec.join and self.spec.networks[0] is not None and self.spec.networks[1] is not None:
            self.out.append("link br-a - br-b\n")
        for index, vm in enumerate(self.spec.vms):
            if vm is not None:
                self._vm(index, vm)
        return self.out

    def _network(self, index: int, network: Network) -> None:
        name = NETWORKS[index]
        words = [f"address 10.{index}.0.{host}/24" for host in network.hosts]
        if network.second_subnet:
            words.append(f"address 10.{index + 50}.0.254/24")
        if network.kind == "bridged":
            words.append("uplink ens33")
        if network.kind == "nat":
            bridged = [NETWORKS[i] for i, other in enumerate(self.spec.networks) if other and other.kind == "bridged"]
            words.append(f"via {(bridged or ['ens33'])[0]}")
            words += self._publishes(index, network.publish)
        if network.dhcp:
            words.append(f"dhcp {network.dhcp.replace('N', str(index))}")
        if name == "br-host":
            words.append("external")
        else:
            words += [f"stp {network.stp}"] if network.stp else []
            words += [f"mtu {network.mtu}"] if network.mtu else []
            words += [f"mac 52:54:00:00:01:0{index}"] if network.mac else []
        self.out.append(f"network {name} {network.kind} {{ {'; '.join(words)} }}\n")

    def _publishes(self, network: int, publish: str) -> list[str]:
        guests = [
            VMS[i]
            for i, vm in enumerate(self.spec.vms)
            if vm is not None and vm.addressed and network in vm.networks[:1]
        ]
        if not publish or not guests:
            return []
        if publish == "all":
            return [f"publish 192.168.0.20{network} to {guests[0]}"]
        return [f"publish tcp {UPLINK_ADDRESS}:{publish} to {guest}:22" for guest in guests[:1]]

    def _node(self, index: int, node: Node) -> None:
        words, name = [], NODES[index]
        nics = [nic for nic in node.nics if self.spec.networks[nic.network] is not None]
        gateway = None
        for nic in nics:
            inner = [f"address 10.{nic.network}.0.{host + 10 * index}/24" for host in nic.hosts]
            if nic is nics[0] and node.bridge == "address":
                inner = []
            inner += [f"mac 52:54:00:00:02:{index}{nic.network}"] if nic.mac else []
            inner += [f"mtu {nic.mtu}"] if nic.mtu else []
            inner += [f"limit {nic.limit}"] if nic.limit else []
            inner += ["dhcp on"] if nic.dhcp and inner[:1] and inner[0].startswith("address") else []
            words.append(f"nic e{nic.network} on {NETWORKS[nic.network]} {{ {'; '.join(inner)} }}")
            network = self.spec.networks[nic.network]
            if network is not None and network.hosts and nic.hosts:
                gateway = gateway or f"10.{nic.network}.0.{network.hosts[0]}"
        if self.spec.cable and index < 2 and all(self.spec.nodes[:2]):
            words.append("nic c0 { }")
        if node.loopback:
            words.append(f"loopback 10.99.0.{index + 1}/32")
        if node.bridge and nics:
            inner = [f"port e{nics[0].network}"]
            inner += ["stp on"] if node.bridge == "stp" else []
            if node.bridge == "address":
                inner += [f"address 10.{nics[0].network}.0.{host + 10 * index}/24" for host in nics[0].hosts]
            words.append(f"bridge sw {{ {'; '.join(inner)} }}")
        if gateway:
            more = f" metric {node.metric}" if node.metric else ""
            if node.source and nics[0].hosts and nics[0] is nics[-1]:
                more += f" src 10.{nics[0].network}.0.{nics[0].hosts[0] + 10 * index}"
            words += [f"route {node.route} via {gateway}{more}"] if node.route else []
        if node.route:
            words.append("route 10.200.0.0/16 discard")
        if node.forwards and len(nics) > 1 and nics[-1].hosts:
            if node.nat:
                words.append(f"nat {node.nat.replace('N', str(nics[0].network))} via e{nics[-1].network}")
            if node.publish:
                guests = [
                    VMS[i]
                    for i, vm in enumerate(self.spec.vms)
                    if vm and vm.addressed and vm.networks[0] == nics[0].network
                ]
                own = f"10.{nics[-1].network}.0.{nics[-1].hosts[0] + 10 * index}"
                words += [f"publish tcp {own}:2222 to {guest}:22" for guest in guests[:1]]
        kind = "router" if node.forwards else "namespace"
        self.out.append(f"{kind} {name} {{ {'; '.join(words)} }}\n")

    def _vm(self, index: int, vm: Vm) -> None:
        words = [f"memory {vm.memory}M"]
        words += [f"disk /srv/{vm.disk}.qcow2 {{ overlay on }}"] if vm.disk else []
        words += [] if vm.autostart else ["autostart off"]
        for number in vm.networks:
            if self.spec.networks[number] is not None:
                address = f" {{ address 10.{number}.0.{100 + index}/24 }}" if vm.addressed else ""
                words.append(f"nic on {NETWORKS[number]}{address}")
        self.out.append(f"vm {VMS[index]} {{ {'; '.join(words)} }}\n")


def _mostly(there: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), there, there)


hosts = st.sampled_from([(), (254,), (253,), (254, 253), (253, 254), (254, 253, 252)])
nic_hosts = st.sampled_from([(), (1,), (2,), (1, 2), (2, 1), (1, 2, 3)])


def networks(index: int) -> st.SearchStrategy[Network | None]:
    kinds = ("isolated", "routed", "nat", *(["bridged"] if index == 1 else []))
    return _mostly(
        st.builds(
            Network,
            kind=st.sampled_from(kinds),
            hosts=hosts,
            second_subnet=st.booleans(),
            dhcp=st.sampled_from(["", "", "on", "10.N.0.120 - 10.N.0.130"]),
            stp=st.sampled_from(["", "", "on", "off"]),
            mtu=st.sampled_from([None, None, 1400, 1300]),
            mac=st.booleans(),
            publish=st.sampled_from(["", "2201", "2202", "all"]),
        )
    )


nics = st.lists(
    st.builds(
        Nic,
        network=st.integers(0, len(NETWORKS) - 1),
        hosts=nic_hosts,
        mac=st.booleans(),
        mtu=st.sampled_from([None, None, 1400, 1300]),
        limit=st.sampled_from(["", "", "1mbit", "2mbit"]),
        dhcp=st.sampled_from([False, False, True]),
    ),
    max_size=3,
    unique_by=lambda nic: nic.network,
).map(tuple)

nodes = _mostly(
    st.builds(
        Node,
        forwards=st.booleans(),
        nics=nics,
        loopback=st.booleans(),
        route=st.sampled_from(["", "default", "10.201.0.0/16"]),
        source=st.booleans(),
        metric=st.sampled_from([None, None, 100, 200]),
        nat=st.sampled_from(["", "all", "10.N.0.0/24"]),
        publish=st.booleans(),
        bridge=st.sampled_from(["", "", "", "plain", "stp", "address"]),
    )
)

vms = _mostly(
    st.builds(
        Vm,
        networks=st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True).map(tuple),
        memory=st.sampled_from([16, 24]),
        addressed=st.booleans(),
        autostart=st.sampled_from([True, True, False]),
        disk=st.sampled_from(["", "", "one", "two"]),
    )
)

PARTS: dict[str, list[st.SearchStrategy[Any]]] = {
    "networks": [networks(index) for index in range(len(NETWORKS))],
    "nodes": [nodes] * len(NODES),
    "vms": [vms] * len(VMS),
    "cable": [st.integers(0, 2)],
    "join": [st.booleans()],
}
SLOTS = [(part, index) for part, strategies in PARTS.items() for index in range(len(strategies))]


@st.composite
def chains(draw: st.DrawFn, length: int) -> list[str]:
    """The texts of `length` labs that the compiler accepts, each an edit of the one before."""
    spec = Spec((None,) * len(NETWORKS), (None,) * len(NODES), (None,) * len(VMS), 0, False)
    texts: list[str] = []
    for _ in range(4 * length):
        edited = spec
        for _ in range(draw(st.integers(1, 3)) if texts else 12):
            edited = _edit(draw, edited)
        text = edited.text()
        if text not in texts[-1:] and _accepted(text):
            spec = edited
            texts.append(text)
        if len(texts) == length:
            break
    return texts


def _edit(draw: st.DrawFn, spec: Spec) -> Spec:
    """The lab with one slot filled anew, or with one property of what is in it changed."""
    part, index = draw(st.sampled_from(SLOTS))
    new: Any = draw(PARTS[part][index])
    change: dict[str, Any] = {part: new}
    if part in ("cable", "join"):
        return replace(spec, **change)
    slots = list(getattr(spec, part))
    old = slots[index]
    if old is not None and new is not None and draw(st.booleans()):
        changed = draw(st.sampled_from([each.name for each in fields(old)]))
        new = replace(old, **{changed: getattr(new, changed)})
    slots[index] = new
    change = {part: tuple(slots)}
    return replace(spec, **change)


def _accepted(text: str) -> bool:
    try:
        driver.analyse(Source("lab.dsl", text), Diagnostics())
    except driver.Stopped:
        return False
    return True
