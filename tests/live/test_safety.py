"""What a script never does: harm what is not its lab's, run by halves, work in the wrong place, leave things behind."""

from __future__ import annotations

import signal
from subprocess import CompletedProcess

import pytest

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.live.conftest import LABS, Running
from tests.world import World, send

pytestmark = pytest.mark.live


def furnished(world: World, name: str, target: str = "debian12") -> Running:
    """A lab of tests/labs with its images, not up."""
    return Running(world, Source(f"{name}.dsl", (LABS / f"{name}.dsl").read_text()), target)


def script(world: World, name: str, text: str) -> str:
    """The path of the script of a lab that needs nothing but the host."""
    path = f"/root/{name}.sh"
    world.write(path, driver.build(Source(f"{name}.dsl", text), Diagnostics(), "debian12").script)
    return path


def ended(world: World, code: int, *command: str) -> CompletedProcess[str]:
    done = world.run("bash", *command, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


# ---- Foreign objects in the way ----


@pytest.mark.parametrize(
    ("name", "foreign", "told"),
    [
        ("nat", "ip link add br0 type bridge", "bridge br0  (nat.dsl:5: network br0 nat {"),
        ("netns-basics", "ip netns add r2", "netns r2  (netns-basics.dsl:3: namespace r2)"),
        ("netns-basics", ": >/run/netns/r1", "netns r1  (netns-basics.dsl:2: namespace r1)"),
        ("nat", "ip tuntap add vif1.0 mode tap", "guest test1  (nat.dsl:17: vm test1 {)"),
        ("nat", "iptables -N kg-forward-nat", "filter kg-forward-nat  (nat.dsl:5: network br0 nat {"),
        ("nat", "ip address add 10.30.0.254/16 dev ens33", "address br0 10.30.0.254/24  (nat.dsl:6: address"),
        ("nat", "dnsmasq -C /dev/null -x /run/d.pid --user=root", "dhcp br0  (nat.dsl:8: dhcp 10.30.0.100"),
        (
            "bridged",
            "ip link add other type bridge && ip link set ens33 master other",
            "uplink ens33  (bridged.dsl:6: network",
        ),
    ],
    ids=["bridge", "netns", "broken netns", "tap", "chain", "address", "dnsmasq", "port"],
)
def test_a_foreign_object_in_the_way_is_named_with_its_line_and_nothing_is_changed(
    world: World, name: str, foreign: str, told: str
) -> None:
    lab = furnished(world, name)
    world.run("sh", "-c", foreign)
    before, exactly = world.snapshot(), world.snapshot(exact=True)
    assert told in ended(world, 6, lab.path, "up").stderr
    assert "! " in ended(world, 6, lab.path, "plan").stdout
    ended(world, 6, lab.path, "doctor")
    assert world.snapshot() == before
    ended(world, 0, lab.path, "down")
    assert world.snapshot(exact=True).difference(exactly) == []


def test_a_file_in_the_way_is_not_overwritten(world: World) -> None:
    lab = furnished(world, "isolated", "centos7")
    world.write("/usr/bin/qemu-kvm", "of the distribution\n", 0o755)
    before = world.snapshot()
    assert "qemu-link /usr/bin/qemu-kvm  (isolated.dsl:" in ended(world, 6, lab.path, "up").stderr
    assert world.snapshot() == before


def test_a_cable_that_somebody_plugged_elsewhere_is_not_pulled_out(world: World) -> None:
    path = script(world, "star", "network hub isolated\nnamespace a { nic eth0 on hub { address 10.60.0.1/24 } }\n")
    ended(world, 0, path, "up")
    world.run("ip", "link", "add", "other", "type", "bridge")
    world.run("ip", "link", "set", "a-eth0", "master", "other")
    assert "port hub a-eth0  (star.dsl:2: " in ended(world, 6, path, "up").stderr
    assert " master other " in world.run("ip", "link", "show", "a-eth0").stdout


# ---- Sysctls that labs share ----

ROUTED = "network {0} routed {{ address 10.{1}.0.254/24 }}\n"


@pytest.mark.parametrize("before", ["0", "1"])
@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_the_last_lab_that_needs_a_sysctl_puts_it_back(world: World, order: str, before: str) -> None:
    world.run("sysctl", "-q", "-w", f"net.ipv4.ip_forward={before}")
    as_it_was = world.snapshot()
    paths = {name: script(world, name, ROUTED.format(f"br-{name}", ord(name) - 90)) for name in "abc"}
    for path in paths.values():
        ended(world, 0, path, "up")
    for name in order:
        assert world.read("/proc/sys/net/ipv4/ip_forward") == "1\n"
        ended(world, 0, paths[name], "status")
        ended(world, 0, paths[name], "down")
    assert world.snapshot(like=as_it_was).without("files: /root/[abc].sh") == as_it_was


# ---- Half-way states ----


@pytest.mark.parametrize(
    "accident",
    [
        "true",
        "ip netns delete r1",
        "ip link delete br-in",
        "ip -n r1 link delete rinr",
        "iptables -F kg-forward-router",
        "iptables -D FORWARD 1",
        "pkill -KILL -f '[c]irros1'",
        "pkill dnsmasq",
        "rm /run/kvmgen/router/journal",
        "rm -r /run/kvmgen/router/vm",
        "printf '1 2' >>/run/kvmgen/router/journal",
        "rm /var/lib/kvmgen/router/cirros1-0.qcow2",
    ],
)
def test_down_works_by_the_stored_copy_from_any_half_way_state(world: World, accident: str) -> None:
    lab = furnished(world, "router")
    lab.setup("up")
    world.run("rm", lab.path)
    world.run("sh", "-c", accident)
    ended(world, 0, "/var/lib/kvmgen/router/setup.sh", "down", "--wait", "0")
    before = lab.before.without("files: /root/setup.sh")
    assert world.snapshot(like=before) == before


@pytest.mark.parametrize("command", ["up", "down"])
def test_what_is_meant_for_a_namespace_that_has_gone_never_runs_on_the_host(world: World, command: str) -> None:
    lab = furnished(world, "netns-basics")
    world.run("ip", "link", "add", "eth0", "type", "bridge")  # on the host, a link of the name that they have inside
    world.run("ip", "address", "add", "10.10.10.1/24", "dev", "eth0")
    host = world.snapshot(exact=True)
    lab.setup("up")
    world.run("ip", "netns", "delete", "r1")
    lab.setup(command)
    left = [line for line in world.snapshot(exact=True).lines if line.startswith("host links: ")]
    assert left == [line for line in host.lines if line.startswith("host links: ")]
    lab.setup("down")
    assert "10.10.10.1/24" in world.run("ip", "address", "show", "eth0").stdout


# ---- Two runs at once ----


def test_of_two_ups_one_works_and_the_other_says_so_or_waits(world: World) -> None:
    lab = furnished(world, "nat")
    world.run("mv", "/usr/sbin/dnsmasq", "/usr/sbin/dnsmasq.real")
    world.run("mkfifo", "/run/go")
    world.write("/usr/sbin/dnsmasq", '#!/bin/sh\necho >/run/go\nread -r x </run/go\nexec dnsmasq.real "$@"\n', 0o755)
    first = world.popen("bash", lab.path, "up")
    world.run("cat", "/run/go")  # it is in the middle
    assert "another run for the lab nat is at work" in ended(world, 7, lab.path, "up").stderr
    assert ended(world, 7, lab.path, "down").returncode == 7
    waiting = world.popen("bash", lab.path, "up", "--wait", "60")
    interrupted = world.popen("bash", lab.path, "up", "--wait", "60")
    send(interrupted, signal.SIGTERM)
    assert interrupted.wait(20) in (143, -signal.SIGTERM)
    assert waiting.poll() is None
    world.run("sh", "-c", "echo >/run/go")
    assert first.wait(30) == 0
    assert waiting.wait(30) == 0
    assert waiting.stdout
    assert "nothing to do" in waiting.stdout.read()


# ---- Damaged scripts ----


def test_a_truncated_script_does_nothing(world: World) -> None:
    whole = (LABS / "netns-basics.dsl").read_text()
    text = driver.build(Source("netns-basics.dsl", whole), Diagnostics(), "debian12").script.encode()
    path = world.path("/root")
    before = world.snapshot()
    for size in [*range(0, len(text), 997), *range(len(text) - 40, len(text) - 1)]:
        (path / "cut.sh").write_bytes(text[:size])
        world.run("bash", "/root/cut.sh", "up", check=False)
        if size % 10 == 7:
            assert world.snapshot().without("/root/cut.sh") == before, size
    assert world.snapshot().without("/root/cut.sh") == before


def test_an_edited_script_does_nothing(world: World) -> None:
    whole = (LABS / "netns-basics.dsl").read_text()
    text = driver.build(Source("netns-basics.dsl", whole), Diagnostics(), "debian12").script.encode()
    path = world.path("/root")
    before = world.snapshot()
    check = text.index(b"\nkg_integrity() {")
    for place in [*range(0, len(text), 997), *range(check, check + 600, 7)]:
        (path / "edited.sh").write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        done = world.run("bash", "/root/edited.sh", "up", check=False)
        # bash ends with 0 where a condition is not well formed.
        assert done.returncode != 0 or "conditional" in done.stderr, text[place - 20 : place + 20]
    assert world.snapshot().without("/root/edited.sh") == before


# ---- Disks that are full, or read-only ----


@pytest.mark.parametrize("place", ["/run", "/var/lib"])
def test_a_read_only_place_is_told_before_anything(world: World, place: str) -> None:
    lab = furnished(world, "nat")
    if place == "/run":
        world.run("mount", "-o", "remount,ro", place)
    else:
        world.run("mount", "--bind", "-o", "ro", place, place)
    before = world.snapshot()
    assert f"{place} is read-only" in ended(world, 5, lab.path, "up").stderr
    assert world.snapshot() == before


@pytest.mark.parametrize("place", ["/run", "/run/kvmgen", "/var/lib/kvmgen"])
def test_on_a_full_disk_nothing_is_left(world: World, place: str) -> None:
    lab = furnished(world, "nat")
    if place != "/run":
        world.run("mkdir", "-p", place)
        world.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", place)
    else:
        world.run("mount", "-o", "remount,size=64k", place)
    world.run("sh", "-c", f"cat /dev/zero >{place}/full", check=False)
    before = world.snapshot()
    told = ended(world, 1, lab.path, "up").stderr
    assert "nothing was changed" in told and place in told
    assert world.snapshot() == before


@pytest.mark.parametrize("place", ["/run/kvmgen", "/var/lib/kvmgen"])
def test_a_disk_that_fills_up_on_the_way_fails_up_or_is_worked_around(world: World, place: str) -> None:
    lab = furnished(world, "nat")
    world.run("mkdir", "-p", place)
    world.run("mount", "-t", "tmpfs", "none", place)
    codes = set()
    before = world.snapshot()
    for kilobytes in (4, 8, 12, 16, 20, 40, 80, 100, 120, 320, 520, 2000):
        world.run("mount", "-o", f"remount,size={kilobytes}k", place)
        done = world.run("bash", lab.path, "up", check=False)
        codes.add(done.returncode)
        if done.returncode == 0:
            lab.setup("status")
            lab.setup("down", "--wait", "0")
        else:
            assert done.returncode == 1, done.stderr
        assert world.snapshot(like=before) == before, f"{kilobytes}: {done.stderr}"
    assert codes == {0, 1}


# ---- Folders ----


def test_folders_that_were_there_before_stay(world: World) -> None:
    path = script(world, "a", ROUTED.format("br-a", 1))
    before = world.snapshot()
    ended(world, 0, path, "up")
    ended(world, 0, path, "down")
    assert world.snapshot(like=before) == before
    world.run("mkdir", "-p", "/run/kvmgen", "/var/lib/kvmgen/a")
    before = world.snapshot()
    ended(world, 0, path, "up")
    ended(world, 0, path, "down")
    assert world.snapshot(like=before) == before


def test_labs_that_come_and_go_leave_no_folder(world: World) -> None:
    paths = [script(world, name, ROUTED.format(f"br-{name}", number)) for number, name in enumerate("ab", 1)]
    before = world.snapshot()
    for path in paths:
        ended(world, 0, path, "up")
    for path in paths:
        ended(world, 0, path, "down")
    assert world.snapshot(like=before) == before
