"""Guests in, operations out: disks, the scripts that plug their taps in, and QEMU's command lines."""

from __future__ import annotations

from gen.encode import qemu, qemu_value
from gen.model import Disk, Lab, Network, Vm, VmNic
from gen.plan.operation import ROOT, Builder
from gen.profile import Profile
from gen.shell import Command, Shell, quote
from gen.source import Span
from gen.templating import render

MEBIBYTE = 1024 * 1024


def add_guests(build: Builder, lab: Lab, profile: Profile) -> None:
    """Everything for the guests; QEMU itself comes last, when all networks and servers are there."""
    if not lab.vms:
        return
    networks = {network.name: network for network in lab.networks}
    _add_tap_scripts(build, lab, networks, profile)
    for vm in lab.vms:
        for disk in vm.disks:
            _add_disk(build, vm, disk)
    build.section("disks", "guests: scripts that QEMU calls, and disks")
    if profile.qemu_link:
        build.add(
            "qemu-link",
            profile.qemu_link,
            lab.vms[0].at,
            do=[("ln", "-s", profile.qemu, profile.qemu_link)],
            undo=[("rm", "-f", profile.qemu_link)],
            probe=[("symlink", profile.qemu_link, profile.qemu)],
            look=("ls", "-l", profile.qemu_link),
        )
    for vm in lab.vms:
        build.guests[vm.name] = _add_guest(build, vm, networks, profile)


def disk_path(build: Builder, vm: Vm, disk: Disk) -> str:
    """The image that QEMU opens: the disk's own, or the overlay on it."""
    if not disk.overlay:
        return disk.path
    return f"{build.state_dir}/{vm.name}-{vm.disks.index(disk)}.qcow2"


def _add_tap_scripts(build: Builder, lab: Lab, networks: dict[str, Network], profile: Profile) -> None:
    used: dict[str, Span] = {}
    for vm in lab.vms:
        for nic in vm.nics:
            if nic.network is not None:
                used.setdefault(nic.network, networks[nic.network].at)
    for name, at in used.items():
        text = ifup_script(name, networks[name].mtu, build.mark, profile)
        build.write(f"{build.state_dir}/qemu-ifup-{name}", "0755", text, at, "ifup")
    if used:
        at = next(iter(used.values()))
        build.write(f"{build.state_dir}/qemu-ifdown", "0755", render("qemu-ifdown.sh.j2"), at, "ifdown")


def ifup_script(bridge: str, mtu: int | None, mark: str, profile: Profile) -> str:
    """The script that QEMU calls with a tap's name, which plugs it into the bridge as the target's dialect says."""
    tap = "@tap@"
    (port,) = profile.command("bridge_port", bridge=bridge, port=tap)
    words = (Shell('"${tap}"') if word == tap else quote(word) for word in port)
    return render(
        "qemu-ifup.sh.j2", mark=mark, mtu=Shell("" if mtu is None else f" mtu {mtu}"), port=Shell(" ".join(words))
    )


def _add_disk(build: Builder, vm: Vm, disk: Disk) -> None:
    size = () if disk.size is None else (str(disk.size),)
    if disk.overlay:
        path = disk_path(build, vm, disk)
        build.need("image", disk.path, disk.format, at=disk.at)
        build.add(
            "overlay",
            path,
            disk.at,
            do=[("qemu-img", "create", "-q", "-f", "qcow2", "-b", disk.path, "-F", disk.format, path, *size)],
            undo=[("rm", "-f", path)],
            probe=[("exists", path)],
            look=("qemu-img", "info", path),
        )
    elif size:
        # No undo: what the guest installed there is the user's.
        build.add(
            "disk",
            disk.path,
            disk.at,
            do=[("qemu-img", "create", "-q", "-f", disk.format, disk.path, *size)],
            probe=[("exists", disk.path)],
            look=("qemu-img", "info", disk.path),
        )
    else:
        build.need("image", disk.path, disk.format, at=disk.at)


def _add_guest(build: Builder, vm: Vm, networks: dict[str, Network], profile: Profile) -> int:
    for path in (*vm.cdroms, *filter(None, (vm.kernel, vm.initrd))):
        build.need("image", path, "raw", at=vm.at)
    pid_file = f"{build.run_dir}/vm/{vm.name}.pid"
    return build.add(
        "guest",
        vm.name,
        vm.at,
        do=[qemu_command(build, vm, networks, profile)],
        undo=[("kg_stop", pid_file)],
        probe=[("process", pid_file), *_plugged(vm)],
        look=("cat", pid_file),
        manual=not vm.autostart,
    )


def _plugged(vm: Vm) -> list[Command]:
    """The probes of a guest's taps: the lab's own, and in their bridges."""
    taps = [(nic.tap or "", nic.network) for nic in vm.nics if nic.network is not None]
    return [probe for tap, bridge in taps for probe in (("link", ROOT, tap), ("port", ROOT, tap, bridge))]


def qemu_command(build: Builder, vm: Vm, networks: dict[str, Network], profile: Profile) -> Command:
    """The whole command line of one guest, in the target's dialect."""
    base = f"{build.run_dir}/vm/{vm.name}"
    words = [profile.qemu_link or profile.qemu, "-name", qemu(vm.name)]
    machine = [part for part in (vm.machine or "", f"accel={profile.accel}" if profile.accel else "") if part]
    if machine:
        words += ["-machine", ",".join(machine)]
    words += ["-m", str(vm.memory // MEBIBYTE), "-smp", str(vm.cpus)]
    if vm.cpu is not None:
        words += ["-cpu", vm.cpu]
    for disk in vm.disks:
        words += _drive(build, vm, disk)
    for path in vm.cdroms:
        words += ["-drive", qemu(("file", path), ("media", "cdrom"))]
    for option, value in (("-kernel", vm.kernel), ("-initrd", vm.initrd), ("-append", vm.append)):
        words += [option, value] if value is not None else []
    if vm.boot is not None:
        words += ["-boot", qemu(("order", vm.boot), *([("once", vm.boot_once)] if vm.boot_once else []))]
    words += _nics(build, vm, networks, profile)
    words += ["-vnc", f":{vm.vnc}"] if vm.vnc is not None else _flat(profile.command("vm_nographic"))
    words += _flat(profile.command("vm_console", log=qemu_value(f"{base}.console")))
    words += _flat(profile.command("vm_monitor", fifo=qemu_value(f"{base}.qmp")))
    for name, value in vm.options:
        words += [f"-{name}"] + ([value] if value else [])
    return (*words, "-pidfile", f"{base}.pid", "-daemonize")


def _flat(commands: tuple[Command, ...]) -> list[str]:
    return [word for command in commands for word in command]


def _drive(build: Builder, vm: Vm, disk: Disk) -> list[str]:
    pairs: list[tuple[str, str]] = [
        ("file", disk_path(build, vm, disk)),
        ("format", "qcow2" if disk.overlay else disk.format),
        ("media", "disk"),
        ("if", disk.bus),
    ]
    if disk.cache is not None:
        pairs.append(("cache", disk.cache))
    return ["-drive", qemu(*pairs)]


def _nics(build: Builder, vm: Vm, networks: dict[str, Network], profile: Profile) -> list[str]:
    if not vm.nics:
        return ["-net", "none"]
    # All `-net` devices hang on one hub: with two nics the guest would bridge its own networks.
    if profile.nic_style == "net" and len(vm.nics) == 1:
        return _nic_on_hub(build, vm.nics[0])
    words: list[str] = []
    for index, nic in enumerate(vm.nics):
        words += ["-netdev", qemu(_backend_kind(nic), ("id", f"nic{index}"), *_backend(build, nic))]
        words += ["-device", qemu(DEVICES.get(nic.model, nic.model), ("netdev", f"nic{index}"), ("mac", nic.mac))]
    return words


DEVICES = {"virtio": "virtio-net-pci"}
"""Names of `-net nic,model=` that `-device` spells otherwise."""


def _nic_on_hub(build: Builder, nic: VmNic) -> list[str]:
    card = qemu("nic", ("macaddr", nic.mac), ("model", nic.model))
    return ["-net", card, "-net", qemu(_backend_kind(nic), *_backend(build, nic))]


def _backend_kind(nic: VmNic) -> str:
    return "user" if nic.network is None else "tap"


def _backend(build: Builder, nic: VmNic) -> list[tuple[str, str]]:
    if nic.network is None:
        return [("hostfwd", f"{f.protocol}:127.0.0.1:{f.port}-:{f.target_port}") for f in nic.forwards]
    return [
        ("ifname", nic.tap or ""),
        ("script", f"{build.state_dir}/qemu-ifup-{nic.network}"),
        ("downscript", f"{build.state_dir}/qemu-ifdown"),
    ]
