"""Host configuration in, the file with the kernel's settings out: sysctl.d(5)."""

from __future__ import annotations

from collections.abc import Iterator

from gen.persist.host import HostConfig
from gen.persist.model import Kept


def kernel(host: HostConfig, style: str) -> Iterator[Kept]:
    """EL 6, the host of the network-scripts alone, reads nothing but /etc/sysctl.conf.

    A link's settings are in force as soon as the link is there: udev and the network-scripts see to it.
    """
    if not host.sysctls:
        return
    text = "".join(f"{key} = {value}\n" for key, value, _ in host.sysctls)
    at = host.sysctls[0][2]
    if style == "network-scripts":
        yield Kept("block", "/etc/sysctl.conf", "0644", text, at)
    else:
        yield Kept("whole", f"/etc/sysctl.d/90-kvmgen-{host.lab}.conf", "0644", host.head + text, at)
