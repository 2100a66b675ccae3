"""`up` over an older build: only the difference happens, and the result is that of a fresh `up`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from subprocess import CompletedProcess

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from gen import driver
from gen.diagnostics import Diagnostics, render
from gen.source import Source
from tests.edits import NAME, chains
from tests.snapshot import Snapshot
from tests.world import World

pytestmark = pytest.mark.live

RUN = f"/run/kvmgen/{NAME}"

HOST_BRIDGE = """\
link add br-host address 52:54:00:00:00:fe type bridge
link add host0 type veth peer name host1
link set host0 master br-host
link set host0 up
link set host1 up
link set br-host up
"""

# What the kernel numbers or chooses by chance, or by MACs that are chosen by chance (the root of a spanning tree); a bridge that has lost its ports has no carrier, a new one has; and the
# lab's diary.
CHANCE = re.compile(
    r" port_id \S+ port_no \S+ designated_port \S+| (bridge_id|designated_bridge|designated_root) \S+"
    r"| (ageing_time|root_port|root_path_cost|topology_change\w*|designated_cost|config_pending) \S+"
    r"|NO-CARRIER,|,LOWER_UP| linkdown|(?<=qdisc tbf) \S+:| group_fwd_mask_str \S+"
)
DIARY = (rf"files: {RUN}/(journal|log|batch|vm) ", rf"files: {RUN}/vm/\S+\.console ")
# An interface gets its link-local address when it first has a carrier, and keeps it.
LINK_LOCAL = (r" fe80::", r"multicast ff00::/8")
HISTORY = re.compile(rf"(files: {RUN}/\S+\.(?:pid|leases) \S+ \S+) .*")


def comparable(snapshot: Snapshot, text: str) -> Snapshot:
    """The snapshot without what differs between two fresh `up`s of the lab with this text."""

    def mac(match: re.Match[str]) -> str:
        return match[0] if match[1] in text else "link/ether MAC"

    lines = []
    for line in snapshot.without(*DIARY, *LINK_LOCAL).lines:
        line = re.sub(r"link/ether ([0-9a-f:]{17})", mac, CHANCE.sub("", line))
        lines.append(HISTORY.sub(r"\1", line))
    return Snapshot(tuple(sorted(lines, key=_place)))


def _place(line: str) -> tuple[str, ...]:
    """Where the line belongs: all in alphabetical order, except for the rules within a chain."""
    section, _, rest = line.partition(": ")
    words = rest.split()
    if section.endswith("iptables"):
        return section, words[0], words[1][:1], words[1] if words[1].startswith(":") else words[2]
    return section, rest


@dataclass
class Host:
    """A world in which builds of one lab come up one after the other."""

    world: World
    closing: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.world.run("ip", "-batch", "-", input=HOST_BRIDGE)
        wait = "until [ $(ip -o -6 address show scope link up | grep -c host) = 3 ]; do sleep 0.1; done"
        self.world.run("sh", "-c", wait)  # the kernel tells a bridge up to a second later that a port has a carrier
        self.world.run("mkdir", "-p", "/srv")
        for image in ("one", "two"):
            self.world.run("qemu-img", "create", "-q", "-f", "qcow2", f"/srv/{image}.qcow2", "1M")
        self.world.script("")
        self.before = self.world.snapshot()
        self.text = ""

    def build(self, text: str) -> None:
        """From now on setup.sh is the build of this lab."""
        diagnostics = Diagnostics()
        try:
            script = driver.build(Source("lab.dsl", text), diagnostics).script
        except driver.Stopped:
            pytest.fail(render(diagnostics))
        self.world.script(script)
        self.text = text

    def setup(self, *words: str, check: bool = True) -> CompletedProcess[str]:
        return self.world.run("bash", "/root/setup.sh", *words, check=check, timeout=120)

    def looks(self, like: Snapshot | None = None) -> Snapshot:
        """What is comparable of the host; with `like`, the kernel gets five seconds to arrive there."""
        for _ in range(25):
            taken = comparable(self.world.snapshot(), self.text)
            if like is None or taken == like:
                break
            self.world.run("sleep", "0.2")
        return taken

    def down(self) -> None:
        """Takes the lab down, if one is up, and proves that the host is as it was."""
        if self.text:
            self.setup("down", "--wait", "0")
        self.world.script("")
        self.text = ""
        assert self.world.snapshot(like=self.before) == self.before

    def guests(self) -> dict[str, tuple[str, str]]:
        """Of each guest that runs the process and the command line."""
        lines = self.world.run("pgrep", "-a", "qemu", check=False).stdout.splitlines()
        return {words[3]: (words[0], " ".join(words[1:])) for words in map(str.split, lines)}


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Host]]:
    with World() as edited, World() as fresh:
        yield Host(edited), Host(fresh)


def changes(plan: str) -> list[str]:
    """The lines of `plan` that say that something is to be done, without the places in the lab."""
    return [line.split("  (")[0] for line in plan.splitlines() if not line.startswith("=")]


def check_edits(hosts: tuple[Host, Host], texts: list[str]) -> None:
    edited, fresh = hosts

    def up(text: str) -> None:
        fresh.down()
        fresh.build(text)
        fresh.setup("up")

    with ThreadPoolExecutor(1) as other:
        try:
            for text in texts:
                upped = other.submit(up, text)
                check_one_edit(edited, text)
                upped.result()
                for name in edited.guests().keys() - fresh.guests().keys():
                    fresh.setup("vm", "start", name)  # a guest that runs stays so, though `autostart` is off now
                wanted = fresh.looks()
                assert edited.looks(like=wanted) == wanted
        finally:
            other.submit(fresh.down)
            edited.down()


def check_one_edit(host: Host, text: str) -> None:
    guests = host.guests()
    print("EDIT")
    host.build(text)
    plan = host.setup("plan", check=False)
    assert plan.returncode in (0, 11), plan.stdout + plan.stderr
    planned = {line[2:] for line in changes(plan.stdout) if not line.startswith("-")}
    said = host.setup("up", "-v", "--wait", "0").stdout
    made = {line.removeprefix("+ ") for line in said.splitlines() if line.startswith("+ ")}
    # Taking back the older value of these brings the new one, where that is the kernel's own.
    by_itself = {name for name in planned - made if name.split()[0] in ("no-routing", "stp", "mtu")}
    assert made == planned - by_itself, said
    for name, (pid, command) in host.guests().items():
        assert guests.get(name) in (None, (pid, command)) or f"guest {name}" in planned
    assert host.setup("status", check=False).returncode == 0
    assert "nothing to do" in host.setup("up").stdout


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(chains(6))
def test_after_any_chain_of_edits_the_host_is_as_after_a_fresh_up(hosts: tuple[Host, Host], texts: list[str]) -> None:
    check_edits(hosts, texts)
