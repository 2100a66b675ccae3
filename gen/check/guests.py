"""In: a lab's topology. Out: diagnostics about guests: disks, boot devices, the host's ports, memory, addresses."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath
from typing import NamedTuple

from gen.check.topology import Topology
from gen.check.wording import piece
from gen.diagnostics import Diagnostics, Label
from gen.model import Disk, Vm
from gen.source import Span

MEBIBYTE = 2**20

MUCH_MEMORY = 256 * 2**30
"""Bytes. More is nearly always a `G` where an `M` was meant."""

IDE_DRIVES = {"pc": 4, "q35": 6}

BUSES = ("ide", "scsi", "virtio")
"""In the order in which QEMU's BIOS looks for a disk to boot from."""

DEVICES = {
    "a": ("floppy", "option fda PATH"),
    "c": ("disk", "disk PATH"),
    "d": ("CD", "cdrom PATH"),
    "n": ("nic", "nic on NETWORK"),
}
"""The letters of a boot order: what each means, and the statement that gives a guest one."""

BRINGING_DEVICES = ("drive", "hda", "hdb", "cdrom", "fda", "fdb", "device", "net", "netdev")
"""Options of QEMU that may bring any of these."""


def shared_disks(topology: Topology, diagnostics: Diagnostics) -> None:
    """One image, one writer: two guests, or a guest and another's overlay, destroy it."""
    first: dict[str, tuple[str, Disk]] = {}
    for vm in topology.lab.vms:
        for disk in vm.disks:
            user, other = first.setdefault(normpath(disk.path), (vm.name, disk))
            if other is not disk and not (disk.overlay and other.overlay):
                diagnostics.error(
                    "shared-disk",
                    f"`{disk.path}` is the disk of two drives",
                    disk.at,
                    f"used again here, by `{vm.name}`" + (" as the base of an overlay" if disk.overlay else ""),
                    also=[Label(other.at, f"first used here, by `{user}`")],
                    help=["say `overlay on` for each, and the image stays as it is, or give each a copy"],
                )


def boot_without_device(topology: Topology, diagnostics: Diagnostics) -> None:
    """A guest boots from what it has."""
    for vm in topology.lab.vms:
        has = {"c": vm.disks, "d": vm.cdroms, "n": vm.nics}
        if vm.boot_at is None or _has_option(vm, *BRINGING_DEVICES):
            continue
        for letter in dict.fromkeys((vm.boot or "") + (vm.boot_once or "")):
            if not has.get(letter):
                what, statement = DEVICES[letter]
                diagnostics.error(
                    "boot-without-device",
                    f"`{vm.name}` boots from a {what} that it does not have",
                    vm.boot_at,
                    f"`{letter}` is the {what}",
                    also=[Label(vm.at, f"no {what} here")],
                    help=[f"add `{statement}`"],
                )


def later_disk_boots(topology: Topology, diagnostics: Diagnostics) -> None:
    """The BIOS knows no order of the drives, but one of the buses."""
    for vm in topology.lab.vms:
        order = (vm.boot or "c") + (vm.boot_once or "")
        if not vm.disks or vm.kernel is not None or "c" not in order or _has_option(vm, *BRINGING_DEVICES):
            continue
        first, booted = vm.disks[0], min(vm.disks, key=lambda disk: BUSES.index(disk.bus))
        if booted.bus != first.bus:
            diagnostics.warning(
                "later-disk-boots",
                f"`{vm.name}` boots from another disk than its first",
                booted.at,
                f"its BIOS looks for a disk on {booted.bus} before one on {first.bus}",
                also=[Label(first.at, "the first disk")],
                help=["put both on the same bus, or write the disk that it boots from first"],
            )


def kernel_missing(topology: Topology, diagnostics: Diagnostics) -> None:
    """QEMU takes an initrd and a command line only along with a kernel."""
    for vm in topology.lab.vms:
        for word, value in (("initrd", vm.initrd), ("append", vm.append)):
            if value is not None and vm.kernel is None and not _has_option(vm, "kernel"):
                diagnostics.error(
                    "kernel-missing",
                    f"`{vm.name}` has `{word}` and no `kernel`",
                    vm.at,
                    "this guest boots from its drives",
                    help=[f"add `kernel PATH`, or leave `{word}` out"],
                )


def _has_option(vm: Vm, *names: str) -> bool:
    return any(name.lstrip("-") in names for name, _ in vm.options)


def too_many_ide_drives(topology: Topology, diagnostics: Diagnostics) -> None:
    """A PC has two IDE buses of two drives each, CDs counted."""
    for vm in topology.lab.vms:
        room = IDE_DRIVES["q35" if "q35" in (vm.machine or "") else "pc"]
        ide = [disk for disk in vm.disks if disk.bus == "ide"]
        if len(ide) + len(vm.cdroms) > room:
            diagnostics.error(
                "too-many-ide-drives",
                f"`{vm.name}` has {len(ide) + len(vm.cdroms)} IDE drives",
                ide[-1].at if ide else vm.at,
                f"there is room for {room}, CDs counted",
                help=["put disks on `bus virtio`"],
            )


def guest_memory(topology: Topology, diagnostics: Diagnostics) -> None:
    """QEMU counts memory in mebibytes."""
    for vm in topology.lab.vms:
        if vm.memory % MEBIBYTE:
            diagnostics.error(
                "guest-memory",
                f"the memory of `{vm.name}` is not a whole number of mebibytes",
                vm.memory_at or vm.at,
                "QEMU would round this",
                help=[f"write `{max(1, vm.memory // MEBIBYTE)}M`"],
            )
        elif vm.memory > MUCH_MEMORY:
            diagnostics.warning(
                "much-memory",
                f"`{vm.name}` has {vm.memory >> 30} GiB of memory",
                vm.memory_at or vm.at,
                "more than most hosts have",
                help=["`M` is mebibytes, `G` is 1024 of them"],
            )


class _Listener(NamedTuple):
    """Something of QEMU's that waits on a port of the host's loopback."""

    protocol: str
    port: int
    at: Span
    what: str


def host_ports_twice(topology: Topology, diagnostics: Diagnostics) -> None:
    """One port of the host's loopback is one thing: a forward or a screen. Published ports are not on the loopback."""
    first: dict[tuple[str, int], _Listener] = {}
    for listener in _listeners(topology):
        other = first.setdefault((listener.protocol, listener.port), listener)
        if other is not listener:
            diagnostics.error(
                "host-port-twice",
                f"the host's port {listener.protocol} {listener.port} is used twice",
                listener.at,
                f"again here, for {listener.what}",
                also=[Label(other.at, f"first here, for {other.what}")],
                help=["choose another number for one of the two"],
            )


def _listeners(topology: Topology) -> Iterator[_Listener]:
    for vm in topology.lab.vms:
        if vm.vnc is not None:
            yield _Listener("tcp", 5900 + vm.vnc, vm.vnc_at or vm.at, f"the screen of `{vm.name}`")
        for nic in vm.nics:
            for forward in nic.forwards:
                at = piece(forward.at, forward.port)
                yield _Listener(forward.protocol, forward.port, at, f"`{vm.name}`")


def guests_without_address(topology: Topology, diagnostics: Diagnostics) -> None:
    """A guest is to be reached by somebody. Where the LAN comes in, its DHCP server may serve."""
    for segment in topology.segments:
        if segment.open or segment.servers:
            continue
        for vm, nic in segment.guests:
            if nic.address is None:
                diagnostics.warning(
                    "guest-without-address",
                    f"`{vm}` gets no address on `{nic.network}`",
                    nic.at,
                    "no DHCP, and no `address` here",
                    help=[f"add `dhcp on` to `{nic.network}`, or an `address` here"],
                )
