"""Host configuration in, a file of /etc/network/interfaces.d out: interfaces(5), bridge-utils-interfaces(5)."""

from __future__ import annotations

from collections.abc import Iterator

from gen.persist.host import Bridge, HostConfig
from gen.persist.model import Kept


def ifupdown(host: HostConfig) -> Iterator[Kept]:
    """One file with a stanza for each bridge; a port must have none of its own."""
    if host.bridges:
        text = host.head + "".join(f"\n{_stanza(bridge)}" for bridge in host.bridges)
        yield Kept("whole", f"/etc/network/interfaces.d/kvmgen-{host.lab}", "0644", text, host.bridges[0].at)


def _stanza(bridge: Bridge) -> str:
    name = bridge.name
    lines = [f"auto {name}", f"iface {name} inet {'static' if bridge.addresses else 'manual'}"]
    options = []
    if bridge.addresses:
        options.append(f"address {bridge.addresses[0]}")
    if bridge.gateway is not None:
        options.append(f"gateway {bridge.gateway}")
    if bridge.dns:
        options.append(f"dns-nameservers {' '.join(map(str, bridge.dns))}")
    options.append(f"bridge_ports {bridge.port.name if bridge.port else 'none'}")
    if bridge.mac is not None:
        # The hook takes a NIC's name too, and reads its MAC.
        options.append(f"bridge_hw {bridge.port.name if bridge.port and bridge.mac.startswith('@') else bridge.mac}")
    options.append(f"bridge_stp {'on' if bridge.stp else 'off'}")
    if bridge.delay is not None:
        options.append(f"bridge_fd {bridge.delay}")
    if not bridge.port:
        options.append("bridge_maxwait 0")
    if bridge.port and bridge.port.mtu is not None:
        options.append(f"pre-up ip link set dev {bridge.port.name} mtu {bridge.port.mtu}")
    if bridge.mtu is not None:
        # The option `mtu` would set that of the port too.
        options.append(f"up ip link set dev {name} mtu {bridge.mtu}")
    # A second stanza would make the bridge again.
    options += [f"up ip addr add {address} dev {name}" for address in bridge.addresses[1:]]
    if not bridge.ipv6:
        options.append(f"up sysctl -q -w net.ipv6.conf.{name}.disable_ipv6=1")
    return "\n".join([*lines, *(f"    {option}" for option in options)]) + "\n"
