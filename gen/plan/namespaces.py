"""Routers and namespaces in, operations out: the namespaces themselves, their cables, and what is inside them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address

from gen.model import InnerBridge, Lab, Nic, Node, Route
from gen.plan.links import add_address, add_link_up, add_port, add_stp
from gen.plan.operation import ROOT, Builder, in_netns
from gen.profile import Profile
from gen.shell import Command


def add_namespaces(build: Builder, lab: Lab) -> None:
    """Create every namespace."""
    for node in lab.nodes:
        build.made["netns", node.name] = build.add(
            "netns",
            node.name,
            node.at,
            do=[("ip", "netns", "add", node.name)],
            undo=[("ip", "netns", "delete", node.name)],
            probe=[("netns", node.name)],
            look=("ip", "netns", "list"),
        )


def add_cables(build: Builder, lab: Lab, profile: Profile) -> None:
    """Create every veth pair with its inner ends in their namespaces, and plug the outer ends into the bridges."""
    passing = _passing_names(lab)
    for node in lab.nodes:
        for nic in node.nics:
            if nic.network is not None:
                _add_cable_to_network(build, node, nic, nic.network, passing[node.name, nic.name], profile)
    for link in lab.links:
        left, right = (link.left.node, link.left.nic), (link.right.node, link.right.nic)
        made = build.add(
            "cable",
            f"{'/'.join(left)} - {'/'.join(right)}",
            link.at,
            do=profile.command(
                "veth_between_netns",
                left=link.left.nic,
                left_netns=link.left.node,
                left_passing=passing[left],
                right=link.right.nic,
                right_netns=link.right.node,
                right_passing=passing[right],
            ),
            undo=[in_netns(link.left.node, "ip", "link", "delete", "dev", link.left.nic)],
            probe=[("there", *left), ("there", *right)],
            look=in_netns(link.left.node, "ip", "link", "show", "dev", link.left.nic),
            within=build.made["netns", link.left.node],
        )
        build.made["cable", *left] = build.made["cable", *right] = made


def add_interiors(build: Builder, lab: Lab, profile: Profile) -> None:
    """What each namespace is inside: lo, nics up and addressed, switches, routes, forwarding."""
    gateways = {route.gateway for node in lab.nodes for route in node.routes}
    gateways |= {nic.gateway for vm in lab.vms for nic in vm.nics}
    for node in lab.nodes:
        _add_interior(build, node, profile, gateways)


def _add_cable_to_network(build: Builder, node: Node, nic: Nic, network: str, passing: str, profile: Profile) -> None:
    made = build.add(
        "cable",
        f"{network} - {node.name}/{nic.name}",
        nic.at,
        do=(
            *_renamed(
                profile.command("veth_into_netns", outer=nic.outer, nic=nic.name, netns=node.name, passing=passing)
            ),
            ("ip", "link", "set", "dev", nic.outer, "alias", build.mark),
        ),
        undo=[("ip", "link", "delete", "dev", nic.outer)],
        probe=[("link", ROOT, nic.outer), ("there", node.name, nic.name)],
        look=("ip", "link", "show", "dev", nic.outer),
        within=build.made["netns", node.name],
    )
    build.made["cable", node.name, nic.name] = made
    add_port(build, network, nic.outer, nic.at, profile, made)


def _add_interior(build: Builder, node: Node, profile: Profile, gateways: Collection[IPv4Address | None]) -> None:
    netns, within = node.name, build.made["netns", node.name]
    build.add(
        "loopback",
        f"{netns}/lo",
        node.at,
        do=[in_netns(netns, "ip", "link", "set", "dev", "lo", "alias", build.mark, "up")],
        probe=[("up", netns, "lo")],
        look=in_netns(netns, "ip", "addr", "show", "dev", "lo"),
        within=within,
    )
    for address in node.loopbacks:
        add_address(build, netns, "lo", str(address.interface), address.at, within)
    for nic in node.nics:
        cable = build.made["cable", netns, nic.name]
        add_link_up(build, netns, nic.name, nic.at, cable, mac=nic.mac, mtu=nic.mtu)
        for address in nic.addresses:
            add_address(build, netns, nic.name, str(address.interface), address.at, cable)
        if nic.limit is not None:
            _add_limit(build, netns, nic, nic.limit, cable)
    for bridge in node.bridges:
        _add_inner_bridge(build, netns, bridge, profile, within)
    # One nic, no switch, and nobody's gateway: there is nothing to forward, and a process a namespace is saved.
    is_gateway = any(address.ip in gateways for nic in node.nics for address in nic.addresses)
    if node.forwards or is_gateway or len(node.nics) + len(node.bridges) > 1:
        _add_forwarding(build, node, within)
    for route in node.routes:
        _add_route(build, node, route)


def _add_inner_bridge(build: Builder, netns: str, bridge: InnerBridge, profile: Profile, within: int) -> None:
    made = build.add(
        "bridge",
        f"{netns}/{bridge.name}",
        bridge.at,
        do=[in_netns(netns, *command) for command in profile.command("bridge_add", bridge=bridge.name)],
        undo=[in_netns(netns, *command) for command in profile.command("bridge_delete", bridge=bridge.name)],
        probe=[("there", netns, bridge.name)],
        look=in_netns(netns, *profile.command("bridge_look", bridge=bridge.name)[0]),
        within=within,
    )
    build.made["switch", netns, bridge.name] = made
    if bridge.stp is not None:
        add_stp(build, netns, bridge.name, bridge.stp, bridge.at, profile, made)
    add_link_up(build, netns, bridge.name, bridge.at, made)
    for port in bridge.ports:
        add_port(build, bridge.name, port, bridge.at, profile, build.made["cable", netns, port], netns)
    for address in bridge.addresses:
        add_address(build, netns, bridge.name, str(address.interface), address.at, made)


def _add_forwarding(build: Builder, node: Node, within: int) -> None:
    value = str(int(node.forwards))
    build.add(
        "routing" if node.forwards else "no-routing",
        node.name,
        node.at,
        do=[in_netns(node.name, "sysctl", "-q", "-w", f"net.ipv4.ip_forward={value}")],
        undo=[in_netns(node.name, "sysctl", "-q", "-w", "net.ipv4.ip_forward=0")] if node.forwards else [],
        probe=[("sysctl", node.name, "net.ipv4.ip_forward", value)],
        look=in_netns(node.name, "sysctl", "net.ipv4.ip_forward"),
        within=within,
    )


def _add_limit(build: Builder, netns: str, nic: Nic, rate: int, within: int) -> None:
    # tbf needs a bucket of at least rate/HZ bytes (tc-tbf(8)); 100 Hz is the slowest clock in use.
    burst = max(16_384, rate // 8 // 100)
    build.add(
        "limit",
        f"{netns}/{nic.name}",
        nic.at,
        do=[
            in_netns(
                netns, "tc", "qdisc", "add", "dev", nic.name, "root", "tbf",
                "rate", f"{rate}bit", "burst", f"{burst}b", "latency", "400ms",
            )
        ],
        undo=[in_netns(netns, "tc", "qdisc", "del", "dev", nic.name, "root")],
        probe=[("qdisc", netns, nic.name, "tbf")],
        look=in_netns(netns, "tc", "qdisc", "show", "dev", nic.name),
        within=within,
    )  # fmt: skip


def _add_route(build: Builder, node: Node, route: Route) -> None:
    destination = "default" if route.destination.prefixlen == 0 else str(route.destination)
    # `ip route show` leaves /32 out.
    shown = destination.removesuffix("/32")
    words = ["blackhole", destination] if route.discard else [destination]
    probe = f"blackhole {shown}" if route.discard else shown
    if route.gateway is not None:
        words += ["via", str(route.gateway)]
        probe += f" via {route.gateway}"
    if route.nic is not None:
        words += ["dev", route.nic]
        probe += f" dev {route.nic}"
        if route.gateway is not None and not _on_link(node, route):
            words.append("onlink")
    if route.source is not None:
        words += ["src", str(route.source)]
    if route.metric is not None:
        words += ["metric", str(route.metric)]
    build.add(
        "discard" if route.discard else "route",
        f"{node.name} {destination}",
        route.at,
        do=[in_netns(node.name, "ip", "route", "add", *words)],
        undo=[in_netns(node.name, "ip", "route", "del", *words)],
        probe=[("route", node.name, probe)],
        look=in_netns(node.name, "ip", "route"),
        within=_carrier(build, node, route),
    )


def _on_link(node: Node, route: Route) -> bool:
    """Whether the gateway is in a subnet of the route's own nic; a /32 host reaches its gateway with `onlink`."""
    return any(
        route.gateway in address.subnet for nic in node.nics if nic.name == route.nic for address in nic.addresses
    )


def _carrier(build: Builder, node: Node, route: Route) -> int:
    """The operation that the route goes with: what made the link that it leaves by, else the namespace."""
    for nic in node.nics:
        reached = (route.gateway is not None and route.gateway in address.subnet for address in nic.addresses)
        if nic.name == route.nic or any(reached):
            return build.made["cable", node.name, nic.name]
    for bridge in node.bridges:
        reached = (route.gateway is not None and route.gateway in address.subnet for address in bridge.addresses)
        if bridge.name == route.nic or any(reached):
            return build.made["switch", node.name, bridge.name]
    return build.made["netns", node.name]


def _renamed(commands: tuple[Command, ...]) -> Iterator[Command]:
    """Without those that would rename a link to the name that it has."""
    return (command for command in commands if not (command[-2] == "name" and command[-3] == command[-1]))


def _passing_names(lab: Lab) -> dict[tuple[str, str], str]:
    """The names that inner ends carry while they pass through the host, for targets that move and rename them.

    The nic's own name where the host cannot have it already, as in the notes (`rinr`); else one of our own.
    """
    count = Counter(nic.name for node in lab.nodes for nic in node.nics)
    taken = {nic.name for nic in lab.host} | {network.name for network in lab.networks}
    taken |= {nic.outer for node in lab.nodes for nic in node.nics}
    taken |= {nic.tap for vm in lab.vms for nic in vm.nics if nic.tap is not None}
    names: dict[tuple[str, str], str] = {}
    for node in lab.nodes:
        for nic in node.nics:
            if nic.network is None:
                name = nic.outer
            elif count[nic.name] == 1 and nic.name not in taken and not re.match(r"(eth|en|wl|ww|lo)", nic.name):
                name = nic.name
            else:
                name = "kg-" + hashlib.sha256(f"{node.name}/{nic.name}".encode()).hexdigest()[:10]
            names[node.name, nic.name] = name
    return names
