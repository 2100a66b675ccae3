"""Host configuration in, files of /etc/sysconfig/network out, in its dialect of ifcfg: ifcfg(5), ifcfg-bridge(5).

DNS servers are missing: wicked takes them from netconfig's one file for the whole host, which stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from gen.persist.host import Bridge, HostConfig
from gen.persist.ifcfg import assignments
from gen.persist.model import Kept

FOLDER = "/etc/sysconfig/network"


def wicked(host: HostConfig) -> Iterator[Kept]:
    """A file for each bridge, for its port and for its routes."""

    def kept(name: str, text: str) -> Kept:
        return Kept("whole", f"{FOLDER}/{name}", "0644", host.head + text, bridge.at)

    for bridge in host.bridges:
        yield kept(f"ifcfg-{bridge.name}", assignments(_bridge(bridge)))
        if bridge.gateway is not None:
            near = f"{bridge.gateway}/32 - - {bridge.name}\n" if bridge.far_gateway else ""
            yield kept(f"ifroute-{bridge.name}", f"{near}default {bridge.gateway} - {bridge.name}\n")
        if bridge.port is not None:
            pairs = [("STARTMODE", "auto"), ("BOOTPROTO", "static")]
            if bridge.port.mtu is not None:
                pairs.append(("MTU", str(bridge.port.mtu)))
            yield kept(f"ifcfg-{bridge.port.name}", assignments(pairs))


def _bridge(bridge: Bridge) -> list[tuple[str, str]]:
    # `none` would also skip MTU and MAC; without addresses `static` brings the link up.
    pairs = [("STARTMODE", "auto"), ("BOOTPROTO", "static")]
    for index, address in enumerate(bridge.addresses):
        pairs.append((f"IPADDR_{index}" if index else "IPADDR", str(address)))
    if bridge.mac is not None:
        pairs.append(("LLADDR", bridge.mac))
    if bridge.mtu is not None:
        pairs.append(("MTU", str(bridge.mtu)))
    pairs += [("BRIDGE", "yes"), ("BRIDGE_PORTS", bridge.port.name if bridge.port else "''")]
    if bridge.port is None:
        # Its first port comes with the first guest, and its addresses must not wait for that.
        pairs.append(("LINK_REQUIRED", "no"))
    pairs.append(("BRIDGE_STP", "on" if bridge.stp else "off"))
    if bridge.delay is not None:
        pairs.append(("BRIDGE_FORWARDDELAY", str(bridge.delay)))
    return pairs
