"""Host configuration in, NetworkManager's keyfiles out (nm-settings-keyfile(5)), and what it must leave alone.

In the words of NetworkManager 1.42: `master` and `slave-type`, since it drops their new names without a word.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from gen.persist.host import Bridge, HostConfig, Port
from gen.persist.model import Kept

FOLDER = "/etc/NetworkManager/system-connections"

Sections = dict[str, dict[str, str]]


def keyfile(host: HostConfig) -> Iterator[Kept]:
    """A connection for each bridge and for its port; NetworkManager ignores files that others may read."""
    for bridge in host.bridges:
        yield _kept(host, bridge.name, _bridge(host.lab, bridge), bridge)
        if bridge.port is not None:
            yield _kept(host, bridge.port.name, _port(host.lab, bridge, bridge.port), bridge)


def unmanaged(host: HostConfig) -> Iterator[Kept]:
    """Without this NetworkManager would configure every new tap and veth end."""
    if host.others:
        devices = ";".join(f"interface-name:{name}" for name, _ in host.others)
        text = host.head + sections({"keyfile": {"unmanaged-devices+": devices}})
        path = f"/etc/NetworkManager/conf.d/90-kvmgen-{host.lab}.conf"
        yield Kept("whole", path, "0644", text, host.others[0][1])


def sections(content: Sections) -> str:
    """A GKeyFile: `[section]`, `key=value`; the values are bare words."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in entries.items())
        for name, entries in content.items()
    )


def _kept(host: HostConfig, name: str, content: Sections, bridge: Bridge) -> Kept:
    path = f"{FOLDER}/kvmgen-{host.lab}@{name}.nmconnection"
    return Kept("whole", path, "0600", host.head + sections(content), bridge.at)


def _connection(lab: str, type: str, name: str) -> dict[str, str]:
    number = str(uuid.uuid5(uuid.NAMESPACE_URL, f"kvmgen:{lab}/{name}"))
    return {"id": name, "uuid": number, "type": type, "interface-name": name}


def _bridge(lab: str, bridge: Bridge) -> Sections:
    # Without autoconnect-slaves `nmcli connection up` of the bridge throws its ports out.
    content = {"connection": {**_connection(lab, "bridge", bridge.name), "autoconnect-slaves": "1"}}
    ethernet = {}
    if bridge.mac is not None:
        ethernet["cloned-mac-address"] = bridge.mac
    if bridge.mtu is not None:
        ethernet["mtu"] = str(bridge.mtu)
    if ethernet:
        content["ethernet"] = ethernet
    content["bridge"] = {"stp": str(bridge.stp).lower()}
    if bridge.stp and bridge.delay is not None:
        content["bridge"]["forward-delay"] = str(bridge.delay)
    if bridge.addresses:
        ipv4 = {f"address{number}": str(address) for number, address in enumerate(bridge.addresses, 1)}
        if bridge.gateway is not None:
            ipv4["address1"] += f",{bridge.gateway}"
        if bridge.port is not None:
            # That of an Ethernet NIC, which the bridge stands in for: a bridge's own is so high that any NIC's wins.
            ipv4["route-metric"] = "100"
        if bridge.dns:
            ipv4["dns"] = "".join(f"{server};" for server in bridge.dns)
        content["ipv4"] = {**ipv4, "method": "manual"}
    else:
        content["ipv4"] = {"method": "disabled"}
    # `ignore` leaves IPv6 to the kernel, as `up` does.
    content["ipv6"] = {"method": "ignore" if bridge.ipv6 else "disabled"}
    return content


def _port(lab: str, bridge: Bridge, port: Port) -> Sections:
    connection = _connection(lab, "ethernet", port.name)
    content = {"connection": {**connection, "master": bridge.name, "slave-type": "bridge"}}
    if port.mtu is not None:
        content["ethernet"] = {"mtu": str(port.mtu)}
    return content
