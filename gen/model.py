"""The lab as a whole, every name resolved and every derived value given out: what `resolve` returns.

Frozen data without behaviour beyond look-ups. `at` is the span that a message about the object points to.
Units: sizes in bytes, rates in bits per second, times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Literal

from gen.source import Span

NetworkKind = Literal["isolated", "routed", "nat", "bridged"]
Protocol = Literal["tcp", "udp"]

HOST = "host"
LOOPBACK = "127.0.0.1"
"""Where QEMU's own servers wait: forwards of its user network, and screens."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address with its prefix length, and where it was written."""

    interface: IPv4Interface
    at: Span

    @property
    def ip(self) -> IPv4Address:
        return self.interface.ip

    @property
    def subnet(self) -> IPv4Network:
        return self.interface.network


@dataclass(frozen=True, slots=True)
class Dhcp:
    """A DHCP server's range, both ends included; `server` is the address it serves from (None: reported by check)."""

    first: IPv4Address
    last: IPv4Address
    server: IPv4Interface | None
    lease: int
    dns: IPv4Address | None
    domain: str | None
    at: Span


@dataclass(frozen=True, slots=True)
class Publish:
    """DNAT of `address[:port]` to `target[:target_port]`; without a port it is 1:1, both directions."""

    protocol: Protocol | None
    address: IPv4Address
    port: int | None
    target: str
    target_address: IPv4Address | None
    target_port: int | None
    at: Span


@dataclass(frozen=True, slots=True)
class HostNic:
    """What the host already has; never created."""

    name: str
    addresses: tuple[Address, ...]
    gateway: IPv4Address | None
    gateway_at: Span | None
    dns: tuple[IPv4Address, ...]
    mtu: int | None
    at: Span


@dataclass(frozen=True, slots=True)
class Network:
    """A bridge of the host. `uplink` is set on bridged networks only, `via` and `nat_to` on nat networks only."""

    name: str
    kind: NetworkKind
    addresses: tuple[Address, ...]
    dhcp: Dhcp | None
    uplink: str | None
    uplink_at: Span | None
    via: str | None  # the interface that packets leave by: a host nic or a network's bridge
    via_at: Span | None
    nat_to: IPv4Address | None  # the SNAT address; None means MASQUERADE
    nat_to_at: Span | None  # None where nat_to was derived
    publishes: tuple[Publish, ...]
    stp: bool | None  # None: not said, the kernel's default (off)
    mtu: int | None
    mac: str | None
    mac_at: Span | None
    external: bool
    overlap: bool
    at: Span


@dataclass(frozen=True, slots=True)
class Nic:
    """A router's or namespace's interface: one end of a veth pair.

    On a network, `outer` is the name of its other end, a port of the bridge. Without a network it is an end of a
    link, and `outer` is the name that the end carries in the host while it is being made (unique in the lab).
    """

    name: str
    network: str | None
    outer: str
    addresses: tuple[Address, ...]
    mac: str | None
    mac_at: Span | None
    mtu: int | None
    dhcp: Dhcp | None
    limit: int | None
    at: Span


@dataclass(frozen=True, slots=True)
class Route:
    """`destination` 0.0.0.0/0 is default. Exactly one of: a gateway, a bare device, or `discard` (blackhole)."""

    destination: IPv4Network
    gateway: IPv4Address | None
    nic: str | None
    metric: int | None
    source: IPv4Address | None
    discard: bool
    at: Span


@dataclass(frozen=True, slots=True)
class Nat:
    """SNAT of `source` (None: everything) leaving by `nic`.

    `first`..`last` are the addresses it becomes; both None means MASQUERADE. `ports` is an inclusive port range.
    """

    source: IPv4Network | None
    nic: str
    first: IPv4Address | None
    last: IPv4Address | None
    ports: tuple[int, int] | None
    at: Span


@dataclass(frozen=True, slots=True)
class InnerBridge:
    """A switch inside a namespace; its ports are nics of the same namespace."""

    name: str
    ports: tuple[str, ...]
    addresses: tuple[Address, ...]
    stp: bool | None
    at: Span


@dataclass(frozen=True, slots=True)
class Node:
    """A network namespace: a `router` forwards, a `namespace` does not."""

    name: str
    forwards: bool
    nics: tuple[Nic, ...]
    loopbacks: tuple[Address, ...]
    bridges: tuple[InnerBridge, ...]
    routes: tuple[Route, ...]
    nats: tuple[Nat, ...]
    publishes: tuple[Publish, ...]
    at: Span


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One end of a cable between two nodes; the nic is in the node's `nics`."""

    node: str
    nic: str


@dataclass(frozen=True, slots=True)
class Link:
    """A veth cable between two nodes."""

    left: LinkEnd
    right: LinkEnd
    at: Span


@dataclass(frozen=True, slots=True)
class BridgeLink:
    """A veth cable between two networks; the ends are named `left_end` (in `left`) and `right_end`."""

    left: str
    right: str
    left_end: str
    right_end: str
    at: Span


@dataclass(frozen=True, slots=True)
class Disk:
    """`bus` virtio, ide or scsi; `format` qcow2 or raw; `overlay`: a private qcow2 on top of a shared base."""

    path: str
    format: str
    bus: str
    cache: str | None
    overlay: bool
    size: int | None
    at: Span


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the host's loopback that QEMU's user network hands to the guest."""

    protocol: Protocol
    port: int
    target_port: int
    at: Span


@dataclass(frozen=True, slots=True)
class VmNic:
    """A guest's network card. `network` None means QEMU's user network (no tap)."""

    network: str | None
    tap: str | None
    mac: str
    mac_at: Span | None  # None where the MAC was derived
    model: str
    address: IPv4Interface | None
    address_at: Span | None
    gateway: IPv4Address | None
    gateway_at: Span | None  # None where the gateway was derived
    forwards: tuple[Forward, ...]
    at: Span


@dataclass(frozen=True, slots=True)
class Vm:
    """A QEMU guest. `vnc` is the display number; None means no display."""

    name: str
    memory: int
    memory_at: Span | None
    cpus: int
    cpu: str | None
    machine: str | None
    disks: tuple[Disk, ...]
    cdroms: tuple[str, ...]
    boot: str | None
    boot_once: str | None
    boot_at: Span | None
    kernel: str | None
    initrd: str | None
    append: str | None
    nics: tuple[VmNic, ...]
    vnc: int | None
    vnc_at: Span | None
    autostart: bool
    options: tuple[tuple[str, str], ...]
    at: Span


@dataclass(frozen=True, slots=True)
class Expect:
    """`source` and a named `target` are a vm, node or HOST; otherwise `target` is None and `address` is set."""

    source: str
    reaches: bool
    target: str | None
    address: IPv4Address | None
    protocol: Protocol | None
    port: int | None
    at: Span


@dataclass(frozen=True, slots=True)
class Lab:
    """Everything, in the order of the source."""

    name: str
    target: str
    target_at: Span | None  # None where the lab names no target
    host: tuple[HostNic, ...]
    networks: tuple[Network, ...]
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    bridge_links: tuple[BridgeLink, ...]
    vms: tuple[Vm, ...]
    expects: tuple[Expect, ...]
    at: Span
