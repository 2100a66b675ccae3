"""Host configuration in, systemd-networkd's files out: systemd.netdev(5), systemd.network(5)."""

from __future__ import annotations

from collections.abc import Iterator

from gen.persist.host import Bridge, HostConfig, Port
from gen.persist.model import Kept

FOLDER = "/etc/systemd/network"

Section = tuple[str, list[str]]


def networkd(host: HostConfig) -> Iterator[Kept]:
    """A bridge's device, its addresses and its port. networkd takes the first file by name that matches a link."""
    for bridge in host.bridges:
        yield _kept(host, f"{bridge.name}.netdev", _netdev(bridge), bridge)
        yield _kept(host, f"{bridge.name}.network", _network(bridge), bridge)
        if bridge.port is not None:
            yield _kept(host, f"{bridge.port.name}.network", _port(bridge, bridge.port), bridge)


def unmanaged(host: HostConfig) -> Iterator[Kept]:
    """A host's own file may match every Ethernet link, and a tap is one."""
    if host.others:
        names = " ".join(name for name, _ in host.others)
        text = _text(host, [("Match", [f"Name={names}"]), ("Link", ["Unmanaged=yes"])])
        yield Kept("whole", f"{FOLDER}/05-kvmgen-{host.lab}.network", "0644", text, host.others[0][1])


def _kept(host: HostConfig, name: str, sections: list[Section], bridge: Bridge) -> Kept:
    return Kept("whole", f"{FOLDER}/05-kvmgen-{host.lab}@{name}", "0644", _text(host, sections), bridge.at)


def _text(host: HostConfig, sections: list[Section]) -> str:
    filled = [(name, lines) for name, lines in sections if lines]
    return host.head + "\n".join(f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in filled)


def _netdev(bridge: Bridge) -> list[Section]:
    device = [f"Name={bridge.name}", "Kind=bridge"]
    if bridge.mac is not None:
        device.append(f"MACAddress={bridge.mac}")
    options = [f"STP={'yes' if bridge.stp else 'no'}"]
    if bridge.delay is not None:
        options.append(f"ForwardDelaySec={bridge.delay}")
    return [("NetDev", device), ("Bridge", options)]


def _network(bridge: Bridge) -> list[Section]:
    link = [] if bridge.mtu is None else [f"MTUBytes={bridge.mtu}"]
    network = [f"Address={address}" for address in bridge.addresses]
    network += [f"DNS={server}" for server in bridge.dns]
    if bridge.gateway is not None and not bridge.far_gateway:
        network.append(f"Gateway={bridge.gateway}")
    if bridge.port is None:
        # Its first port comes with the first guest, and nothing at boot waits for that.
        link.append("RequiredForOnline=no")
        network.append("ConfigureWithoutCarrier=yes")
    if not bridge.ipv6:
        network += ["LinkLocalAddressing=no", "IPv6AcceptRA=no"]
    sections = [("Match", [f"Name={bridge.name}"]), ("Link", link), ("Network", network)]
    if bridge.far_gateway:
        sections.append(("Route", [f"Gateway={bridge.gateway}", "GatewayOnLink=yes"]))
    return sections


def _port(bridge: Bridge, port: Port) -> list[Section]:
    link = [] if port.mtu is None else [f"MTUBytes={port.mtu}"]
    return [
        ("Match", [f"Name={port.name}"]),
        ("Link", link),
        ("Network", [f"Bridge={bridge.name}", "LinkLocalAddressing=no"]),
    ]
