"""A world keeps to itself, looks the same until it is changed, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world import World, reaches, send

pytestmark = pytest.mark.live

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_world_has_a_lan_a_gateway_and_an_internet_behind_its_nic(world: World) -> None:
    for address in "192.168.0.1", "192.168.0.9", "203.0.113.7":
        assert reaches(world, address)
    assert reaches(world.lan, "192.168.0.162")
    assert reaches(world.internet, "192.168.0.162")
    assert world.run("ip", "netns", "list").stdout == ""


def test_what_the_gateway_does_not_know_gets_no_answer_from_the_internet(world: World) -> None:
    world.run("ip", "address", "add", "10.0.0.1/24", "dev", "ens33")
    assert world.run("ping", "-c1", "-W1", "-I", "10.0.0.1", "203.0.113.7", check=False).returncode == 1


def test_the_nic_of_a_world_is_as_the_test_wants_it() -> None:
    with World(
        uplink="eno1", mac="52:54:00:00:00:01", addresses=("192.168.7.7/16", "10.9.9.9/8"), gateway=None
    ) as world:
        assert "link/ether 52:54:00:00:00:01" in world.run("ip", "link", "show", "eno1").stdout
        assert "inet 10.9.9.9/8 brd 10.255.255.255" in world.run("ip", "address", "show", "eno1").stdout
        assert reaches(world, "192.168.0.9")
        assert not reaches(world, "203.0.113.7")


@pytest.mark.parametrize(
    "path", ["/etc/kvmgen-test", "/usr/bin/kvmgen-test", "/var/lib/kvmgen-test/a", "/kvmgen-test", "/run/kvmgen-test"]
)
def test_what_is_written_in_a_world_stays_there(world: World, path: str) -> None:
    world.write(path, "here\n", 0o640)
    assert world.read(path) == "here\n"
    assert world.path(path).stat().st_mode & 0o777 == 0o640
    assert not Path(path).exists()


def test_a_path_through_a_link_stays_in_the_world(world: World) -> None:
    world.run("ln", "-s", "/run", "/shortcut")
    world.write("/run/a", "here\n")
    assert world.path("/shortcut/a").read_text() == "here\n"


def test_the_repository_is_read_only_in_a_world(world: World) -> None:
    assert "Read-only" in world.run("touch", REPOSITORY / "kvmgen-test", check=False).stderr


def test_an_unchanged_world_looks_the_same_twice(world: World) -> None:
    world.run("ip", "netns", "add", "r1")
    world.run("ip", "link", "add", "br-in", "type", "bridge")
    before, exactly = world.snapshot(), world.snapshot(exact=True)
    assert world.snapshot() == before
    assert world.snapshot(exact=True) == exactly


def test_looking_at_tables_and_sysctls_changes_nothing(world: World) -> None:
    before = world.snapshot()
    for table in "filter", "nat", "mangle":
        world.run("iptables", "-t", table, "-L")
        world.run("iptables-legacy", "-t", table, "-L")
    world.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    world.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("change", "undo", "seen"),
    [
        ("ip link add br-in type bridge", "ip link delete br-in", "+host links: br-in: "),
        ("ip link set ens33 alias kvmgen:lab", "ip link set ens33 alias ''", "alias kvmgen:lab"),
        ("ip tuntap add vf1.0 mode tap", "ip tuntap delete vf1.0 mode tap", "tun type tap"),
        ("ip address add 10.0.0.1/24 dev ens33", "ip address delete 10.0.0.1/24 dev ens33", "+host addresses: ens33"),
        ("ip route add 10.0.0.0/8 via 192.168.0.1", "ip route delete 10.0.0.0/8", "+host routes: 10.0.0.0/8"),
        ("ip -6 route add fd00::/64 dev ens33", "ip -6 route delete fd00::/64 dev ens33", "+host routes: fd00::/64"),
        ("ip rule add from 10.0.0.0/8 table 7", "ip rule delete table 7", "lookup 7"),
        ("tc qdisc add dev ens33 root pfifo", "tc qdisc delete dev ens33 root", "+host qdiscs: qdisc pfifo"),
        ("sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.ipv4.ip_forward=0", "+host sysctls: ipv4/ip_forward = 1"),
        ("iptables -t nat -N KG", "iptables -t nat -X KG", "+host iptables: *nat :KG -"),
        ("iptables -P FORWARD DROP", "iptables -P FORWARD ACCEPT", "+host iptables: *filter :FORWARD DROP"),
        ("iptables-legacy -N KG", "iptables-legacy -X KG", "+host legacy iptables: *filter :KG -"),
        ("ip6tables -N KG", "ip6tables -X KG", "+host ip6tables: *filter :KG -"),
        ("ip netns add r1", "ip netns delete r1", "+netns r1 links: lo"),
        (": >/run/netns/broken", "rm /run/netns/broken", "+files: /run/netns/broken -rw-r--r-- 0:0 0 bytes"),
        (
            "ln -s /usr/libexec/qemu-kvm /usr/bin/q",
            "rm /usr/bin/q",
            "+files: /usr/bin/q lrwxrwxrwx 0:0 -> /usr/libexec",
        ),
        ("mv /etc/fstab /etc/x", "mv /etc/x /etc/fstab", "+files: /etc/fstab deleted"),
        ("chmod 600 /etc/passwd", "chmod 644 /etc/passwd", "+files: /etc/passwd -rw------- 0:0"),
        ("mkdir /run/kvmgen", "rmdir /run/kvmgen", "+files: /run/kvmgen drwx"),
        ("mount -t tmpfs x /srv", "umount /srv", "+mounts: /srv"),
        ("sleep 4321 >/dev/null 2>&1 &", "pkill -f '^sleep 4321'", "+processes: sleep 4321"),
    ],
)
def test_a_change_is_seen_until_it_is_undone(world: World, change: str, undo: str, seen: str) -> None:
    before = world.snapshot()
    world.run("sh", "-c", change)
    assert seen in "\n".join(before.difference(world.snapshot()))
    world.run("sh", "-c", undo)
    assert world.snapshot(like=before) == before


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("ip link add br-in address 52:54:00:00:00:01 type bridge", "ip link delete br-in && $0"),
        ("ip netns add r1", "ip netns delete r1 && $0"),
        ("echo a >/run/a", "$0"),
        ("sleep 4321 >/dev/null 2>&1 &", "pkill -f '^sleep 4321'; $0"),
    ],
)
def test_only_an_exact_snapshot_tells_a_thing_from_the_same_thing_made_again(
    world: World, first: str, again: str
) -> None:
    world.run("sh", "-c", first)
    before, exactly = world.snapshot(), world.snapshot(exact=True)
    world.run("sh", "-c", again.replace("$0", first))
    assert world.snapshot(like=before) == before
    assert world.snapshot(exact=True) != exactly


def test_a_docker_host_cuts_bridged_machines_off_from_each_other() -> None:
    with World(docker=True) as cut, World(docker=True, nf_call=False) as whole:
        for world in cut, whole:
            _bridge_two_machines(world)
        assert not reaches(cut.netns("a"), "10.0.0.2")
        assert reaches(whole.netns("a"), "10.0.0.2")


def test_servers_and_clients_talk_across_the_gateway(world: World) -> None:
    web = world.internet.serve("203.0.113.7", 80, "hello")
    names = world.lan.serve("192.168.0.9", 53, "answer", "udp")
    assert world.connect("203.0.113.7", 80) == "hello"
    assert world.connect("192.168.0.9", 53, "udp") == "answer"
    assert web.clients == names.clients == ["192.168.0.162"]
    assert world.connect("203.0.113.7", 81) is None
    assert world.connect("192.168.0.9", 54, "udp") is None


def test_silence_counts_only_from_a_source_that_is_alive(world: World) -> None:
    world.run("ip", "netns", "add", "dead")
    with pytest.raises(AssertionError, match="no nic that is up"):
        reaches(world.netns("dead"), "10.0.0.1")
    with pytest.raises(AssertionError, match="did not run"):
        reaches(world.netns("missing"), "10.0.0.1")


def test_a_command_that_fails_or_hangs_shows_what_it_said(world: World) -> None:
    with pytest.raises(AssertionError, match="exit 3\nspoken\n"):
        world.run("sh", "-c", "echo spoken; exit 3")
    with pytest.raises(AssertionError, match=r"still running after 0\.2 seconds\nspoken\n"):
        world.run("sh", "-c", "echo spoken; sleep 60", timeout=0.2)


def test_a_signal_goes_to_the_command_itself(world: World) -> None:
    process = world.popen("bash", "-c", "trap 'echo caught; exit 7' TERM; echo ready; while :; do read -rt 1; done")
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    send(process, signal.SIGTERM)
    assert process.stdout.read() == "caught\n"
    assert process.wait() == 7


def test_orphans_are_reaped(world: World) -> None:
    before = world.snapshot()
    world.run("sh", "-c", "(sleep 0.1 &) >/dev/null 2>&1")
    assert world.snapshot(like=before) == before


def test_a_killed_test_leaves_nothing() -> None:
    program = (
        "from tests.world import World\n"
        "world = World()\n"
        "world.run('sh', '-c', 'setsid sleep 54321 >/dev/null 2>&1 &')\n"
        "print(world.run('readlink', '/proc/self/ns/pid').stdout, end='', flush=True)\n"
        "input()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as test:
        assert test.stdout
        namespace = test.stdout.readline().rstrip("\n")
        assert _becomes_true(lambda: "sleep\x0054321\0" in _command_lines(namespace))
        test.kill()
    assert _becomes_true(lambda: _command_lines(namespace) == [])


def _becomes_true(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _command_lines(namespace: str) -> list[str]:
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(folder / "ns/pid") == namespace:
                lines.append((folder / "cmdline").read_text())
        except OSError:
            continue  # it ended meanwhile
    return lines


def _bridge_two_machines(world: World) -> None:
    world.run("ip", "link", "add", "br-in", "type", "bridge")
    world.run("ip", "link", "set", "br-in", "up")
    for name, address in ("a", "10.0.0.1/24"), ("b", "10.0.0.2/24"):
        world.run("ip", "netns", "add", name)
        world.run("ip", "link", "add", f"port-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        world.run("ip", "link", "set", f"port-{name}", "master", "br-in", "up")
        world.netns(name).run("ip", "address", "add", address, "dev", "eth0")
        world.netns(name).run("ip", "link", "set", "eth0", "up")
