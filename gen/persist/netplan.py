"""Host configuration in, a file of /etc/netplan out: netplan(5). The host chooses which of its renderers reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gen.persist.host import Bridge, HostConfig
from gen.persist.model import Kept


def netplan(host: HostConfig) -> Iterator[Kept]:
    """One file for all bridges and their ports; netplan warns of one that others may read."""
    import yaml

    if not host.bridges:
        return
    network: dict[str, Any] = {"version": 2}
    ports = [bridge.port for bridge in host.bridges if bridge.port is not None]
    if ports:
        network["ethernets"] = {port.name: {} if port.mtu is None else {"mtu": port.mtu} for port in ports}
    network["bridges"] = {bridge.name: _bridge(bridge) for bridge in host.bridges}
    text = host.head + yaml.safe_dump({"network": network}, sort_keys=False, default_flow_style=None, width=120)
    yield Kept("whole", f"/etc/netplan/90-kvmgen-{host.lab}.yaml", "0600", text, host.bridges[0].at)


def _bridge(bridge: Bridge) -> dict[str, Any]:
    content: dict[str, Any] = {"interfaces": [bridge.port.name] if bridge.port else []}
    if bridge.mac is not None:
        content["macaddress"] = bridge.mac
    if bridge.mtu is not None:
        content["mtu"] = bridge.mtu
    if bridge.addresses:
        content["addresses"] = [str(address) for address in bridge.addresses]
    if bridge.gateway is not None:
        route: dict[str, Any] = {"to": "default", "via": str(bridge.gateway)}
        content["routes"] = [{**route, "on-link": True} if bridge.far_gateway else route]
    if bridge.dns:
        content["nameservers"] = {"addresses": [str(server) for server in bridge.dns]}
    content["parameters"] = {"stp": bridge.stp}
    if bridge.delay is not None:
        content["parameters"]["forward-delay"] = bridge.delay
    if not bridge.ipv6:
        content |= {"link-local": [], "accept-ra": False}
    if bridge.port is None:
        # Its first port comes with the first guest, and nothing at boot waits for that.
        content |= {"ignore-carrier": True, "optional": True}
    return content
