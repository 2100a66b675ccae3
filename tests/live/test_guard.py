"""The uplink guard: a move of the host's own address that nobody confirms from a new login is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.live.conftest import Running
from tests.terminal import Terminal
from tests.world import World, reaches

pytestmark = pytest.mark.live

LAB = """\
host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 }
}
network br-ex bridged { uplink ens33 }
network br-in isolated { address 10.10.10.254/24 }
"""
STATE = "/run/kvmgen/guarded"
TRACE = rf"^files: {STATE}(/log|/reverted|\.lock)? |^files: /run/kvmgen "
AS_LOGIN = ("setsid", "sh", "-c", 'echo 0 >/proc/self/loginuid && exec "$@"', "sh")

Guarded = Callable[..., Running]


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    """guarded(HOST-COMMANDS..., lab=LAB): the lab on a host that has run them, not yet up."""
    with ExitStack() as closing:

        def make(*commands: str, lab: str = LAB) -> Running:
            world = closing.enter_context(World())
            for command in commands:
                world.run("sh", "-c", command)
            return Running(world, Source("guarded.dsl", lab), "debian12")

        yield make


def moved(running: Running) -> bool:
    """Whether the host's own address is on the bridge."""
    return "192.168.0.162/16" in running.world.run("ip", "-o", "address", "show", "dev", "br-ex", check=False).stdout


def up(running: Running, *words: str, exits: int = 0) -> str:
    """What `up` says, run in a session of its own."""
    done = running.world.run("setsid", "bash", running.path, "up", *words, check=False, timeout=120)
    assert done.returncode == exits, done.stdout + done.stderr
    assert moved(running) == (exits == 0)
    return done.stdout + done.stderr


def wait_until_reverted(running: Running) -> None:
    """Waits until the guard has acted, and has ended."""
    reverted = running.world.path(f"/run/kvmgen/{running.lab.name}/reverted")
    end = time.monotonic() + 60
    while not reverted.exists() or running.world.run("pgrep", "-f", "guard-watch", check=False).stdout:
        assert time.monotonic() < end, "the guard does not act"
        time.sleep(0.1)


def assert_as_before(running: Running) -> None:
    """The host is as it was, but for the log of what happened; after `down`, without that too."""
    before = running.before.without(TRACE)
    end = time.monotonic() + 5
    while (now := running.world.snapshot().without(TRACE)) != before and time.monotonic() < end:
        time.sleep(0.1)
    assert now == before
    running.setup("down")
    assert running.world.snapshot(like=running.before) == running.before


def watchdogs(running: Running) -> str:
    return "".join(line for line in running.world.snapshot().lines if "guard-watch" in line)


def test_a_move_that_nobody_confirms_is_taken_back_though_its_session_was_killed(guarded: Guarded) -> None:
    running = guarded()
    session = Terminal(
        running.world, "bash", "-c", f"echo group $$; bash {running.path} up --guard 5; echo over; exec sleep 600"
    )
    group = session.wait_for(r"group (\d+)")[1]
    session.wait_for("unless it is confirmed within 5 s.*over\n")
    assert moved(running)
    running.world.run("kill", "-KILL", "--", f"-{group}")
    session.hang_up()
    assert watchdogs(running)
    running.world.run("sh", "-c", f": >{running.path}; rm /var/lib/kvmgen/guarded/setup.sh")  # it has read all it needs
    wait_until_reverted(running)
    running.world.script(running.script)
    assert_as_before(running)
    assert reaches(running.world, "203.0.113.7")


def test_confirm_and_status_after_the_guard_acted_say_why(guarded: Guarded) -> None:
    running = guarded()
    up(running, "--guard", "6")
    wait_until_reverted(running)
    late = running.world.run(*AS_LOGIN, "bash", running.path, "confirm", check=False)
    assert late.returncode == 10
    assert late.stderr.startswith("setup.sh: nobody confirmed within 6 s, so the guard took it back\n")
    status = running.setup("status", check=False)
    assert status.returncode == 3
    assert "nobody confirmed within 6 s" in status.stdout
    assert "nobody confirmed within 6 s: the guard takes all of it back\nkg_uplink_back" in running.setup("log").stdout
    up(running, "--no-guard")
    assert "nobody confirmed" not in running.setup("status").stdout
    running.setup("down")
    assert running.world.snapshot(like=running.before) == running.before


def test_a_gateway_that_stops_answering_brings_the_revert_early(guarded: Guarded) -> None:
    running = guarded()
    assert "or as soon as the gateway 192.168.0.1 stops answering" in up(running, "--guard", "9000")
    running.world.gateway.run("ip", "address", "delete", "192.168.0.1/16", "dev", "lan")
    _wait_for_gateway_revert(running)


def test_a_gateway_that_answers_arp_only_is_watched_by_that(guarded: Guarded) -> None:
    running = guarded()
    running.world.gateway.run("sysctl", "-q", "-w", "net.ipv4.icmp_echo_ignore_all=1")
    assert "or as soon as the gateway 192.168.0.1 stops answering" in up(running, "--guard", "9000")
    running.world.gateway.run("ip", "address", "delete", "192.168.0.1/16", "dev", "lan")
    _wait_for_gateway_revert(running)


def _wait_for_gateway_revert(running: Running) -> None:
    wait_until_reverted(running)
    late = running.world.run("setsid", "bash", running.path, "confirm", check=False)
    assert late.returncode == 10
    assert late.stderr.startswith("setup.sh: the gateway stopped answering, so the guard took it back\n")
    assert "the gateway 192.168.0.1 stopped answering: the guard takes all of it back" in running.setup("log").stdout
    running.world.gateway.run("ip", "address", "add", "192.168.0.1/16", "dev", "lan")
    assert_as_before(running)


def test_a_gateway_that_never_answered_is_not_waited_for(guarded: Guarded) -> None:
    running = guarded()
    running.world.gateway.run("ip", "address", "delete", "192.168.0.1/16", "dev", "lan")
    assert "gateway" not in up(running)
    running.world.run("setsid", "bash", running.path, "confirm")


def test_confirm_from_a_new_session_keeps_the_move_and_ends_the_guard(guarded: Guarded) -> None:
    running = guarded()
    said = up(running)
    assert "within 120 s, log in anew and run: bash /var/lib/kvmgen/guarded/setup.sh confirm" in said
    assert "not confirmed yet" in running.setup("status").stdout
    running.world.run("setsid", "bash", "/var/lib/kvmgen/guarded/setup.sh", "confirm")
    assert not watchdogs(running)
    assert "not confirmed" not in running.setup("status").stdout
    assert running.setup("confirm").stdout == "nothing waits to be confirmed\n"
    assert moved(running)
    running.setup("down")
    assert running.world.snapshot(like=running.before) == running.before


def test_confirm_needs_another_session_and_terminal_than_up_had(guarded: Guarded) -> None:
    running = guarded()
    older = Terminal(running.world, "bash", "-c", f"echo ready; read; bash {running.path} confirm; echo exit $?")
    older.wait_for("ready")
    own = Terminal(
        running.world,
        "bash",
        "-c",
        f"bash {running.path} up; for by in env setsid; do $by bash {running.path} confirm; echo $by exit $?; done",
    )
    own.wait_for(
        "not from a new login: it comes from the session, or the terminal, that the move was started from.*env exit 5"
    )
    own.wait_for("setsid exit 5")  # the same terminal
    older.type("\n")
    older.wait_for("not from a new login: it comes from a terminal that was there before the move.*exit 5")
    Terminal(running.world, "bash", running.path, "confirm").wait_for("confirmed")
    assert moved(running)


def test_where_the_kernel_numbers_logins_only_a_newer_one_confirms(guarded: Guarded) -> None:
    running = guarded()
    world = running.world
    older = world.popen(*AS_LOGIN, "bash", "-c", f"echo ready; read; exec setsid --wait bash {running.path} confirm")
    assert older.stdout
    assert older.stdout.readline() == "ready\n"
    world.run(*AS_LOGIN, "bash", running.path, "up")
    assert "was there before the move" in older.communicate("\n")[1]
    assert older.returncode == 5
    no_login = world.run("setsid", "bash", running.path, "confirm", check=False)
    assert (no_login.returncode, "nobody logged in" in no_login.stderr) == (5, True)
    assert "is newer than the move" in world.run(*AS_LOGIN, "bash", running.path, "confirm").stdout
    assert moved(running)


def test_connections_to_the_host_survive_the_move_there_and_back(guarded: Guarded) -> None:
    running = guarded()
    world = running.world
    server = world.popen(
        "python3",
        "-c",
        "import socket\n"
        "listener = socket.create_server(('0.0.0.0', 7000))\n"
        "print('ready', flush=True)\n"
        "client, _ = listener.accept()\n"
        "while data := client.recv(100): client.sendall(data)\n",
    )
    assert server.stdout
    assert server.stdout.readline() == "ready\n"
    client = world.lan.popen(
        "bash", "-c", "exec 3<>/dev/tcp/192.168.0.162/7000; while read -r; do echo $REPLY >&3; head -1 <&3; done"
    )
    assert client.stdin
    assert client.stdout

    def carries(text: str) -> bool:
        assert client.stdin
        assert client.stdout
        client.stdin.write(f"{text}\n")
        client.stdin.flush()
        return client.stdout.readline() == f"{text}\n"

    assert carries("before")
    up(running)
    assert carries("moved")
    running.setup("revert")
    assert carries("back")


def test_revert_takes_all_back_at_once(guarded: Guarded) -> None:
    running = guarded()
    up(running)
    running.setup("revert")
    assert running.world.snapshot(like=running.before) == running.before
    assert "nothing waits" in running.setup("revert").stdout


def test_down_ends_the_guard(guarded: Guarded) -> None:
    running = guarded()
    up(running)
    running.setup("down")
    assert running.world.snapshot(like=running.before) == running.before


def test_without_a_guard_nothing_waits(guarded: Guarded) -> None:
    running = guarded()
    assert "confirm" not in up(running, "--no-guard")
    assert not watchdogs(running)
    assert running.setup("confirm").stdout == "nothing waits to be confirmed\n"


def test_a_second_up_has_no_second_guard_and_starts_no_new_time(guarded: Guarded) -> None:
    running = guarded()
    up(running)
    exactly = running.world.run("cat", f"{STATE}/guard").stdout
    assert "not confirmed yet" in up(running)
    running.world.run("ip", "link", "set", "br-in", "down")
    assert "not confirmed yet" in up(running)
    assert running.world.run("cat", f"{STATE}/guard").stdout == exactly
    assert watchdogs(running).count("guard-watch") == 1


def test_a_guard_that_was_ended_is_told_of_and_can_still_be_answered(guarded: Guarded) -> None:
    running = guarded()
    up(running)
    running.world.run("sh", "-c", f"kill -KILL $(head -1 {STATE}/guard)")
    assert "the guard has been ended" in running.setup("status").stdout
    running.setup("revert")
    assert running.world.snapshot(like=running.before) == running.before


def test_secondary_addresses_and_every_kind_of_route_come_back_whole(guarded: Guarded) -> None:
    running = guarded(
        "ip address add 192.168.0.163/16 dev ens33",
        "ip address add 10.9.0.1/16 brd + dev ens33 label ens33:1",
        "ip -6 address add 2001:db8::2/64 dev ens33 nodad",
        "ip route replace default via 192.168.0.1 src 192.168.0.163 mtu 1400",
        "ip route add default via 192.168.0.9 metric 200 initcwnd 20",
        "ip route add 198.51.100.0/24 via 100.64.0.1 dev ens33 onlink mtu lock 1300 metric 7",
        "ip route add default via 10.9.0.9 table 100 && ip rule add from 10.9.0.1 lookup 100",
        "ip -6 route add default via 2001:db8::1",
        "ip link add eth7 type veth peer name peer7 && ip address add 172.30.0.1/24 dev eth7 && ip link set eth7 up",
        "ip route add default via 172.30.0.9 dev eth7 metric 300",
    )
    routes = running.world.run("ip", "route", "show", "table", "all").stdout
    up(running, "--guard", "6")
    assert "default via 10.9.0.9 dev br-ex" in running.world.run("ip", "route", "show", "table", "100").stdout
    default = running.world.run("ip", "route", "show", "default").stdout
    assert "default via 192.168.0.1 dev br-ex src 192.168.0.163 mtu 1400" in default
    assert "default via 192.168.0.9 dev br-ex metric 200 initcwnd 20" in default
    assert "default via 172.30.0.9 dev eth7 metric 300" in default
    wait_until_reverted(running)
    assert_as_before(running)
    assert sorted(running.world.run("ip", "route", "show", "table", "all").stdout.split("\n")) == sorted(
        routes.split("\n")
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("ip route append default via 192.168.0.9", "another of the same network and metric"),
        ("ip rule add iif ens33 lookup 100", "a routing rule names ens33"),
        (
            "ip route add 203.0.113.0/24 nexthop via 192.168.0.1 dev ens33 nexthop via 192.168.0.9 dev ens33",
            "several next hops",
        ),
        (
            "ip address add 192.168.0.50/16 dev ens33 valid_lft 1000 preferred_lft 900",
            "on br-ex nobody renews one from DHCP; `up -y` moves it until its lease ends",
        ),
    ],
)
def test_what_cannot_be_moved_whole_is_refused_before_anything_is_changed(
    guarded: Guarded, command: str, reason: str
) -> None:
    running = guarded(command)
    assert reason in up(running, exits=5)
    assert running.world.snapshot(like=running.before) == running.before
    assert reason in running.setup("doctor", check=False).stdout


def test_an_uplink_that_a_dhcp_client_looks_after_is_refused_though_the_kernel_knows_no_lease(guarded: Guarded) -> None:
    running = guarded()
    running.world.run("sh", "-c", "cp $(command -v busybox) /usr/bin/udhcpc")
    client = running.world.popen("udhcpc", "-f", "-i", "ens33", "-s", "/bin/true")
    assert "a fixed address on ens33" in up(running, exits=5)
    others = "^processes: |^files: /usr/bin/udhcpc "
    assert running.world.snapshot().without(others) == running.before.without(others)
    assert client.poll() is None


def test_an_address_from_dhcp_moves_when_asked_for_with_what_is_left_of_its_lease(guarded: Guarded) -> None:
    running = guarded("ip address add 192.168.0.50/16 dev ens33 valid_lft 1000 preferred_lft 900")
    up(running, "-y")
    on_bridge = running.world.run("ip", "-o", "address", "show", "dev", "br-ex", "dynamic").stdout
    assert "192.168.0.50/16" in on_bridge
    running.setup("down")
    assert running.world.snapshot(like=running.before) == running.before


def stuck(running: Running) -> None:
    """Makes `up` hang after the move: its last command sleeps."""
    running.world.run("mv", "/usr/bin/qemu-img", "/usr/bin/qemu-img.real")
    running.world.write("/usr/bin/qemu-img", "#!/bin/sh\nexec sleep 600\n", 0o755)


def wait_until_stuck(running: Running) -> None:
    end = time.monotonic() + 30
    while not running.world.run("pgrep", "-f", "^sleep 600", check=False).stdout:
        assert time.monotonic() < end, "`up` does not get as far"
        time.sleep(0.1)


def test_an_up_that_hangs_after_the_move_is_ended_and_taken_back_by_the_guard(start: Guarded) -> None:
    running = start("bridged")
    stuck(running)
    before = running.world.snapshot()
    done = running.world.run("setsid", "bash", running.path, "up", "--guard", "6", check=False)
    assert done.returncode == 10, done.stderr
    assert "nobody confirmed within 6 s: the guard has what this run did taken back" in done.stderr
    wait_until_reverted(running)
    assert "kg_uplink_back ens33 br0" in running.setup("log").stdout
    running.setup("down")
    assert running.world.snapshot(like=before) == before


def test_an_up_whose_terminal_hangs_after_the_move_is_killed_and_taken_back_by_the_guard(start: Guarded) -> None:
    running = start("bridged")
    stuck(running)
    before = running.world.snapshot()
    session = Terminal(running.world, "bash", running.path, "up", "--guard", "6")
    wait_until_stuck(running)
    session.type("\x13")  # Ctrl-S: from now on `up` hangs as soon as it says something
    wait_until_reverted(running)
    running.setup("down")
    assert running.world.snapshot(like=before) == before


def test_an_up_that_is_killed_half_way_is_taken_back_by_the_guard(start: Guarded) -> None:
    running = start("bridged")
    stuck(running)
    before = running.world.snapshot()
    session = Terminal(running.world, "bash", "-c", f"echo group $$; bash {running.path} up --guard 6")
    group = session.wait_for(r"group (\d+)")[1]
    wait_until_stuck(running)
    running.world.run("kill", "-KILL", "--", f"-{group}")
    session.hang_up()
    wait_until_reverted(running)
    running.setup("down")
    assert running.world.snapshot(like=before) == before


def test_a_failure_takes_the_guard_back_too(start: Guarded) -> None:
    running = start("bridged")
    running.world.run("mv", "/usr/bin/qemu-img", "/usr/bin/qemu-img.real")
    running.world.run("ln", "-s", "/bin/false", "/usr/bin/qemu-img")
    before = running.world.snapshot()
    assert running.setup("up", check=False).returncode == 1
    assert running.world.snapshot(like=before) == before
    running.setup("up", "--keep", check=False)
    assert "not confirmed yet" in running.setup("status", check=False).stdout
    running.setup("down")
    assert running.world.snapshot(like=before) == before


def test_an_edit_that_moves_the_uplink_to_another_bridge_is_guarded_too(guarded: Guarded) -> None:
    running = guarded()
    up(running, "--no-guard")
    newer = driver.build(Source("guarded.dsl", LAB.replace("br-ex", "br-lan")), Diagnostics(), "debian12").script
    running.world.script(newer)
    said = running.world.run("setsid", "bash", running.path, "up", "--guard", "6").stdout
    assert "or as soon as the gateway 192.168.0.1 stops answering" in said
    assert "192.168.0.162/16" in running.world.run("ip", "-o", "address", "show", "dev", "br-lan").stdout
    wait_until_reverted(running)
    running.world.script(running.script)
    assert_as_before(running)


def test_an_edit_that_takes_the_uplink_out_ends_the_guard(guarded: Guarded) -> None:
    running = guarded()
    up(running)
    newer = driver.build(Source("guarded.dsl", "network br-in isolated\n"), Diagnostics(), "debian12").script
    running.world.script(newer)
    assert "confirm" not in running.setup("up").stdout
    assert not watchdogs(running)
    running.setup("down")
    running.world.script(running.script)
    assert running.world.snapshot(like=running.before) == running.before


def test_a_restart_is_guarded_anew(guarded: Guarded) -> None:
    running = guarded()
    up(running)
    first = watchdogs(running)
    assert "within 60 s, log in anew" in running.setup("restart", "--guard", "60").stdout
    second = watchdogs(running)
    assert "guard 60 " in second
    assert "guard 60 " not in first
    assert second.count("guard-watch") == 1
    running.setup("down")
    assert running.world.snapshot(like=running.before) == running.before


def test_a_guard_that_cannot_start_leaves_everything_as_it_was(guarded: Guarded) -> None:
    running = guarded("ln -sf /bin/false /usr/bin/setsid")
    refused = running.setup("up", check=False)
    assert refused.returncode == 1
    assert "the guard of the uplink does not start; --no-guard goes without it" in refused.stderr
    assert running.world.snapshot(like=running.before) == running.before
    running.setup("up", "--no-guard")
    assert moved(running)


def test_the_seconds_of_the_guard_are_a_number(guarded: Guarded) -> None:
    running = guarded()
    for wrong in "0", "soon", "":
        refused = running.setup("up", "--guard", wrong, check=False)
        assert (refused.returncode, refused.stderr.startswith("setup.sh: `--guard` needs ")) == (2, True)
    assert running.world.snapshot(like=running.before) == running.before


def test_a_bridge_of_somebody_else_gets_its_own_mac_back(guarded: Guarded) -> None:
    running = guarded(
        "ip link add br-ex type bridge && ip link set br-ex up && ip address add 172.30.0.1/24 dev br-ex",
        "ip link add eth7 type veth peer name peer7 && ip link set eth7 master br-ex up && ip link set peer7 up",
        lab=LAB.replace("{ uplink", "{ external  uplink"),
    )
    own = running.world.run("cat", "/sys/class/net/br-ex/address").stdout
    up(running)
    assert running.world.run("cat", "/sys/class/net/br-ex/address").stdout == "00:0c:29:7e:1a:62\n"
    assert reaches(running.world.lan, "192.168.0.162")
    running.setup("revert")
    assert running.world.run("cat", "/sys/class/net/br-ex/address").stdout == own
    assert running.world.snapshot(like=running.before) == running.before
