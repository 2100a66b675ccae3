"""Debian's kernel and packages in; a QEMU guest out that is a whole host: systemd, the tools of a target, no Python.

Its image is built once for each state of the inputs, in `.cache/` at the root of the repository, in half a minute.
The kernel is the generic one, which has what a small one lacks: 8021q, VLANs in bridges, bonding, VRF, netem, VXLAN.
Its NIC ens33 is configured by ifupdown as that of tests/world.py is, and it has a root shell on its serial port.
"""

import shutil
from functools import cache
from pathlib import Path

from tests.console import Console
from tests.guest import built_once, copy_modules, run, unpack_kernel, write_initrd
from tests.world import World

_HERE = Path(__file__).resolve()
_SCRIPTS = _HERE.with_name("host")
_PACKAGES = (
    *("systemd-sysv", "udev", "kmod", "procps", "util-linux", "usr-is-merged"),
    *("bash", "coreutils", "tar", "iproute2", "iputils-ping", "bridge-utils", "iptables", "dnsmasq-base", "ifupdown"),
)
_DISK_DRIVERS = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
_NETWORKS = ("802", "8021q", "bridge", "core", "ipv4", "ipv6", "llc", "netfilter", "packet", "sched")
_LINKS = ("bonding", "dummy", "ifb", "macvlan", "tun", "veth", "vrf", "vxlan", "wireguard", "virtio_net", "e1000")
_DRIVERS = (*_DISK_DRIVERS, *_LINKS, *(f"kernel/net/{name}/" for name in _NETWORKS), "button", "evdev")
_MASKED = (
    *(
        "getty-static",
        "getty@tty1",
        "systemd-logind",
        "systemd-timesyncd",
        "systemd-update-utmp",
        "systemd-random-seed",
    ),
    *("systemd-pstore", "systemd-journal-flush", "systemd-journal-catalog-update", "systemd-hwdb-update"),
)
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")
# An emulated CPU that has to wait for a busy machine fails the kernel's test of its timer, and that is a panic.
_KERNEL_COMMAND_LINE = "console=ttyS0 quiet no_timer_check mitigations=off systemd.show_status=off"
_UPLINK_MAC = "00:0c:29:7e:1a:62"
_SETTINGS = {
    "etc/hostname": "host\n",
    "etc/fstab": "/dev/vdb /media ext4 ro 0 0\n",
    "etc/machine-id": f"{7:032x}\n",
    "etc/network/interfaces": (_SCRIPTS / "interfaces").read_text(),
    "etc/systemd/network/10-uplink.link": f"[Match]\nMACAddress={_UPLINK_MAC}\n[Link]\nName=ens33\n",
    "etc/systemd/system/serial-getty@ttyS0.service.d/shell.conf": (_SCRIPTS / "shell.conf").read_text(),
}


def boot_host(world: World, carried: Path, *, plugged_in: bool = True) -> Console:
    """Boots the host and waits until it is up: its root shell, in which the folder `carried` is /media.

    Its NIC is plugged into the LAN of a world that was made without addresses of its own, unless the network is to be
    cut off. What it writes on its disks lasts across its reboots, and not longer than the world.
    """
    image = _built()
    world.run("mkfs.ext4", "-q", "-d", carried, "/carried.img", "64M")
    world.run("ip", "tuntap", "add", "host0", "mode", "tap")
    world.run("ip", "link", "set", "host0", "up")
    if plugged_in:
        world.run("ip", "link", "add", "cable", "up", "type", "bridge", "forward_delay", "0")
        world.run("ip", "link", "set", "ens33", "address", "02:00:00:00:00:01")  # its own is the host's now
        for port in "ens33", "host0":
            world.run("ip", "link", "set", port, "master", "cable")
    kernel = ("-kernel", image / "vmlinuz", "-initrd", image / "initrd", "-append", _KERNEL_COMMAND_LINE)
    disks = (f"file={file},format=raw,if=virtio,snapshot=on" for file in (image / "root.ext4", "/carried.img"))
    drives = (word for disk in disks for word in ("-drive", disk))
    tap = ("-netdev", "tap,id=nic,ifname=host0,script=no,downscript=no")
    nic = ("-device", f"virtio-net-pci,netdev=nic,mac={_UPLINK_MAC}")
    serial = ("-chardev", "socket,id=console,path=/run/host,server=on,wait=off")
    rest = ("-serial", "chardev:console", "-display", "none", "-daemonize")
    machine = ("-name", "host", "-machine", "accel=tcg", "-m", "512", "-smp", "2")
    world.run("qemu-system-x86_64", *machine, *kernel, *drives, *tap, *nic, *serial, *rest)
    console = Console(world.path("/run/host"))
    world.at_end(console.close)
    wait_until_up(console)
    return console


def reboot(console: Console) -> None:
    """Reboots the host and waits until it is up again."""
    console.reboot()
    wait_until_up(console)


def wait_until_up(console: Console) -> None:
    """Waits until a host that boots has started each of its services. AssertionError: one has failed."""
    _, state = console.shell("systemctl is-system-running --wait", timeout=120)
    if state != "running\n":
        _, why = console.shell(
            "systemctl --failed --plain --no-legend; journalctl -b -p warning --no-pager | tail -n 40"
        )
        raise AssertionError(f"the host is {state}{why}")


@cache
def _built() -> Path:
    return built_once("host", (_HERE, *sorted(_SCRIPTS.iterdir())), _build)


def _build(work: Path, out: Path) -> None:
    packages, release = unpack_kernel(work)
    shutil.copyfile(packages / "boot" / f"vmlinuz-{release}", out / "vmlinuz")
    write_initrd(packages, release, _DISK_DRIVERS, {_SCRIPTS / "init": "init"}, work / "initrd", out / "initrd")
    root = work / "root"
    _install(root)
    copy_modules(packages, release, _DRIVERS, root)
    for place, text in _SETTINGS.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)
    for unit in _MASKED:
        (root / f"etc/systemd/system/{unit}.service").symlink_to("/dev/null")
    for perl in (*root.glob("usr/bin/*perl*"), *root.glob("usr/lib/*/perl*"), *root.glob("usr/share/perl*")):
        run("rm", "-r", perl)  # the essential packages bring it; nothing on the host may need it
    run("mkfs.ext4", "-q", "-O", "^has_journal", "-d", root, out / "root.ext4", "512M")


def _install(root: Path) -> None:
    sources = next(path for path in _SOURCES if path.exists())
    leave_out = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "info", "locale", "man")]
    mounts = ("unshare", "--mount", "mmdebstrap", "--quiet", "--mode=root", "--variant=essential", *leave_out)
    run(*mounts, f"--include={','.join(_PACKAGES)}", "bookworm", root, sources)
