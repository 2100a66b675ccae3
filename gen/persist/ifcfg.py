"""Host configuration in, files of /etc/sysconfig/network-scripts out, as EL 6 to 8 read them.

Two readers disagree about these files: the network-scripts, which source them as bash and exit 0 on nearly every
mistake, and NetworkManager's ifcfg-rh. Only what both were seen to read the same is written.
"""

from __future__ import annotations

from collections.abc import Iterator

from gen.persist.host import Bridge, HostConfig
from gen.persist.model import Kept

FOLDER = "/etc/sysconfig/network-scripts"


def ifcfg(host: HostConfig) -> Iterator[Kept]:
    """A file for each bridge and for its port, and one for routes where GATEWAY cannot say them."""
    for bridge in host.bridges:
        yield Kept(
            "whole", f"{FOLDER}/ifcfg-{bridge.name}", "0644", host.head + assignments(_bridge(bridge)), bridge.at
        )
        if bridge.far_gateway:
            routes = f"{bridge.gateway}/32 dev {bridge.name}\ndefault via {bridge.gateway} dev {bridge.name}\n"
            yield Kept("whole", f"{FOLDER}/route-{bridge.name}", "0644", host.head + routes, bridge.at)
        if bridge.port is not None:
            pairs = [("DEVICE", bridge.port.name), ("TYPE", "Ethernet"), ("BOOTPROTO", "none"), ("ONBOOT", "yes")]
            if bridge.port.mtu is not None:
                pairs.append(("MTU", str(bridge.port.mtu)))
            pairs.append(("BRIDGE", bridge.name))
            yield Kept("whole", f"{FOLDER}/ifcfg-{bridge.port.name}", "0644", host.head + assignments(pairs), bridge.at)


def assignments(pairs: list[tuple[str, str]]) -> str:
    """A `KEY=value` line each; the values are bare words."""
    return "".join(f"{key}={value}\n" for key, value in pairs)


def _bridge(bridge: Bridge) -> list[tuple[str, str]]:
    pairs = [("DEVICE", bridge.name), ("TYPE", "Bridge"), ("BOOTPROTO", "none"), ("ONBOOT", "yes")]
    for index, address in enumerate(bridge.addresses):
        number = str(index or "")
        pairs += [(f"IPADDR{number}", str(address.ip)), (f"PREFIX{number}", str(address.network.prefixlen))]
    if bridge.gateway is not None and not bridge.far_gateway:
        # The scripts only take a gateway in the first address's subnet.
        pairs.append(("GATEWAY", str(bridge.gateway)))
    pairs += [(f"DNS{number}", str(server)) for number, server in enumerate(bridge.dns, 1)]
    if bridge.mac is not None:
        pairs.append(("MACADDR", bridge.mac))
    if bridge.mtu is not None:
        pairs.append(("MTU", str(bridge.mtu)))
    pairs.append(("STP", "on" if bridge.stp else "off"))
    if not bridge.stp:
        # With a spanning tree each reader takes the number for another time: `up` sets it. Without one it is no wait.
        pairs.append(("DELAY", "0"))
    # Without AUTOCONNECT_SLAVES `nmcli connection up` of the bridge throws its ports out.
    return [*pairs, ("IPV6INIT", "no"), ("NOZEROCONF", "yes"), ("AUTOCONNECT_SLAVES", "yes")]
