"""In: what is written in the lab. Out: the names, MACs and addresses that are not: the same ones at every build."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import chain

from gen.values import IFNAMSIZ

SHOWN = 9
"""Characters of a long interface name that stay readable before the hash."""


def interface_name(wish: str, lab: str, taken: Collection[str]) -> str:
    """The wished name where it fits an interface and is free; else its start and a hash of the whole."""
    if len(wish) <= IFNAMSIZ and wish not in taken:
        return wish
    name, attempt = wish, 0
    while len(name) > IFNAMSIZ or name in taken:
        digest = sha256(f"{lab}/{wish}/{attempt}".encode()).hexdigest()
        name = f"{wish[:SHOWN]}-{digest[: IFNAMSIZ - SHOWN - 1]}"
        attempt += 1
    return name


def mac(lab: str, vm: str, index: int, taken: Collection[str]) -> str:
    """A MAC under 52:54:00, QEMU's own prefix, for the vm's nic of this index."""
    attempt = 0
    while True:
        digest = sha256(f"{lab}/{vm}/{index}/{attempt}".encode()).digest()
        derived = f"52:54:00:{digest[0]:02x}:{digest[1]:02x}:{digest[2]:02x}"
        if derived not in taken:
            return derived
        attempt += 1


def dhcp_range(server: IPv4Interface, statics: Iterable[IPv4Address]) -> tuple[IPv4Address, IPv4Address] | None:
    """What a server may lease: .100 to .200 of its /24 where no static address is in there, else the longest stretch
    of its subnet (of its own /24, where the subnet is larger) without one. None where no address is free."""
    subnet = server.network
    if subnet.prefixlen > 30:
        return None
    block = subnet if subnet.prefixlen >= 24 else IPv4Network((int(server.ip), 24), strict=False)
    lowest = max(int(block.network_address), int(subnet.network_address) + 1)
    highest = min(int(block.broadcast_address), int(subnet.broadcast_address) - 1)
    used = sorted({int(address) for address in (server.ip, *statics)})

    first, last = int(block.network_address) + 100, int(block.network_address) + 200
    if block.prefixlen == 24 and bisect_left(used, first) == bisect_left(used, last + 1):
        return IPv4Address(first), IPv4Address(last)

    inside = [address for address in used if lowest <= address <= highest]
    stretches = [
        (before + 1, after - 1) for before, after in zip([lowest - 1, *inside], [*inside, highest + 1], strict=True)
    ]
    first, last = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
    return (IPv4Address(first), IPv4Address(last)) if first <= last else None


class AddressPool:
    """Gives out the free host addresses of a subnet, each once, those of the DHCP range first."""

    def __init__(
        self, subnet: IPv4Network, used: Collection[int], preferred: tuple[IPv4Address, IPv4Address] | None
    ) -> None:
        self.subnet = subnet
        first, last = int(subnet.network_address), int(subnet.broadcast_address)
        if subnet.prefixlen < 31:
            first, last = first + 1, last - 1
        self._used = used
        self._left: Iterator[int] = iter(range(first, last + 1))
        if preferred is not None:
            low, high = max(int(preferred[0]), first), min(int(preferred[1]), last)
            self._left = chain(range(low, high + 1), range(first, low), range(high + 1, last + 1))

    def take(self) -> IPv4Interface | None:
        """The next free address, or None when all are used."""
        for address in self._left:
            if address not in self._used:
                return IPv4Interface((address, self.subnet.prefixlen))
        return None
