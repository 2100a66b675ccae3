"""Options of the script: what `--keep`, `--only`, `--slow` and `--wait` do, and that `-n` touches nothing at all."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.live.conftest import Running
from tests.world import World

pytestmark = pytest.mark.live

LAB = """\
host {
    nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 }
}
network br-ex bridged { uplink ens33 }
network br-in isolated { address 10.10.10.254/24 }
network br-b isolated
namespace a { nic eth0 on br-in { address 10.10.10.1/24 } }
vm deaf {
    memory 32M
    disk /srv/blank.img { format raw }
    nic on br-in { address 10.10.10.2/24 }
}
"""


@pytest.fixture
def running() -> Iterator[Running]:
    """The lab on a host of its own, not yet up. Its guest has an empty disk, so that it hears no power button."""
    with World() as world:
        world.run("truncate", "-s", "1M", "/srv/blank.img")
        yield Running(world, Source("options.dsl", LAB), "debian12")


def down(running: Running) -> None:
    """Down, and the host as it was."""
    running.setup("down", "--wait", "1")
    assert running.world.snapshot(like=running.before) == running.before


def test_keep_leaves_what_a_failing_up_made_until_up_goes_on_or_down(running: Running) -> None:
    running.world.run("mv", "/usr/bin/qemu-system-x86_64", "/usr/bin/qemu.real")
    running.world.run("ln", "-s", "/bin/false", "/usr/bin/qemu-system-x86_64")
    failed = running.setup("up", "--no-guard", "--keep", check=False)
    assert failed.returncode == 1
    assert "guest deaf failed" in failed.stderr
    assert "what was made is kept, as --keep says: setup.sh down takes it back" in failed.stderr
    status = running.setup("status", check=False)
    assert status.returncode == 4
    assert [line for line in status.stdout.splitlines() if line.startswith("missing")] == ["missing  guest deaf"]
    running.world.run("mv", "-f", "/usr/bin/qemu.real", "/usr/bin/qemu-system-x86_64")
    assert "options is up: 1 made" in running.setup("up").stdout
    down(running)


def test_only_makes_and_takes_back_one_part_by_name_number_or_statement(running: Running) -> None:
    said = running.setup("up", "--only", "br-in").stdout
    assert said.startswith("br-in of options is up: ")
    assert "0 were right" in said
    assert running.setup("up", "--only", "br-in").stdout == "br-in of options is up: nothing to do\n"
    running.setup("up", "--only", "a")
    assert running.world.netns("a").ping("10.10.10.254")
    assert not running.world.path("/sys/class/net/br-b").exists()
    running.setup("up", "--only", "1")
    assert running.setup("down", "--only", "a").stdout == "a of options is down: nothing of it is left\n"
    links = running.world.run("ip", "-br", "link").stdout
    assert "br-in" in links
    assert "br-ex" in links
    assert running.world.run("ip", "netns", "list").stdout == ""
    assert running.setup("plan", "--only", "nothing", check=False).returncode == 2
    down(running)


def test_only_the_uplink_moves_under_its_guard_and_comes_back(running: Running) -> None:
    running.setup("up", "--only", "br-ex")
    running.setup("up", "--only", "br-in")
    assert "not confirmed yet" in running.setup("status", check=False).stdout
    running.setup("down", "--only", "ens33")
    assert "not confirmed" not in running.setup("status", check=False).stdout
    assert running.setup("status", "--only", "br-in").returncode == 0
    down(running)


def test_only_a_part_of_another_build_is_refused(running: Running) -> None:
    running.setup("up", "--only", "br-in")
    before = running.world.snapshot(exact=True)
    newer = Source("options.dsl", LAB.replace("network br-b isolated", "network br-c isolated"))
    running.world.script(driver.build(newer, Diagnostics(), "debian12").script)
    refused = running.setup("up", "--only", "br-c", check=False)
    assert (refused.returncode, "another build of options is up" in refused.stderr) == (2, True)
    running.world.script(running.script)
    assert running.world.snapshot(exact=True).without("/root") == before.without("/root")


def test_slow_runs_each_command_by_itself(running: Running) -> None:
    running.setup("up", "--no-guard", "--slow")
    log = running.setup("log").stdout.splitlines()
    assert "ip link add name br-in type bridge" in log
    assert "ip netns exec a ip addr add 10.10.10.1/24 dev eth0" in log
    assert not [line for line in log if "-restore" in line or line == "ip -batch -"]
    assert "nothing to do" in running.setup("up").stdout
    down(running)


def test_wait_is_how_long_guests_have_to_go_off_before_they_are_ended(running: Running) -> None:
    for command in ("down", "--wait", "0"), ("down", "--wait", "1"):
        running.setup("up", "--no-guard")
        running.setup(*command)
        assert running.world.snapshot(like=running.before) == running.before
    for wrong in "soon", "-1", "99999", "":
        refused = running.setup("down", "--wait", wrong, check=False)
        assert (refused.returncode, refused.stderr) == (2, "setup.sh: `--wait` needs a number of seconds\n")


COMMANDS = (
    *("up", "down", "restart", "plan", "commands up", "commands down", "step", "explain", "status", "status --json"),
    *("doctor", "vm start deaf", "vm stop deaf", "vm kill deaf", "shell a", "exec a touch /root/touched", "confirm"),
    *(
        "revert",
        "repair",
        "log",
        "source",
        "version",
        "help",
        "up --keep",
        "up --slow",
        "up --guard 5",
        "up --no-guard",
    ),
    *("up --only br-in", "down --only br-in", "down --wait 1", "up --yes", "repair --yes", "up -v", "up -q"),
)
QUESTIONS = ("vm list", "vm console deaf")
"""They ask QEMU for the guest's console, which the FIFOs' times tell."""


def wait_until_settled(running: Running) -> None:
    """Until IPv6 addresses are no longer tentative, and what was ended has gone."""
    end = time.monotonic() + 30
    while running.world.run("pgrep", "-f", "guard-watch", check=False).stdout or any(
        "tentative" in line for line in running.world.snapshot().lines
    ):
        assert time.monotonic() < end, "the host does not settle"
        time.sleep(0.1)


@pytest.mark.parametrize("state", ["down", "half-way", "up", "unconfirmed"])
def test_with_dry_run_no_command_touches_anything(running: Running, state: str) -> None:
    if state == "half-way":
        running.setup("up", "--only", "br-in")
    elif state == "up":
        running.setup("up", "--no-guard")
    elif state == "unconfirmed":
        running.setup("up")
        running.world.run("sh", "-c", "kill -KILL $(head -1 /run/kvmgen/options/guard)")  # its pings come and go
    wait_until_settled(running)
    before = running.world.snapshot(exact=True)
    for command in COMMANDS:
        done = running.setup("-n", *command.split(), check=False)
        assert done.returncode in {0, 1, 2, 3, 4, 5, 11}, f"{command}: {done.stderr}"
        after = running.world.snapshot(exact=True, like=before)
        assert after == before, command
    for command in QUESTIONS:
        running.setup("-n", *command.split(), check=False)
    moving = r"\.qmp\.|^processes: "
    assert running.world.snapshot(exact=True).without(moving) == before.without(moving)
