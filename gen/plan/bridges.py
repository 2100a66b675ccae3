"""Networks in, operations out: the bridges of the host, their addresses, and the uplink of a bridged network."""

from __future__ import annotations

from gen.model import BridgeLink, Lab, Network
from gen.plan.links import add_address, add_link_up, add_port, add_stp
from gen.plan.operation import ROOT, Builder
from gen.profile import Profile
from gen.shell import Command


def add_bridges(build: Builder, lab: Lab, profile: Profile) -> None:
    """Every network's bridge, up and addressed; an external one is only needed and addressed."""
    for network in lab.networks:
        if network.external:
            build.need("link", network.name, at=network.at)
        else:
            _add_bridge(build, network, profile)
        within = build.made.get(("bridge", network.name), 0)
        for address in network.addresses:
            add_address(build, ROOT, network.name, str(address.interface), address.at, within)
    for link in lab.bridge_links:
        _add_join(build, link, profile)
    # After all bridges, since a sysctl breaks the batch.
    for network in lab.networks:
        if network.kind == "isolated" and not network.addresses and not network.external:
            key = f"net.ipv6.conf.{network.name}.disable_ipv6"
            build.add(
                "no-ipv6",
                network.name,
                network.at,
                do=[("sysctl", "-q", "-w", f"{key}=1")],
                undo=[("sysctl", "-q", "-w", f"{key}=0")],
                probe=[("sysctl", ROOT, key, "1")],
                look=("sysctl", key),
                within=build.made["bridge", network.name],
            )


def add_uplinks(build: Builder, lab: Lab) -> None:
    """Make the uplink of each bridged network a port of its bridge; the host's own addresses and routes move along."""
    for network in lab.networks:
        if network.uplink is None:
            continue
        at = network.uplink_at or network.at
        build.need("link", network.uplink, at=at)
        build.add(
            "uplink",
            network.uplink,
            at,
            do=[("kg_uplink", network.uplink, network.name)],
            undo=[("kg_uplink_back", network.uplink, network.name)],
            probe=[("bridged", network.uplink, network.name)],
            look=("ip", "addr", "show", "dev", network.name),
        )


def _add_bridge(build: Builder, network: Network, profile: Profile) -> None:
    name = network.name
    # Nothing here depends on the kind of network: with an edited lab the bridge stays, and its guests plugged in.
    made = build.add(
        "bridge",
        name,
        network.at,
        do=[
            *profile.command("bridge_add", bridge=name),
            ("ip", "link", "set", "dev", name, "alias", build.mark),
        ],
        undo=profile.command("bridge_delete", bridge=name),
        probe=[("link", ROOT, name)],
        look=profile.command("bridge_look", bridge=name)[0],
    )
    build.made["bridge", name] = made
    if network.stp is not None:
        add_stp(build, ROOT, name, network.stp, network.at, profile, made)
    if network.kind == "bridged":
        delay = 2 if network.stp else 0  # with a spanning tree the kernel takes no less

        def set_delay(seconds: int) -> tuple[Command, ...]:
            return profile.command(
                "bridge_forward_delay", bridge=name, seconds=str(seconds), hundredths=str(100 * seconds)
            )

        build.add(
            "forward-delay",
            name,
            network.at,
            do=set_delay(delay),
            undo=set_delay(15),
            probe=[("bridge", name, "forward_delay", str(100 * delay))],
            look=profile.command("bridge_look", bridge=name)[0],
            within=made,
        )
    add_link_up(build, ROOT, name, network.at, made, mac=network.mac, mtu=network.mtu)


def _add_join(build: Builder, link: BridgeLink, profile: Profile) -> None:
    left, right = link.left_end, link.right_end
    made = build.add(
        "bridge-join",
        f"{link.left} - {link.right}",
        link.at,
        do=[
            ("ip", "link", "add", "name", left, "type", "veth", "peer", "name", right),
            *(("ip", "link", "set", "dev", end, "alias", build.mark) for end in (left, right)),
        ],
        undo=[("ip", "link", "delete", "dev", left)],
        probe=[("link", ROOT, left), ("link", ROOT, right)],
        look=("ip", "link", "show", "dev", left),
    )
    for bridge, end in ((link.left, left), (link.right, right)):
        add_port(build, bridge, end, link.at, profile, made)
