"""`step`: one operation at a time, driven at a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.live.conftest import Running
from tests.snapshot import Snapshot
from tests.terminal import Terminal
from tests.world import World

pytestmark = pytest.mark.live

LAB = """\
network br-in isolated { address 10.10.10.254/24 }
namespace a { nic eth0 on br-in { address 10.10.10.1/24 } }
"""
PROMPT = r"\[q\]uit and roll back: "


@pytest.fixture
def running() -> Iterator[Running]:
    """The lab on a host of its own, not yet up."""
    with World() as world:
        yield Running(world, Source("stepped.dsl", LAB), "debian12")


class Steps(Terminal):
    """`setup.sh step` at a terminal. `operations` is how many there are."""

    def __init__(self, running: Running, *words: str) -> None:
        super().__init__(running.world, "bash", running.path, *(words or ("step",)))
        match = self.wait_for(rf"^(.*)(\d+) of (\d+) have run: .*{PROMPT}")
        self.shown = match[1]
        self.operations = int(match[3])

    def answer(self, text: str) -> str:
        """Types the answer; what is printed until the next question."""
        self.type(f"{text}\n")
        return self.wait_for(rf"(.*?)\d+ of \d+ have run: [^\n]*{PROMPT}")[1]

    def answer_last(self, text: str) -> int:
        """Types the answer; the exit code."""
        self.type(text)
        return self.wait()


def links(running: Running) -> str:
    return running.world.run("ip", "-br", "link").stdout


def test_enter_runs_each_operation_after_its_reason_and_commands_were_shown(running: Running) -> None:
    steps = Steps(running)
    assert "1  bridge br-in\n" in steps.shown
    assert "from   stepped.dsl:1: network br-in isolated" in steps.shown
    assert "why    a bridge is a switch inside the kernel" in steps.shown
    assert "do     ip link add name br-in type bridge\n" in steps.shown
    assert "br-in" not in links(running)
    shown = steps.answer("")
    assert "br-in" in links(running)
    assert "2  link-up br-in\n" in shown
    assert "do     ip link set dev br-in up\n" in shown
    assert "undo" not in shown
    for _ in range(steps.operations - 1):
        steps.answer("")
    assert "[Enter] finish" in steps.text.splitlines()[-1]
    assert steps.answer_last("\n") == 0
    assert f"stepped is up: {steps.operations} made, 0 were right" in steps.text
    assert "nothing to do" in running.setup("up").stdout
    running.setup("down")
    assert running.world.snapshot(like=running.before) == running.before


def test_a_stepped_lab_is_the_one_that_up_makes(running: Running) -> None:
    def made() -> Snapshot:
        taken = running.world.snapshot().without(r"/log |/journal |/batch |/run/kvmgen/stepped |link/ether|mac", "fe80")
        running.setup("down")
        return taken

    running.setup("up", "--slow")
    slow = made()
    steps = Steps(running)
    assert steps.answer_last("c\n") == 0
    assert made() == slow


def test_look_shows_what_is_there_before_and_after(running: Running) -> None:
    steps = Steps(running)
    look = steps.answer("l")
    assert look.startswith("l\n# bridge link show")
    steps.answer("")
    steps.answer("")
    steps.answer("")
    assert "inet 10.10.10.254/24" in steps.answer("l")
    steps.hang_up()


def test_before_and_after_show_what_the_last_operation_changed(running: Running) -> None:
    steps = Steps(running)
    assert "nothing has run yet" in steps.answer("b")
    steps.answer("")
    shown = steps.answer("")
    assert "3  address br-in 10.10.10.254/24" in shown
    compared = steps.answer("b").splitlines()
    assert "  # ip link show dev br-in" in compared
    assert [line[:2] for line in compared if "state DOWN" in line] == ["- "]
    assert [line[:2] for line in compared if ",UP" in line] == ["+ "]
    steps.hang_up()


def test_undo_takes_back_the_last_operation_and_it_can_be_run_again(running: Running) -> None:
    steps = Steps(running)
    assert "nothing has run yet" in steps.answer("u")
    for _ in range(3):
        steps.answer("")
    shown = steps.answer("u")
    assert "taken back: address br-in 10.10.10.254/24" in shown
    assert "3  address br-in 10.10.10.254/24\n" in shown
    assert "10.10.10.254" not in running.world.run("ip", "-br", "address").stdout
    assert "br-in" in links(running)
    shown = steps.answer("u")  # a link that is up has no undo of its own
    assert "taken back: bridge br-in\ntaken back: link-up br-in\n" in shown
    assert "1  bridge br-in\n" in shown
    assert "br-in" not in links(running)
    assert running.world.snapshot().without("files|processes|mounts: ") == running.before.without(
        "files|processes|mounts: "
    )
    assert steps.answer_last("c\n") == 0
    assert running.setup("status").returncode == 0
    running.setup("down")
    assert running.world.snapshot(like=running.before) == running.before


def test_continue_runs_the_rest_without_a_question(running: Running) -> None:
    steps = Steps(running, "up", "--step")
    steps.answer("")
    assert steps.answer_last("c\n") == 0
    assert steps.text.count("[Enter]") == 2
    assert running.setup("status").returncode == 0


@pytest.mark.parametrize("answer", ["q\n", "\x04"], ids=["quit", "end-of-input"])
@pytest.mark.parametrize("after", [0, 1, 5])
def test_quit_and_the_end_of_input_take_all_back(running: Running, answer: str, after: int) -> None:
    steps = Steps(running)
    for _ in range(after):
        steps.answer("")
    assert steps.answer_last(answer) == 1
    assert "all that this run did is taken back" in steps.text
    assert running.world.snapshot(like=running.before) == running.before


def test_after_the_last_operation_quit_still_takes_all_back(running: Running) -> None:
    steps = Steps(running)
    for _ in range(steps.operations):
        steps.answer("")
    assert steps.answer_last("q\n") == 1
    assert running.world.snapshot(like=running.before) == running.before


def test_a_terminal_that_goes_away_and_ctrl_c_take_all_back(running: Running) -> None:
    steps = Steps(running)
    steps.answer("")
    assert steps.answer_last("\x03") == 130
    assert running.world.snapshot(like=running.before) == running.before
    steps = Steps(running)
    steps.answer("")
    steps.hang_up()
    assert steps.wait() in (1, 129)
    assert running.world.snapshot(like=running.before) == running.before


def test_an_answer_that_there_is_not_runs_nothing(running: Running) -> None:
    steps = Steps(running)
    assert "there is no answer `yes`" in steps.answer("yes")
    assert "br-in" not in links(running)
    steps.hang_up()


def test_without_a_terminal_step_refuses_before_anything(running: Running) -> None:
    for words in ("step",), ("up", "-s"), ("restart", "--step"):
        done = running.world.run("setsid", "bash", running.path, *words, input="\n\n", check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("setup.sh: `step` asks at a terminal, and there is none\n")
    assert running.setup("down", "--step", check=False).returncode == 2
    assert running.world.snapshot() == running.before
    assert "+ bridge br-in" in running.setup("step", "-n").stdout
    assert running.world.snapshot() == running.before


def test_a_failing_operation_ends_the_steps_and_all_is_taken_back(running: Running) -> None:
    steps = Steps(running)
    for _ in range(2):
        steps.answer("")
    running.world.run("ip", "address", "add", "10.10.10.254/24", "dev", "br-in")
    assert steps.answer_last("\n") == 1
    assert "address br-in 10.10.10.254/24 failed:\n  stepped.dsl:1: network br-in isolated" in steps.text
    assert "all that this run did is taken back" in steps.text
    assert running.world.snapshot(like=running.before) == running.before


def test_where_the_uplink_moves_each_answer_begins_the_time_of_its_guard_anew() -> None:
    lab = "network br-ex bridged { uplink ens33 }\nnetwork br-in isolated\n"
    with World() as world:
        running = Running(world, Source("guarded.dsl", lab), "debian12")
        steps = Steps(running)
        while (
            "br-ex" not in world.run("ip", "-br", "address").stdout
            or "192.168.0.162" not in world.run("ip", "-br", "address", "show", "dev", "br-ex").stdout
        ):
            shown = steps.answer("")
        first = world.read("/run/kvmgen/guarded/guard")
        assert "the host's own address moves;" in shown
        assert "have run" in steps.text
        while world.read("/run/kvmgen/guarded/guard") == first:
            steps.answer("l")
        shown = steps.answer("u")
        assert "taken back: uplink ens33" in shown
        assert not world.path("/run/kvmgen/guarded/guard").exists()
        assert "192.168.0.162" in world.run("ip", "-br", "address", "show", "dev", "ens33").stdout
        assert steps.answer_last("q\n") == 1
        assert world.snapshot(like=running.before) == running.before


def test_over_an_older_build_what_goes_is_asked_about_first(running: Running) -> None:
    running.setup("up")
    newer = Source("stepped.dsl", LAB.replace("10.10.10.254", "10.10.10.253"))
    running.world.script(driver.build(newer, Diagnostics(), "debian12").script)
    steps = Steps(running)
    assert "~ address br-in 10.10.10.253/24" in steps.shown or "+ address br-in 10.10.10.253/24" in steps.shown
    assert "taken back first" in steps.shown
    assert steps.answer_last("q\n") == 1
    assert "nothing was changed" in steps.text
    assert "10.10.10.254/24" in running.world.run("ip", "-br", "address").stdout
    steps = Steps(running)
    assert "address br-in 10.10.10.253/24" in steps.answer("")
    assert "10.10.10.25" not in running.world.run("ip", "-br", "address", "show", "dev", "br-in").stdout
    assert steps.answer_last("q\n") == 1
    assert "the older build stands as before" in steps.text
    assert "10.10.10.254/24" in running.world.run("ip", "-br", "address").stdout
