"""In: a lab's topology. Out: diagnostics about networks and NAT: ways out, published ports, what the host has."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from gen.check.topology import Topology, called, on_link
from gen.check.wording import piece
from gen.diagnostics import Diagnostics, Label
from gen.model import HOST, HostNic, Protocol, Publish
from gen.source import Span


def networks_without_address(topology: Topology, diagnostics: Diagnostics) -> None:
    """The host is the gateway of a routed or nat network, so it has an address there."""
    for network in topology.lab.networks:
        if network.kind in ("routed", "nat") and not network.addresses:
            diagnostics.error(
                "network-without-address",
                f"the {network.kind} network `{network.name}` has no address",
                network.at,
                "the host is its gateway and needs one",
                help=["add `address CIDR`, or make it `isolated`"],
            )


def nat_without_way_out(topology: Topology, diagnostics: Diagnostics) -> None:
    """What NAT sends out leaves by something that passes it on, with an address that answers can come to."""
    kinds = {network.name: network.kind for network in topology.lab.networks}
    for network in topology.lab.networks:
        kind = kinds.get(network.via or "")
        if kind in ("isolated", "nat"):
            diagnostics.error(
                "nat-without-way-out",
                f"the nat network `{network.name}` has no way out",
                network.via_at or network.at,
                f"`{network.via}` is {kind}, and lets nothing in that did not start there",
                help=["name a nic of the host, or a bridged or routed network"],
            )
    for node in topology.lab.nodes:
        addressed = {leg.name for leg in topology.legs[node.name] if leg.addresses}
        ports = {port: bridge.name for bridge in node.bridges for port in bridge.ports}
        for nat in node.nats:
            at = piece(nat.at, nat.nic)
            if nat.nic in ports:
                _report_no_way_out(node.name, at, f"a port of `{ports[nat.nic]}`, which nothing leaves by", diagnostics)
            elif nat.first is None and nat.nic not in addressed:
                _report_no_way_out(node.name, at, "has no address to go out with", diagnostics)


def _report_no_way_out(node: str, at: Span, label: str, diagnostics: Diagnostics) -> None:
    diagnostics.error(
        "nat-without-way-out",
        f"the NAT of `{node}` has no way out",
        at,
        label,
        help=["name a nic that has an `address`, or the address with `to IP`"],
    )


def nat_of_nothing(topology: Topology, diagnostics: Diagnostics) -> None:
    """SNAT names a subnet that the router hears of: its own, or one that it has a route to."""
    for node in topology.lab.nodes:
        known = [address.subnet for leg in topology.legs[node.name] for address in leg.addresses]
        known += [route.destination for route in node.routes if route.destination.prefixlen > 0]
        for nat in node.nats:
            if nat.source is not None and not any(nat.source.overlaps(subnet) for subnet in known):
                diagnostics.warning(
                    "nat-of-nothing",
                    f"`{node.name}` never forwards anything from {nat.source}",
                    piece(nat.at, nat.source),
                    "neither a subnet of its nics nor of its routes",
                    help=["write the subnet of the guests, or `nat all`"],
                )


def published_twice(topology: Topology, diagnostics: Diagnostics) -> None:
    """One port of one address leads to one place. Ports may be taken out of a 1:1 address: they go first."""
    lab = topology.lab
    _published_twice((publish for network in lab.networks for publish in network.publishes), diagnostics)
    for node in lab.nodes:
        _published_twice(node.publishes, diagnostics)


def _published_twice(publishes: Iterable[Publish], diagnostics: Diagnostics) -> None:
    first: dict[tuple[IPv4Address, Protocol | None, int | None], Publish] = {}
    for publish in publishes:
        other = first.setdefault((publish.address, publish.protocol, publish.port), publish)
        if other is not publish:
            shown = f"{publish.protocol} {publish.address}:{publish.port}" if publish.port else str(publish.address)
            diagnostics.error(
                "published-twice",
                f"`{shown}` is published twice",
                publish.at,
                f"this leads to `{publish.target}`",
                also=[Label(other.at, f"this leads to `{other.target}`")],
                help=["publish one of the two on another " + ("port" if publish.port else "address")],
            )


def published_elsewhere(topology: Topology, diagnostics: Diagnostics) -> None:
    """What is published is an address of a subnet that its publisher is in, or nothing comes to it."""
    lab = topology.lab
    for network in lab.networks:
        if network.via is not None:
            way_out = topology.segments[topology.segment_of(network.via)]
            everywhere = [subnet for leg in topology.host_legs.values() for subnet in topology.segments[leg].subnets]
            for publish in network.publishes if way_out.subnets else ():
                if not any(publish.address in subnet for subnet in everywhere):
                    _report_elsewhere(publish, HOST, [*way_out.subnets], diagnostics)
    for node in lab.nodes:
        legs = topology.legs[node.name]
        subnets = [address.subnet for leg in legs for address in leg.addresses]
        for publish in node.publishes:
            if subnets and not any(on_link(publish.address, leg) for leg in legs):
                _report_elsewhere(publish, node.name, subnets, diagnostics)


def _report_elsewhere(publish: Publish, owner: str, subnets: list[IPv4Network], diagnostics: Diagnostics) -> None:
    diagnostics.warning(
        "published-elsewhere",
        f"nobody looks for `{publish.address}` at {called(owner)}",
        piece(publish.at, publish.address),
        f"in no subnet of {called(owner)}",
        help=[f"take an address of {' or '.join(map(str, subnets))}, or route this one here from outside"],
    )


def clashes_with_host(topology: Topology, diagnostics: Diagnostics) -> None:
    """The host keeps its own addresses, and its way to its gateway and name servers."""
    for nic in topology.lab.host:
        needed = [(dns, nic.at, "name server") for dns in nic.dns]
        if nic.gateway is not None:
            needed.append((nic.gateway, nic.gateway_at or nic.at, "gateway"))
        for network in topology.lab.networks:
            number = topology.segment_of(network.name)
            for ip, at, what in needed if number != topology.host_legs[nic.name] else ():
                around = next((address for address in network.addresses if ip in address.subnet), None)
                if around is not None and topology.is_nobody(number, ip) and not _has_near(nic, ip):
                    diagnostics.error(
                        "clash-with-host",
                        f"the host would look for its {what} `{ip}` on `{network.name}`",
                        around.at,
                        f"{around.subnet} holds that address",
                        also=[Label(at, "the host needs it")],
                        help=["use a subnet without it"],
                    )
    addresses = {address.ip: address for nic in topology.lab.host for address in nic.addresses}
    for network in topology.lab.networks:
        for publish in network.publishes:
            if publish.port is None and publish.address in addresses:
                diagnostics.error(
                    "clash-with-host",
                    f"`{publish.address}` is the host's own address",
                    piece(publish.at, publish.address),
                    f"all that is sent to the host would go to `{publish.target}`",
                    also=[Label(addresses[publish.address].at, "the host has it here")],
                    help=["publish single ports of it, or another address"],
                )


def _has_near(nic: HostNic, ip: IPv4Address) -> bool:
    """Whether the address is in a subnet of the nic: then the subnets clash, and that has been said."""
    return any(ip in address.subnet for address in nic.addresses)
