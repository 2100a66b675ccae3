"""What every link needs, in the host or in a namespace: up, an address, a spanning tree."""

from __future__ import annotations

from gen.plan.operation import ROOT, Builder, in_netns
from gen.profile import Profile
from gen.shell import Command
from gen.source import Span


def qualified(netns: str, name: str) -> str:
    """How messages name an object: `r1/rinr` inside a namespace, plain in the host."""
    return name if netns == ROOT else f"{netns}/{name}"


def add_link_up(
    build: Builder, netns: str, name: str, at: Span, within: int, *, mac: str | None = None, mtu: int | None = None
) -> int:
    """Bring a link up, with its MAC and MTU where the lab gives them."""
    words: list[str] = []
    probe: list[Command] = []
    if mac is not None:
        words += ["address", mac]
        probe.append(("mac", netns, name, mac))
    if mtu is not None:
        words += ["mtu", str(mtu)]
        probe.append(("mtu", netns, name, str(mtu)))
    return build.add(
        "link-up",
        qualified(netns, name),
        at,
        do=[in_netns(netns, "ip", "link", "set", "dev", name, *words, "up")],
        probe=[*probe, ("up", netns, name)],
        look=in_netns(netns, "ip", "link", "show", "dev", name),
        within=within,
    )


def add_address(build: Builder, netns: str, name: str, cidr: str, at: Span, within: int, kind: str = "address") -> int:
    """Give a link an address; `cidr` is ADDRESS/LENGTH."""
    return build.add(
        kind,
        f"{qualified(netns, name)} {cidr}",
        at,
        do=[in_netns(netns, "ip", "addr", "add", cidr, "dev", name)],
        undo=[in_netns(netns, "ip", "addr", "del", cidr, "dev", name)],
        probe=[("address", netns, name, cidr)],
        look=in_netns(netns, "ip", "addr", "show", "dev", name),
        within=within,
    )


def add_stp(build: Builder, netns: str, name: str, on: bool, at: Span, profile: Profile, within: int) -> int:
    """Turn the spanning tree protocol of a bridge on or off."""
    state = "on" if on else "off"
    return build.add(
        "stp",
        qualified(netns, name),
        at,
        do=[
            in_netns(netns, *command)
            for command in profile.command("bridge_stp", bridge=name, state=state, bit=str(int(on)))
        ],
        probe=[("stp", netns, name, state)],
        look=in_netns(netns, *profile.command("bridge_look", bridge=name)[0]),
        within=within,
    )


def add_port(
    build: Builder, bridge: str, port: str, at: Span, profile: Profile, within: int, netns: str = ROOT
) -> None:
    """Make a link of the same namespace a port of a bridge, and bring it up."""
    build.add(
        "port",
        qualified(netns, f"{bridge} {port}"),
        at,
        do=[in_netns(netns, *command) for command in profile.command("bridge_port", bridge=bridge, port=port)],
        undo=[in_netns(netns, "ip", "link", "set", "dev", port, "nomaster")],
        probe=[("port", netns, port, bridge)],
        look=in_netns(netns, *profile.command("bridge_look", bridge=bridge)[0]),
        within=within,
    )
    add_link_up(build, netns, port, at, within)
