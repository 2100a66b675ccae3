"""The test guest boots from disk, CD and kernel, gets leases, answers, and goes off at its power button."""

import pytest

from tests.console import Console, Qmp, guest_console
from tests.guest import guest_image, guest_iso, guest_kernel
from tests.world import World, reaches

pytestmark = pytest.mark.live

FOLDER = "/run/kvmgen/hand/vm"
READY = r"KVMGEN-GUEST READY hostname=(\S+)(.*?) gw=(\S+) boot=(\S+)\n"


def test_two_guests_on_a_bridge_get_leases_and_reach_each_other(world: World) -> None:
    add_bridge(world)
    first = boot(
        world, "one", *drive(world, "qcow2", "virtio"), *nic(world, "tap1", "virtio-net-pci", "52:54:00:00:00:01")
    )
    second = boot(world, "two", *drive(world, "raw", "ide"), *nic(world, "tap2", "e1000", "52:54:00:00:00:02"))
    assert first.wait_for(READY).groups() == ("one", " eth0=10.0.0.11/24", "10.0.0.254", "disk")
    assert second.wait_for(READY).groups() == ("two", " eth0=10.0.0.12/24", "10.0.0.254", "disk")
    assert reaches(first, "10.0.0.12")
    assert reaches(second, "10.0.0.11")
    assert first.connect("10.0.0.12", 22) == second.connect("10.0.0.12", 80) == "KVMGEN-GUEST two\n"
    assert world.connect("10.0.0.11", 80) == "KVMGEN-GUEST one\n"
    assert not reaches(first, "10.0.0.13", tries=1)
    assert not reaches(first, "10.0.0.12", tcp=23, tries=1)

    pid = world.read(f"{FOLDER}/one.pid").strip()
    Qmp(world.path(f"{FOLDER}/one.qmp")).execute("system_powerdown")
    first.wait_for_end()
    world.run("tail", "--pid", pid, "-f", "/dev/null", timeout=10)


def test_the_shell_of_a_guest_gives_status_and_output(world: World) -> None:
    console = boot_kernel(world, "", "-nic", "none")
    assert console.shell("echo a; echo b >&2; sh -c 'exit 3'") == (3, "a\nb\n")
    assert console.shell("printf x") == (0, "x")
    assert console.shell(f"echo {'long ' * 60}") == (0, "long " * 59 + "long\n")
    assert console.shell("true") == (0, "")


def test_a_guest_takes_its_settings_from_its_kernel_command_line(world: World) -> None:
    nics = ("-nic", "user,model=virtio-net-pci", "-nic", "user,model=e1000")
    console = boot_kernel(world, "hostname=here eth0=10.7.0.2/16 gw=10.7.0.1 dhcp=off", *nics)
    assert console.wait_for(READY).groups() == ("here", " eth0=10.7.0.2/16 eth1=-", "10.7.0.1", "kernel")
    assert "e1000" in console.shell("readlink /sys/class/net/eth1/device/driver")[1]


def test_silence_of_a_guest_without_an_address_proves_nothing(world: World) -> None:
    console = boot_kernel(world, "", "-nic", "none")
    with pytest.raises(AssertionError, match="the guest has no address"):
        reaches(console, "10.0.0.1", tries=1)


def test_a_guest_is_installed_from_the_cd_and_then_boots_from_its_disk(world: World) -> None:
    world.run("truncate", "-s", "32M", "/disk.raw")
    disk = ("-drive", "file=/disk.raw,format=raw,if=virtio", "-cdrom", str(guest_iso()), "-nic", "none")
    console = boot(world, "one", *disk, "-boot", "order=cd,once=d")
    console.wait_for("KVMGEN-GUEST INSTALLED /dev/vda\n")
    assert console.wait_for(READY)[4] == "cd"
    Qmp(world.path(f"{FOLDER}/one.qmp")).execute("system_reset")
    assert console.wait_for(READY)[4] == "disk"


def test_the_images_are_made_once() -> None:
    assert guest_image() == guest_image()
    assert guest_image("raw").stat().st_size == 24 * 1024 * 1024
    assert guest_image().read_bytes().startswith(b"QFI\xfb")


def add_bridge(world: World) -> None:
    """A bridge of the host's own with a DHCP server that knows two guests."""
    world.run("ip", "link", "add", "br-in", "type", "bridge")
    world.run("ip", "address", "add", "10.0.0.254/24", "dev", "br-in")
    world.run("ip", "link", "set", "br-in", "up")
    guests = ("--dhcp-host=52:54:00:00:00:01,one,10.0.0.11", "--dhcp-host=52:54:00:00:00:02,two,10.0.0.12")
    listen = ("--conf-file=/dev/null", "--port=0", "--interface=br-in", "--bind-dynamic")
    world.run("dnsmasq", *listen, "--dhcp-authoritative", "--dhcp-range=10.0.0.100,10.0.0.200", *guests)


def drive(world: World, kind: str, bus: str) -> tuple[str, str]:
    image = guest_image("raw") if kind == "raw" else guest_image()
    world.run("cp", image, f"/guest.{kind}")
    return "-drive", f"file=/guest.{kind},format={kind},if={bus},media=disk"


def nic(world: World, tap: str, model: str, mac: str) -> tuple[str, ...]:
    world.run("ip", "tuntap", "add", tap, "mode", "tap")
    world.run("ip", "link", "set", tap, "master", "br-in", "up")
    return "-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no", "-device", f"{model},netdev={tap},mac={mac}"


def boot_kernel(world: World, append: str, *options: str) -> Console:
    kernel, initrd = map(str, guest_kernel())
    append = f"console=ttyS0 quiet no_timer_check {append}"
    return boot(world, "one", "-kernel", kernel, "-initrd", initrd, "-append", append, *options)


def boot(world: World, name: str, *options: str) -> Console:
    """Starts a guest as a lab's script does."""
    guest = f"{FOLDER}/{name}"
    world.run("mkdir", "-p", FOLDER)
    world.run("mkfifo", f"{guest}.qmp.in", f"{guest}.qmp.out")
    console = ("-chardev", f"pty,id=console,logfile={guest}.console", "-serial", "chardev:console")
    qmp = ("-chardev", f"pipe,id=qmp,path={guest}.qmp", "-mon", "chardev=qmp,mode=control")
    rest = ("-display", "none", "-pidfile", f"{guest}.pid", "-daemonize")
    command = ("qemu-system-x86_64", "-name", name, "-machine", "accel=tcg", "-m", "128")
    world.run(*command, *options, *console, *qmp, *rest)
    return guest_console(world, "hand", name)
