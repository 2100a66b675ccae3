"""A lab and its plan in, the host's part of it out: the one model of host network configuration that all styles write.

What a bridge is set to is read off the plan's probes, so that the host's boot makes what `up` makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from gen.encode import bare
from gen.model import Lab, Network
from gen.plan.operation import ROOT, Plan
from gen.source import Span


@dataclass(frozen=True, slots=True)
class Port:
    """The NIC that becomes a port of a bridge."""

    name: str
    mtu: int | None


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge that the host's boot makes.

    `mac` is the lab's own or `@mac:NIC@`; None leaves it to the kernel, as None does the forward delay (`delay`, in
    seconds). The first address is one whose subnet has the gateway, if any does. `ipv6` off means none at all.
    """

    name: str
    port: Port | None
    mac: str | None
    stp: bool
    delay: int | None
    mtu: int | None
    addresses: tuple[IPv4Interface, ...]
    gateway: IPv4Address | None
    dns: tuple[IPv4Address, ...]
    ipv6: bool
    at: Span

    @property
    def far_gateway(self) -> bool:
        """Whether the gateway is in none of the subnets, so that it needs a route of its own."""
        return self.gateway is not None and not any(self.gateway in address.network for address in self.addresses)


@dataclass(frozen=True, slots=True)
class HostConfig:
    """The lab's bridges; its other links in the host, which whoever manages the host's network must leave alone (taps,
    outer ends of cables); the host's kernel settings, keys and values."""

    lab: str
    bridges: tuple[Bridge, ...]
    others: tuple[tuple[str, Span], ...]
    sysctls: tuple[tuple[str, str, Span], ...]

    @property
    def head(self) -> str:
        """The first line of every file. Nothing in it may look like an assignment: EL's init scripts read comments."""
        return f"# kvmgen, lab {self.lab}: setup.sh unpersist takes this back\n"


def host_config(lab: Lab, plan: Plan) -> HostConfig:
    """The host's part of the lab. A bridged network's uplink must be one whose address `host` tells.

    Raises ValueError for a name that is not a bare word: the styles write names as they stand.
    """
    placed = [(probe, operation.at) for operation in plan.operations for probe in operation.probe]
    facts = {probe[:-1]: probe[-1] for probe, _ in placed}
    nics = {nic.name: nic for nic in lab.host}

    def bridge(network: Network) -> Bridge:
        name = bare(network.name)
        nic = nics.get(network.uplink or "")
        gateway = nic.gateway if nic else None
        addresses = [address.interface for address in nic.addresses] if nic else []
        addresses += [IPv4Interface(probe[3]) for probe, _ in placed if probe[:3] == ("address", ROOT, name)]
        mtu = facts.get(("mtu", ROOT, name))
        delay = facts.get(("bridge", name, "forward_delay"))
        return Bridge(
            name=name,
            port=Port(bare(nic.name), nic.mtu) if nic else None,
            mac=facts.get(("mac", ROOT, name)) or (f"@mac:{nic.name}@" if nic else None),
            stp=facts.get(("stp", ROOT, name)) == "on",
            delay=int(delay) // 100 if delay is not None else None,
            mtu=int(mtu) if mtu is not None else None,
            addresses=tuple(sorted(addresses, key=lambda address: gateway is None or gateway not in address.network)),
            gateway=gateway,
            dns=nic.dns if nic else (),
            ipv6=facts.get(("sysctl", ROOT, f"net.ipv6.conf.{name}.disable_ipv6")) != "1",
            at=network.at,
        )

    bridges = {network.name for network in lab.networks}
    return HostConfig(
        lab=bare(lab.name),
        bridges=tuple(bridge(network) for network in lab.networks if not network.external),
        others=tuple(
            (bare(probe[2]), at) for probe, at in placed if probe[:2] == ("link", ROOT) and probe[2] not in bridges
        ),
        sysctls=tuple((probe[2], probe[3], at) for probe, at in placed if probe[:2] == ("sysctl", ROOT)),
    )
