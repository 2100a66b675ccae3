"""In: the bound tree. Out: the `Lab`: every name looked up, every value that was left open given out.

Reports names that are defined twice or not at all, and what cannot be derived. Whether addresses, routes and names make
sense together is for gen/check.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import PurePath

from gen import derive
from gen.bind import Directive, Value
from gen.diagnostics import Diagnostics, Label, did_you_mean
from gen.model import (
    HOST,
    Address,
    BridgeLink,
    Dhcp,
    Disk,
    Expect,
    Forward,
    HostNic,
    InnerBridge,
    Lab,
    Link,
    LinkEnd,
    Nat,
    Network,
    Nic,
    Node,
    Publish,
    Route,
    Vm,
    VmNic,
)
from gen.source import Source, Span
from gen.syntax.tree import Word
from gen.values import NAME_LENGTH, parse_interface

DEFAULT_TARGET = "debian12"
DEFAULT_LEASE = 12 * 3600
DEFAULT_MEMORY = 512 * 2**20

_EVERYWHERE = IPv4Network("0.0.0.0/0")

_KIND_OF = {"uplink": "bridged", "via": "nat", "nat": "nat", "publish": "nat"}
"""Statements that mean something in one kind of network only."""

_RESERVED = {"lo": "every namespace has an interface `lo`", HOST: "it is the machine that runs the lab"}

Place = str | int
"""Where an address is: a network, by name, or the cable of a link, by number."""


def resolve(bound: Sequence[Directive], source_name: str, diagnostics: Diagnostics) -> Lab:
    """The whole lab. `source_name` names it where no `lab` statement does.

    What an error was reported about is left out or stays as written: such a Lab is not fit to be built.
    """
    return _Resolver(bound, source_name, diagnostics).lab()


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a link, as the link describes it."""

    node: str
    nic: str
    at: Span
    addresses: tuple[Address, ...]
    limit: int | None
    cable: int


@dataclass(slots=True)
class _Segment:
    """What is attached to a network, as far as DHCP ranges, free addresses and default gateways depend on it."""

    addresses: list[Address] = field(default_factory=list)
    gateways: list[IPv4Address] = field(default_factory=list)
    dhcp: Dhcp | None = None
    pool: derive.AddressPool | None = None


class _Resolver:
    def __init__(self, bound: Sequence[Directive], source_name: str, diagnostics: Diagnostics) -> None:
        self._bound = bound
        self._diagnostics = diagnostics
        self._name, self._at = self._name_and_place(source_name)
        self._network_directives = self._all("network")
        self._node_directives = self._all("router", "namespace")
        self._vm_directives = self._all("vm")
        self._taken: dict[str, Span] = {}  # names of interfaces in the host's own namespace
        self._machines: dict[str, Span] = {}  # vms, routers and namespaces
        self._macs: set[str] = set()

    def lab(self) -> Lab:
        self._declare()
        self._host = {nic.name: nic for host in self._all("host") for nic in map(_host_nic, host.all("nic"))}
        self._moved = self._find_uplinks()
        bridge_links, links = self._connect()
        self._host_on, self._segments = self._attach()

        networks = [self._network(directive) for directive in self._network_directives]
        nodes = [self._node(directive) for directive in self._node_directives]
        self._complete_segments(networks, nodes)
        vms = [self._vm(directive) for directive in self._vm_directives]

        self._whereabouts = self._find(nodes, vms)
        return Lab(
            name=self._name,
            target=next((_text(directive) for directive in self._all("target")), DEFAULT_TARGET),
            target_at=next((_given(directive).span for directive in self._all("target")), None),
            host=tuple(self._host.values()),
            networks=tuple(
                replace(network, publishes=self._publishes(directive, {network.name}))
                for network, directive in zip(networks, self._network_directives, strict=True)
            ),
            nodes=tuple(
                replace(node, publishes=self._publishes(directive, {self._place(node, nic) for nic in node.nics}))
                for node, directive in zip(nodes, self._node_directives, strict=True)
            ),
            links=tuple(links),
            bridge_links=tuple(bridge_links),
            vms=tuple(vms),
            expects=tuple(self._expects()),
            at=self._at,
        )

    def _all(self, *words: str) -> list[Directive]:
        return [directive for directive in self._bound if directive.keyword.word in words]

    # Names

    def _name_and_place(self, source_name: str) -> tuple[str, Span]:
        for directive in self._all("lab"):
            return _text(directive), _given(directive).span
        # Standard input is called `<stdin>`, and a file may have any name.
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", PurePath(source_name).stem).strip("-.")[:NAME_LENGTH]
        return stem or "lab", self._bound[0].span if self._bound else Span(Source(source_name, ""), 0, 0)

    def _declare(self) -> None:
        """Note every name that the lab declares for the host's interfaces and for its machines."""
        for host in self._all("host"):
            for nic in host.all("nic"):
                self._define(self._taken, _given(nic), "nic")
        external = {_text(directive) for directive in self._network_directives if directive.get("external")}
        self._network_names = {_text(directive): _given(directive).span for directive in self._network_directives}
        seen: dict[str, Span] = {}
        for directive in self._network_directives:
            # A bridge that exists may be described in `host` too.
            names = seen if _text(directive) in external else self._taken
            self._define(names, _given(directive), "network")
            self._taken.setdefault(_text(directive), _given(directive).span)
        self._node_names = {_text(directive) for directive in self._node_directives}
        for directive in self._all("router", "namespace", "vm"):
            self._define(self._machines, _given(directive), directive.keyword.word, reserved=HOST)
        for directive in self._vm_directives:
            for nic in directive.all("nic"):
                if _on_network(nic) and nic.values[0] is not None:
                    self._define(self._taken, nic.values[0], "tap")
                self._macs.add(nic.value("mac", ""))

    def _define(self, names: dict[str, Span], name: Value, what: str, reserved: str = "lo") -> None:
        """Note the name; reports one that is there already or that means something else."""
        text = name.value
        first = names.get(text)
        names.setdefault(text, name.span)
        if text == reserved:
            self._diagnostics.error(
                "reserved-name", f"a {what} cannot be called `{text}`", name.span, _RESERVED[reserved]
            )
        elif first is not None:
            self._diagnostics.error(
                "defined-twice",
                f"the name `{text}` is used twice",
                name.span,
                f"used again here, for a {what}",
                also=[Label(first, "first used here")],
            )

    def _known(self, name: Value, known: Collection[str], what: str, help: Sequence[str] = ()) -> bool:
        """Whether the name is one of the known; reports one that is not, with this help or the name that was meant."""
        if name.value in known:
            return True
        self._diagnostics.error(
            "not-defined",
            f"the {what} `{name.value}` is not defined",
            name.span,
            f"no {what} has this name",
            help=help or did_you_mean(name.value, known),
        )
        return False

    def _interface_name(self, wish: str, at: Span) -> str:
        """A name for an interface that appears in the host's own namespace."""
        name = derive.interface_name(wish, self._name, self._taken)
        self._taken[name] = at
        return name

    # The host and its networks

    def _find_uplinks(self) -> dict[str, str]:
        """The network that each uplink becomes a port of. A host that is not described may have any nic."""
        moved = {}
        for directive in self._network_directives:
            uplink = directive.get("uplink")
            if uplink and (not self._host or self._known(_given(uplink), self._host, "host nic")):
                moved[_text(uplink)] = _text(directive)
        return moved

    def _attach(self) -> tuple[dict[str, tuple[Address, ...]], dict[str, _Segment]]:
        """The host's own addresses on each of its interfaces, and all written addresses on each network."""
        host_on = {nic.name: nic.addresses for nic in self._host.values()}
        segments = {}
        for directive in self._network_directives:
            uplink = self._host.get(directive.value("uplink", ""))
            host_on[_text(directive)] = _addresses(directive) + (uplink.addresses if uplink else ())
            segments[_text(directive)] = _Segment([*host_on[_text(directive)]])
        for directive in self._node_directives:
            for nic in directive.all("nic"):
                if nic.values[1] is not None and nic.values[1].value in segments:
                    segments[nic.values[1].value].addresses += _addresses(nic)
        return host_on, segments

    def _network(self, directive: Directive) -> Network:
        """The network, all but what it publishes."""
        name, kind = _given(directive), _given(directive, 1).value
        self._check_kind(directive, kind)
        via, via_at = self._way_out(directive) if kind == "nat" else (None, None)
        nat_to = directive.value("nat")
        if nat_to is None and via in self._host_on:
            nat_to = next((address.ip for address in self._host_on[via]), None)
        return Network(
            name=name.value,
            kind=kind,
            addresses=_addresses(directive),
            dhcp=self._dhcp(directive, self._host_on[name.value], self._segments[name.value].addresses),
            uplink=directive.value("uplink"),
            uplink_at=directive.value_at("uplink"),
            via=via,
            via_at=via_at,
            nat_to=nat_to,
            nat_to_at=directive.value_at("nat"),
            publishes=(),
            stp=directive.flag("stp"),
            mtu=directive.value("mtu"),
            mac=directive.value("mac"),
            mac_at=directive.value_at("mac"),
            external=directive.get("external") is not None,
            overlap=directive.get("overlap") is not None,
            at=name.span,
        )

    def _check_kind(self, directive: Directive, kind: str) -> None:
        for statement in directive.block:
            wanted = _KIND_OF.get(statement.keyword.word, kind)
            if wanted != kind:
                self._diagnostics.error(
                    "wrong-network-kind",
                    f"`{statement.keyword.word}` means nothing in a network that is {kind}",
                    statement.span,
                    f"only a {wanted} network has this",
                    also=[Label(_given(directive, 1).span, f"{kind} here")],
                )
        if kind == "bridged" and not directive.get("uplink") and not directive.get("external"):
            self._diagnostics.error(
                "bridged-without-uplink",
                f"the bridged network `{_text(directive)}` has no uplink",
                _given(directive).span,
                "bridged to nothing",
                help=["add `uplink NIC`, or make it `isolated`, or `external` where the bridge exists already"],
            )

    def _way_out(self, directive: Directive) -> tuple[str | None, Span | None]:
        """The interface that a nat network's packets leave by, and where that was written."""
        via = directive.get("via")
        if via:
            name = _given(via)
            if self._host and not self._known(name, {**self._host, **self._network_names}, "nic or network"):
                return None, None
            way = self._moved.get(name.value, name.value)
            if way == _text(directive):
                self._no_way_out(directive, name.span, "this is the network itself")
            return way, name.span
        bridged = [_text(other) for other in self._network_directives if _given(other, 1).value == "bridged"]
        routed = [nic.name for nic in self._host.values() if nic.gateway]
        for ways in (bridged, routed, [*self._host]):
            if len(ways) == 1:
                return self._moved.get(ways[0], ways[0]), None
        self._no_way_out(directive, _given(directive).span, "which way its packets leave cannot be told")
        return None, None

    def _no_way_out(self, directive: Directive, at: Span, label: str) -> None:
        self._diagnostics.error(
            "nat-without-way-out",
            f"the nat network `{_text(directive)}` has no way out",
            at,
            label,
            help=["name it with `via NIC`, a nic of the host or another network"],
        )

    def _dhcp(self, owner: Directive, own: Sequence[Address], attached: Iterable[Address]) -> Dhcp | None:
        """The DHCP server of a network or nic that has these addresses of its own."""
        directive = owner.get("dhcp")
        if directive is None:
            for word in ("lease", "domain", "dns"):
                if statement := owner.get(word):
                    self._diagnostics.warning(
                        "setting-without-dhcp",
                        f"`{word}` without `dhcp` has no effect",
                        statement.span,
                        "nothing here leases addresses",
                        help=["add `dhcp on`"],
                    )
            return None
        if directive.values[0] is None:
            stretch = derive.dhcp_range(own[0].interface, (address.ip for address in attached)) if own else None
            if stretch is None:
                label = "no address is free in its subnet" if own else "the server has no address that tells the subnet"
                self._diagnostics.error(
                    "dhcp-range-unknown",
                    "the range of `dhcp on` cannot be derived",
                    directive.span,
                    label,
                    help=["write the range, as in `dhcp 10.0.0.100 - 10.0.0.200`" if own else "add an `address`"],
                )
                return None
            first, last = stretch
        else:
            first, last = _given(directive, 0).value, _given(directive, 1).value
        servers = [address.interface for address in own]
        return Dhcp(
            first=first,
            last=last,
            server=next((server for server in servers if first in server.network), servers[0] if servers else None),
            lease=owner.value("lease", DEFAULT_LEASE),
            dns=owner.value("dns"),
            domain=owner.value("domain"),
            at=directive.span,
        )

    # Links

    def _connect(self) -> tuple[list[BridgeLink], list[Link]]:
        """All cables; `_ends` then has the ends that are nics, by node and nic."""
        self._ends: dict[str, dict[str, _End]] = {name: {} for name in self._node_names}
        bridge_links, links = [], []
        for cable, directive in enumerate(self._all("link")):
            if directive.keyword.block is None:
                left, right = _given(directive, 0), _given(directive, 1)
                help = ["a cable to a router or namespace names its nic too, as in `link a.eth0 - b.eth0`"]
                known = [
                    self._known(end, self._network_names, "network", help if end.value in self._node_names else ())
                    for end in (left, right)
                ]
                if all(known):
                    left_end = self._interface_name(f"{left.value}-{right.value}", directive.span)
                    right_end = self._interface_name(f"{right.value}-{left.value}", directive.span)
                    bridge_links.append(BridgeLink(left.value, right.value, left_end, right_end, directive.span))
            else:
                ends = [self._end(directive, slot, cable) for slot in (0, 2)]
                if ends[0] and ends[1]:
                    left_nic, right_nic = (LinkEnd(end.node, end.nic) for end in ends if end)
                    links.append(Link(left_nic, right_nic, directive.span))
        return bridge_links, links

    def _end(self, directive: Directive, slot: int, cable: int) -> _End | None:
        """The end at this slot, whose address is in the next one."""
        name, address = _given(directive, slot), directive.values[slot + 1]
        text = name.value
        # A node's name may have dots, and so may a nic's.
        dots = [dot.start() for dot in re.finditer(r"\.", text)]
        dot = next((dot for dot in dots if text[:dot] in self._node_names), None)
        if dot is None:
            node = Value(text[: dots[0]], _piece(name, 0, dots[0]))
            help = ["a vm has no cable: give it a `nic on NETWORK`"] if node.value in self._machines else []
            self._known(node, self._node_names, "router or namespace", help)
            return None
        at = _piece(name, dot + 1, len(text))
        nic = parse_interface(Word(text[dot + 1 :], at), self._diagnostics)
        if nic is None:
            return None
        addresses = (Address(address.value, address.span),) if address else ()
        end = _End(text[:dot], nic, name.span, addresses, directive.value("limit"), cable)
        other = self._ends[end.node].setdefault(nic, end)
        if other is not end:
            self._cabled_twice(end.node, nic, name.span, other.at)
        return end

    def _cabled_twice(self, node: str, nic: str, at: Span, other: Span) -> None:
        self._diagnostics.error(
            "nic-cabled-twice",
            f"the nic `{nic}` of `{node}` has two cables",
            at,
            "connected again here",
            also=[Label(other, "already connected here")],
        )

    # Routers and namespaces

    def _node(self, directive: Directive) -> Node:
        """The node, all but what it publishes."""
        name = _text(directive)
        inside: dict[str, Span] = {}
        for interface in (*directive.all("nic"), *directive.all("bridge")):
            self._define(inside, _given(interface), interface.keyword.word)
        ends = self._ends[name]
        nics = [self._nic(name, nic, ends.get(_text(nic))) for nic in directive.all("nic")]
        for end in ends.values():
            if end.nic not in inside:
                inside[end.nic] = end.at
                outer = self._interface_name(f"{name}-{end.nic}", end.at)
                nics.append(Nic(end.nic, None, outer, end.addresses, None, None, None, None, end.limit, end.at))
        by_name = {nic.name: nic for nic in nics}
        return Node(
            name=name,
            forwards=directive.keyword.word == "router",
            nics=tuple(nics),
            loopbacks=tuple(
                Address(_given(address).value, _given(address).span) for address in directive.all("loopback")
            ),
            bridges=tuple(self._bridge(bridge, by_name) for bridge in directive.all("bridge")),
            routes=tuple(self._route(route, inside) for route in directive.all("route")),
            nats=tuple(self._nat(nat, by_name) for nat in directive.all("nat")),
            publishes=(),
            at=_given(directive).span,
        )

    def _nic(self, node: str, directive: Directive, end: _End | None) -> Nic:
        name, network = _given(directive), directive.values[1]
        if network is not None:
            self._known(network, self._network_names, "network")
            if end is not None:
                self._cabled_twice(node, name.value, end.at, network.span)
        elif end is None:
            self._diagnostics.error(
                "nic-without-cable",
                f"the nic `{name.value}` of `{node}` is connected to nothing",
                name.span,
                "neither on a network nor the end of a link",
                help=[f"write `nic {name.value} on NETWORK`, or `link {node}.{name.value} - NODE.NIC`"],
            )
        addresses = _addresses(directive) + (end.addresses if end else ())
        attached = self._segments[network.value].addresses if network and network.value in self._segments else addresses
        return Nic(
            name=name.value,
            network=network.value if network else None,
            outer=self._interface_name(f"{node}-{name.value}", name.span),
            addresses=addresses,
            mac=directive.value("mac"),
            mac_at=directive.value_at("mac"),
            mtu=directive.value("mtu"),
            dhcp=self._dhcp(directive, addresses, attached),
            limit=directive.value("limit", end.limit if end else None),
            at=name.span,
        )

    def _bridge(self, directive: Directive, nics: Collection[str]) -> InnerBridge:
        ports = [port for statement in directive.all("port") for port in _given(statement).value]
        return InnerBridge(
            name=_text(directive),
            ports=tuple(port.value for port in ports if self._known(port, nics, "nic")),
            addresses=_addresses(directive),
            stp=directive.flag("stp"),
            at=_given(directive).span,
        )

    def _route(self, directive: Directive, interfaces: Collection[str]) -> Route:
        destination, gateway, gateway_nic, bare_nic, metric, source = directive.values
        nic = gateway_nic or bare_nic
        if nic is not None:
            self._known(nic, {*interfaces, "lo"}, "nic")
        return Route(
            destination=_EVERYWHERE if destination is None or destination.value == "default" else destination.value,
            gateway=gateway.value if gateway else None,
            nic=nic.value if nic else None,
            metric=metric.value if metric else None,
            source=source.value if source else None,
            discard=gateway is None and nic is None,
            at=directive.span,
        )

    def _nat(self, directive: Directive, nics: dict[str, Nic]) -> Nat:
        source, nic, to = _given(directive, 0).value, _given(directive, 1), directive.values[2]
        first = last = ports = None
        known = self._known(nic, nics, "nic")
        if to is not None:
            first, last, ports = to.value
        elif known:
            first = last = next((address.ip for address in nics[nic.value].addresses), None)
        return Nat(None if source == "all" else source, nic.value, first, last, ports, directive.span)

    # Guests

    def _complete_segments(self, networks: Iterable[Network], nodes: Iterable[Node]) -> None:
        """Add what guests need to know of each network: DHCP and the gateways, the likeliest first."""
        legs = [(node, nic) for node in nodes for nic in node.nics if nic.network in self._segments]
        legs.sort(key=lambda leg: leg[1].dhcp is None)
        for network in networks:
            segment = self._segments[network.name]
            segment.dhcp = network.dhcp
            uplink = self._host.get(network.uplink or "")
            if uplink and uplink.gateway:
                segment.gateways.append(uplink.gateway)
            if network.kind in ("routed", "nat"):
                segment.gateways += [address.ip for address in network.addresses]
        for node, nic in legs:
            segment = self._segments[nic.network or ""]
            segment.dhcp = segment.dhcp or nic.dhcp
            if node.forwards:
                segment.gateways += [address.ip for address in nic.addresses]

    def _vm(self, directive: Directive) -> Vm:
        name = _given(directive)
        boot = directive.get("boot")
        return Vm(
            name=name.value,
            memory=directive.value("memory", DEFAULT_MEMORY),
            memory_at=directive.value_at("memory"),
            cpus=directive.value("cpus", 1),
            cpu=directive.value("cpu"),
            machine=directive.value("machine"),
            disks=tuple(_disk(disk) for disk in directive.all("disk")),
            cdroms=tuple(_text(cdrom) for cdrom in directive.all("cdrom")),
            boot=directive.value("boot"),
            boot_once=boot.values[1].value if boot and boot.values[1] else None,
            boot_at=directive.value_at("boot"),
            kernel=directive.value("kernel"),
            initrd=directive.value("initrd"),
            append=directive.value("append"),
            nics=tuple(self._vm_nic(name.value, index, nic) for index, nic in enumerate(directive.all("nic"))),
            vnc=directive.value("display"),
            vnc_at=directive.value_at("display"),
            autostart=directive.flag("autostart") is not False,
            options=tuple((_text(option), _given(option, 1).value) for option in directive.all("option")),
            at=name.span,
        )

    def _vm_nic(self, vm: str, index: int, directive: Directive) -> VmNic:
        mac, mac_at = directive.value("mac"), directive.value_at("mac")
        if mac is None:
            mac = derive.mac(self._name, vm, index, self._macs)
            self._macs.add(mac)
        model = directive.value("model", "virtio")
        if not _on_network(directive):
            forwards = tuple(_forward(forward) for forward in directive.all("forward"))
            return VmNic(None, None, mac, mac_at, model, None, None, None, None, forwards, directive.span)
        tap, network = directive.values[0], _given(directive, 1)
        at = tap.span if tap else directive.span
        address = gateway = None
        if self._known(network, self._network_names, "network"):
            segment = self._segments[network.value]
            address = directive.value("address")
            if address == "auto":
                address = self._free_address(network.value, directive.value_at("address") or at)
            gateway = directive.value("gateway") or _default_gateway(segment, address)
        return VmNic(
            network=network.value,
            tap=tap.value if tap else self._interface_name(f"{vm}.{index}", at),
            mac=mac,
            mac_at=mac_at,
            model=model,
            address=address,
            address_at=directive.value_at("address"),
            gateway=gateway,
            gateway_at=directive.value_at("gateway"),
            forwards=(),
            at=at,
        )

    def _free_address(self, network: str, at: Span) -> IPv4Interface | None:
        """The next address of the network that nothing in the lab names."""
        segment = self._segments[network]
        if segment.pool is None:
            server = segment.dhcp.server if segment.dhcp else None
            known = [server, *(address.interface for address in segment.addresses)]
            subnet = next((interface.network for interface in known if interface), None)
            if subnet is None:
                self._diagnostics.error(
                    "no-subnet",
                    "`address auto` has no subnet to take from",
                    at,
                    f"nothing on `{network}` has an address that tells the subnet",
                    help=[f"give `{network}` or a router's nic on it an `address`, or write this one out"],
                )
                return None
            leased = (segment.dhcp.first, segment.dhcp.last) if segment.dhcp else None
            segment.pool = derive.AddressPool(subnet, self._mentioned, leased)
        address = segment.pool.take()
        if address is None:
            self._diagnostics.error(
                "no-free-address",
                f"no address is free on `{network}`",
                at,
                f"all of {segment.pool.subnet} is in use",
                help=["use a larger subnet, a smaller prefix length"],
            )
        return address

    @property
    def _mentioned(self) -> set[int]:
        """Every address that the lab names and that thus is not free. The ends of a DHCP range are."""
        if not hasattr(self, "_mentioned_addresses"):
            self._mentioned_addresses = {int(address) for address in _mentioned(self._bound)}
        return self._mentioned_addresses

    # Who is where

    def _find(self, nodes: Iterable[Node], vms: Iterable[Vm]) -> dict[str, list[tuple[Place | None, IPv4Address]]]:
        """The addresses of each machine, in the order of its nics."""
        found: dict[str, list[tuple[Place | None, IPv4Address]]] = {}
        for node in nodes:
            found[node.name] = [
                (self._place(node, nic), address.ip) for nic in node.nics for address in nic.addresses
            ] + [(None, address.ip) for address in node.loopbacks]
        for vm in vms:
            found[vm.name] = [(nic.network, nic.address.ip) for nic in vm.nics if nic.address]
        return found

    def _place(self, node: Node, nic: Nic) -> Place | None:
        end = self._ends[node.name].get(nic.name)
        return nic.network or (end.cable if end else None)

    def _publishes(self, owner: Directive, near: Collection[Place | None]) -> tuple[Publish, ...]:
        return tuple(self._publish(directive, near) for directive in owner.all("publish"))

    def _publish(self, directive: Directive, near: Collection[Place | None]) -> Publish:
        """The publish statement of an owner to whom these places are near, which its target's address is taken from."""
        protocol = directive.values[0]
        outer, inner = _given(directive, 1), _given(directive, 2)
        (address, port), (target, target_port) = outer.value, inner.value
        self._check_ports(protocol, outer, inner)
        target_address = None
        name = Value(target, _piece(inner, 0, len(target)))
        if self._known(name, self._machines, "vm, router or namespace"):
            addresses = self._whereabouts[target]
            nearby = [ip for place, ip in addresses if place is not None and place in near]
            target_address = next(iter(nearby or [ip for _, ip in addresses]), None)
            if target_address is None:
                self._diagnostics.error(
                    "publish-without-address",
                    f"`{target}` has no address that can be published",
                    name.span,
                    "none of its nics has an `address`",
                    also=[Label(self._machines[target], "defined here")],
                    help=["give its nic an `address`, or `address auto`"],
                )
        return Publish(
            protocol=protocol.value if protocol else None,
            address=address,
            port=port,
            target=target,
            target_address=target_address,
            target_port=target_port or port,
            at=directive.span,
        )

    def _check_ports(self, protocol: Value | None, outer: Value, inner: Value) -> None:
        """A port needs a protocol, a protocol needs a port, and there is no inner port without an outer one."""
        if protocol is None and outer.value[1] is not None:
            at, label, help = outer.span, "a port, but neither `tcp` nor `udp` before it", "write `publish tcp ...`"
        elif protocol is not None and outer.value[1] is None:
            at, label, help = outer.span, f"`{protocol.value}`, but no port", f"write `{outer.value[0]}:PORT`"
        elif outer.value[1] is None and inner.value[1] is not None:
            at, label, help = inner.span, "a port here, but none to publish it on", f"write `{outer.value[0]}:PORT`"
        else:
            return
        self._diagnostics.error("publish-ports", "it is not clear what is published", at, label, help=[help])

    def _expects(self) -> Iterator[Expect]:
        known = {HOST: self._at, **self._machines}
        for directive in self._all("expect"):
            source, target, protocol, port = (directive.values[slot] for slot in (0, 3, 4, 5))
            assert source is not None and target is not None
            named = not isinstance(target.value, IPv4Address)
            names = [source, target] if named else [source]
            found = [self._known(name, known, "vm, router or namespace") for name in names]
            if all(found):
                yield Expect(
                    source=source.value,
                    reaches=directive.values[1] is None,
                    target=target.value if named else None,
                    address=None if named else target.value,
                    protocol=protocol.value if protocol else None,
                    port=port.value if port else None,
                    at=directive.span,
                )


def _given(directive: Directive, slot: int = 0) -> Value:
    """The value of a slot that the pattern does not leave out."""
    value = directive.values[slot]
    assert value is not None
    return value


def _text(directive: Directive) -> str:
    text: str = _given(directive).value
    return text


def _piece(value: Value, start: int, end: int) -> Span:
    """The span of a piece of the value's text, where that stands in the source as it is."""
    span = value.span
    whole = value.value if isinstance(value.value, str) else span.text
    return Span(span.source, span.start + start, span.start + end) if span.text == whole else span


def _on_network(directive: Directive) -> bool:
    """Whether a vm's `nic` is on a network, and not QEMU's user network."""
    return len(directive.values) == 2


def _addresses(directive: Directive) -> tuple[Address, ...]:
    return tuple(Address(_given(address).value, _given(address).span) for address in directive.all("address"))


def _host_nic(directive: Directive) -> HostNic:
    return HostNic(
        name=_text(directive),
        addresses=_addresses(directive),
        gateway=directive.value("gateway"),
        gateway_at=directive.value_at("gateway"),
        dns=tuple(_given(dns).value for dns in directive.all("dns")),
        mtu=directive.value("mtu"),
        at=_given(directive).span,
    )


def _disk(directive: Directive) -> Disk:
    path = _text(directive)
    return Disk(
        path=path,
        format=directive.value("format", "raw" if path.lower().endswith((".raw", ".iso")) else "qcow2"),
        bus=directive.value("bus", "virtio"),
        cache=directive.value("cache"),
        overlay=directive.flag("overlay") is True,
        size=directive.value("size"),
        at=_given(directive).span,
    )


def _forward(directive: Directive) -> Forward:
    protocol, port, target_port = (_given(directive, slot).value for slot in range(3))
    return Forward(protocol, port, target_port, directive.span)


def _default_gateway(segment: _Segment, address: IPv4Interface | None) -> IPv4Address | None:
    """The first gateway that the guest reaches: one in its own subnet, where it has an address."""
    for gateway in segment.gateways:
        if address is None or (gateway in address.network and gateway != address.ip):
            return gateway
    return None


def _mentioned(directives: Iterable[Directive]) -> Iterator[IPv4Address]:
    """Every address in the directives, save in those that give out or only ask about addresses."""
    for directive in directives:
        if directive.keyword.word not in ("dhcp", "expect"):
            for value in directive.values:
                parts = value.value if value and isinstance(value.value, tuple) else (value and value.value,)
                yield from (part for part in parts if isinstance(part, IPv4Address))
        yield from _mentioned(directive.block)
