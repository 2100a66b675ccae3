"""A lab, its plan and a profile in, what makes the lab survive a reboot out: files that the host's own boot reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from gen.model import Lab
from gen.persist.firewall import firewall
from gen.persist.host import HostConfig, host_config
from gen.persist.ifcfg import ifcfg
from gen.persist.ifupdown import ifupdown
from gen.persist.kernel import kernel
from gen.persist.keyfile import keyfile
from gen.persist.keyfile import unmanaged as unmanaged_by_network_manager
from gen.persist.model import Kept, Persistence, Reader, Rival
from gen.persist.netplan import netplan
from gen.persist.networkd import networkd
from gen.persist.networkd import unmanaged as unmanaged_by_networkd
from gen.persist.units import reload, units
from gen.persist.wicked import wicked
from gen.plan.operation import Plan
from gen.profile import Profile
from gen.source import Span

__all__ = ["Kept", "Persistence", "Reader", "Rival", "persistence"]

Render = Callable[[HostConfig], Iterator[Kept]]

STYLES: Mapping[str, tuple[Render, ...]] = {
    "network-scripts": (ifcfg,),
    "ifcfg": (ifcfg, unmanaged_by_network_manager),
    "keyfile": (keyfile, unmanaged_by_network_manager),
    "ifupdown": (ifupdown,),
    "netplan": (netplan, unmanaged_by_networkd),
    "networkd": (networkd, unmanaged_by_networkd),
    "wicked": (wicked,),
}
"""What writes each style that a profile's `persistence` may name."""

_ENABLED = "/etc/systemd/system/multi-user.target.wants"

READERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "network-scripts": (("chkconfig network on", "/etc/rc3.d/S10network"),),
    "ifcfg": (("systemctl enable NetworkManager", f"{_ENABLED}/NetworkManager.service", "/etc/rc3.d/S10network"),),
    "keyfile": (("systemctl enable NetworkManager", f"{_ENABLED}/NetworkManager.service"),),
    "ifupdown": (
        ("apt-get install bridge-utils", "/etc/network/if-pre-up.d/bridge"),
        ("systemctl enable networking", f"{_ENABLED}/networking.service"),
    ),
    "netplan": (("apt-get install netplan.io", "/usr/lib/systemd/system-generators/netplan"),),
    "networkd": (("systemctl enable systemd-networkd", f"{_ENABLED}/systemd-networkd.service"),),
    "wicked": (("systemctl enable wicked", f"{_ENABLED}/wicked.service"),),
}
"""What must be there for a style's files to be read: how it comes there, and the paths of which one is enough."""


def persistence(lab: Lab, plan: Plan, profile: Profile) -> Persistence:
    """Everything that `persist` writes for this lab on this kind of host, or why it cannot."""
    refused = tuple(_refusals(lab))
    if refused:
        return Persistence((), (), (), (), refused)
    host = host_config(lab, plan)
    kept = [*chain.from_iterable(render(host) for render in STYLES[profile.persistence])]
    kept += kernel(host, profile.persistence)
    if profile.rules:
        kept += firewall(plan, profile.rules)
    kept += units(lab, profile)
    links = [(bridge.name, bridge.at) for bridge in host.bridges]
    links += [(bridge.port.name, bridge.at) for bridge in host.bridges if bridge.port is not None]
    return Persistence(
        kept=tuple(kept),
        bridges=tuple((bridge.name, bridge.at) for bridge in host.bridges),
        rivals=tuple(Rival(style, name, at) for style in profile.styles for name, at in links),
        reload=reload(profile),
        refused=(),
        readers=tuple(
            Reader(tuple(paths), remedy, host.bridges[0].at)
            for remedy, *paths in READERS[profile.persistence]
            if host.bridges
        ),
    )


def _refusals(lab: Lab) -> Iterator[tuple[str, Span]]:
    addressed = {nic.name for nic in lab.host if nic.addresses}
    for network in lab.networks:
        if network.uplink is not None and not network.external and network.uplink not in addressed:
            reason = (
                f"{network.name} takes over {network.uplink}, and the lab does not tell its address: add "
                f"`nic {network.uplink} {{ address ...  gateway ... }}` to `host`"
            )
            yield reason, network.uplink_at or network.at
