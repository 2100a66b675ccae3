"""What every link needs, in the host or in a namespace: up, an address, a spanning tree."""

from __future__ import annotations

from ipaddress import IPv4Interface

from gen.plan.operation import ROOT, Builder, in_netns
from gen.profile import Profile
from gen.shell import Command
from gen.source import Span

ETHERNET_MTU = 1500
"""What every new bridge, veth and tap has."""


def qualified(netns: str, name: str) -> str:
    """How messages name an object: `r1/rinr` inside a namespace, plain in the host."""
    return name if netns == ROOT else f"{netns}/{name}"


def add_link_up(
    build: Builder, netns: str, name: str, at: Span, within: int, *, mac: str | None = None, mtu: int | None = None
) -> int:
    """Bring a link up, with its MAC and MTU where the lab gives them.

    Each is an operation of its own: another build may give one of them up, and only an MTU can be taken back.
    """
    look = in_netns(netns, "ip", "link", "show", "dev", name)

    def add(kind: str, words: tuple[str, ...], probe: Command, undo: tuple[str, ...] = ()) -> int:
        change = in_netns(netns, "ip", "link", "set", "dev", name)
        back = [(*change, *undo)] if undo else []
        do = [(*change, *words)]
        return build.add(kind, qualified(netns, name), at, do=do, undo=back, probe=[probe], look=look, within=within)

    if mac is not None:
        add("mac", ("address", mac), ("mac", netns, name, mac))
    if mtu is not None:
        back = () if mtu == ETHERNET_MTU else ("mtu", str(ETHERNET_MTU))
        add("mtu", ("mtu", str(mtu)), ("mtu", netns, name, str(mtu)), back)
    return add("link-up", ("up",), ("up", netns, name))


def add_address(build: Builder, netns: str, name: str, cidr: str, at: Span, within: int, kind: str = "address") -> int:
    """Give a link an address; `cidr` is ADDRESS/LENGTH. The first in a subnet is its primary one."""
    probe: list[Command] = [("address", netns, name, cidr)]
    subnet = ("subnet", netns, name, str(IPv4Interface(cidr).network))
    if subnet in build.made:
        probe.append(("secondary", netns, name, cidr))
    made = build.add(
        kind,
        f"{qualified(netns, name)} {cidr}",
        at,
        do=[in_netns(netns, "ip", "addr", "add", cidr, "dev", name)],
        undo=[in_netns(netns, "ip", "addr", "del", cidr, "dev", name)],
        probe=probe,
        look=in_netns(netns, "ip", "addr", "show", "dev", name),
        within=within,
    )
    build.made.setdefault(subnet, made)
    return made


def add_stp(build: Builder, netns: str, name: str, on: bool, at: Span, profile: Profile, within: int) -> int:
    """Turn the spanning tree protocol of a bridge on or off."""
    state = "on" if on else "off"
    off = profile.command("bridge_stp", bridge=name, state="off", bit="0")
    return build.add(
        "stp",
        qualified(netns, name),
        at,
        do=[
            in_netns(netns, *command)
            for command in profile.command("bridge_stp", bridge=name, state=state, bit=str(int(on)))
        ],
        undo=[in_netns(netns, *command) for command in off] if on else [],
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
