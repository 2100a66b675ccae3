"""What an ifcfg file says of its interface, in the terms of both readers."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface

from gen.diagnostics import Diagnostics
from gen.lint_ifcfg.assignments import Assignment, Assignments, parse
from gen.lint_ifcfg.folder import File
from gen.source import Span

MASTER_KEYS = ("BRIDGE", "BRIDGE_UUID", "MASTER", "MASTER_UUID", "TEAM_MASTER", "TEAM_MASTER_UUID")
NO = re.compile("n|no|f|false", re.IGNORECASE)
YES = re.compile("y|yes|t|true|1", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """`interface` has the length that the readers would use; None where it is not known."""

    ip: IPv4Address
    interface: IPv4Interface | None
    at: Assignment


@dataclass(frozen=True)
class Interface:
    """An ifcfg file. `name` is what its own name says, `device` what the interface will be called."""

    name: str
    set: Assignments

    @cached_property
    def device(self) -> str:
        return self.set.value("DEVICE") or self.name

    @cached_property
    def parent(self) -> str | None:
        """Of an alias or a range of aliases (ifup-aliases): the name of the file that it adds to."""
        parent = re.fullmatch(r"(.+?)(?::.+|-range.*)", self.name)
        return parent[1] if parent else None

    @cached_property
    def type(self) -> str:
        """In lower case: whoever writes `bridge` means a bridge, and is told of it once."""
        return self.set.value("TYPE").lower()

    @property
    def is_bridge(self) -> bool:
        return self.type == "bridge"

    @property
    def is_bond(self) -> bool:
        return self.type == "bond" or bool(
            self.set.get("BONDING_OPTS") or YES.fullmatch(self.set.value("BONDING_MASTER"))
        )

    @property
    def is_vlan(self) -> bool:
        return self.type == "vlan" or YES.fullmatch(self.set.value("VLAN")) is not None

    @property
    def boots(self) -> bool:
        """Both readers take a missing or unknown ONBOOT for yes."""
        return not NO.fullmatch(self.set.value("ONBOOT"))

    @property
    def is_dynamic(self) -> bool:
        return self.set.value("BOOTPROTO").lower() in ("dhcp", "bootp", "autoip", "shared", "ibft")

    @property
    def without_networkmanager(self) -> bool:
        return NO.fullmatch(self.set.value("NM_CONTROLLED")) is not None or self.set.value("NM_CONTROLLED") == "0"

    @cached_property
    def master(self) -> Assignment | None:
        """What makes the interface a port of a bridge, bond or team."""
        return next((found for key in MASTER_KEYS if (found := self.set.get(key))), None)

    @property
    def beginning(self) -> Span:
        """The place of what is to be said about something that is not there."""
        first = self.set.all[0] if self.set.all else None
        return first.named if first else Span(self.set.source, 0, 0)

    @cached_property
    def addresses(self) -> list[Address]:
        """The IPv4 addresses that can be read, with the numbers that their variables bear in mind."""
        found = []
        for number in numbers_of("IPADDR", self.set):
            at = self.set.get(f"IPADDR{number}")
            with suppress(ValueError):
                ip = IPv4Address(at.value or "" if at else "")
                assert at is not None
                length = self.length(number)
                interface = None if length is None else IPv4Interface((int(ip), length))
                found.append(Address(ip, interface, at))
        return found

    def length(self, number: str) -> int | None:
        """PREFIX wins over NETMASK in both readers (`expand_config`, `read_full_ip4_address`)."""
        prefix, netmask = self.set.value(f"PREFIX{number}"), self.set.value(f"NETMASK{number}")
        if prefix:
            return int(prefix) if re.fullmatch(r"[0-9]|[12][0-9]|3[0-2]", prefix) else None
        return length_of(netmask)


def numbers_of(key: str, variables: Assignments) -> list[str]:
    """The numbers with which the variable is set, `""` for none, in their order."""
    found = {each.key.removeprefix(key) for each in variables.all if each.key.startswith(key)}
    return sorted(
        (number for number in found if re.fullmatch("[0-9]{0,9}", number)), key=lambda number: int(number or -1)
    )


def length_of(netmask: str) -> int | None:
    """The prefix length of a netmask, None for what is none."""
    with suppress(ValueError):
        bits = f"{int(IPv4Address(netmask)):032b}"
        if "01" not in bits:
            return bits.count("1")
    return None


def read(file: File, diagnostics: Diagnostics) -> Interface:
    """Parse the file; what is no plain assignment is reported."""
    return Interface(file.of, parse(file.source, diagnostics))
