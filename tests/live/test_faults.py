"""Whatever stops `up`, wherever: the host is as it was, with everything on it that is not the lab's."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from gen.source import Source
from tests.faults import KINDS, Call, Fault, Kind, Shims, faults
from tests.live.conftest import LABS, Running
from tests.world import World

pytestmark = pytest.mark.live

SIGNALS = {"HUP": 129, "INT": 130, "TERM": 143}
KILLS: tuple[Kind, ...] = ("KILL before", "KILL after")
EITHER_WAY = (0, 1, 5, 7, 9)
"""What `up` may end with when a program fails that makes nothing of the lab: it goes without, or says no in time."""

STAR = """
for i in 1..5 {
    namespace n$i { nic eth0 on hub { address 10.60.0.$i/24 } }
}
network hub isolated
"""
"""Namespaces enough for their batches to run side by side."""


class Host:
    """A lab on a host whose programs can be made to fail, `crowded` with what is not the lab's or not."""

    def __init__(self, name: str, crowded: bool, folder: Path, closing: ExitStack) -> None:
        folder.mkdir()
        self.world = closing.enter_context(World(docker=crowded))
        self.shims = Shims(self.world, folder)
        text = STAR if name == "star" else (LABS / f"{name}.dsl").read_text()
        self.lab = Running(self.world, Source(f"{name}.dsl", text), "debian12")
        bare, exactly_bare = self.lab.before, self.world.snapshot(exact=True)
        if crowded:
            _crowd(self.lab)
        self.before = self.world.snapshot()
        self.foreign = frozenset(self.before.lines) - frozenset(bare.lines)
        exactly = frozenset(self.world.snapshot(exact=True).lines) - frozenset(exactly_bare.lines)
        self.tried = self.restored = self.harmed = 0
        self._foreign_exactly = {line for line in exactly if not re.match(r"files: \S+ d", line)}

    def record(self, *options: str) -> list[Call]:
        """The calls of an `up`, which is then taken back."""
        calls = self.shims.record("bash", self.lab.path, "up", "--no-guard", *options)
        self.lab.setup("down", "--wait", "0")
        self.check_restored("down")
        return calls

    def stop(self, fault: Fault, *options: str) -> CompletedProcess[str]:
        """`up` with the fault, and what brings the host back after it. AssertionError: the host is not as it was."""
        self.tried += 1
        done = self.shims.run(fault, "bash", self.lab.path, "up", "--no-guard", *options)
        said = f"{fault}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        if fault.kind.startswith("KILL"):
            assert done.returncode == 137, said
            said += self._down()
        elif done.returncode == 0:
            # Where the fault does not count, or a signal came too late, the lab is whole.
            assert (fault.kind == "fail" and not fault.call.makes) or fault.call.words.endswith("/setup.sh"), said
            self.lab.setup("status")
            self.lab.setup("down", "--wait", "0")
        elif fault.kind == "fail" and not fault.call.makes:
            assert done.returncode in EITHER_WAY, said
        else:
            assert done.returncode == SIGNALS.get(fault.kind, 1), said
        self.check_restored(said)
        self.restored += 1
        return done

    def check_restored(self, said: str) -> None:
        """AssertionError: the host is not as it was before the lab."""
        found = self.world.snapshot()
        if found != self.before:
            found = self.world.snapshot(like=self.before)
            self.harmed += len(self.foreign - frozenset(found.lines))
        assert found == self.before, said

    def check_untouched(self) -> None:
        """AssertionError: something foreign is not the very same thing as at the beginning."""
        harmed = self._foreign_exactly - frozenset(self.world.snapshot(exact=True).lines)
        self.harmed += len(harmed)
        assert not harmed

    def _down(self) -> str:
        """`down` after KILL. What has no mark yet is the lab's, says -y; what still runs has the lock."""
        end = time.monotonic() + 20
        while True:
            done = self.lab.setup("down", "-y", "--wait", "0", check=False)
            if done.returncode != 7 or time.monotonic() > end:
                break
            time.sleep(0.05)
        said = f"down: exit {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, said
        return said


@pytest.mark.parametrize(
    ("name", "options", "crowded"),
    [
        *product(["netns-basics", "bridged", "nat", "router"], [()], [False, True]),
        *product(["netns-basics", "bridged", "nat", "router"], [("--slow",)], [False]),
        ("star", (), False),
    ],
    ids=lambda value: {(): "batches", ("--slow",): "slow", False: "alone", True: "crowded"}.get(value, value),
)
def test_whatever_stops_up_the_host_is_as_it_was(
    name: str,
    options: tuple[str, ...],
    crowded: bool,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    with ExitStack() as closing:
        hosts = [Host(name, crowded, tmp_path / str(n), closing) for n in range(os.cpu_count() or 1)]
        chosen = list(_chosen(name, hosts[0].record(*options), options, crowded))

        def stop_some(n: int) -> list[str]:
            said = [hosts[n].stop(fault, *options).stderr for fault in chosen[n :: len(hosts)]]
            hosts[n].check_untouched()
            return said

        try:
            with ThreadPoolExecutor(len(hosts)) as pool:
                said = "".join(line for lines in pool.map(stop_some, range(len(hosts))) for line in lines)
        finally:
            for figure in "tried", "restored", "harmed":
                record_property(figure, sum(getattr(host, figure) for host in hosts))
        told = set(re.findall(r"^setup.sh: (.+) failed:$", said, re.MULTILINE))
        assert told >= _operations(hosts[0].lab), "an operation never failed, or was not told by its name"


def test_down_that_is_killed_anywhere_is_ended_by_another(tmp_path: Path) -> None:
    with ExitStack() as closing:
        host = Host("nat", False, tmp_path / "nat", closing)
        host.lab.setup("up")
        calls = host.shims.record("bash", host.lab.path, "down", "--wait", "0")
        for call in calls:
            if call.words.startswith("sleep"):
                continue  # as often as the kernel and the guests need
            for kind in KILLS:
                host.lab.setup("up")
                fault = Fault(kind, call)
                assert host.shims.run(fault, "bash", host.lab.path, "down", "--wait", "0").returncode == 137
                said = host._down()
                host.check_restored(f"{fault}\n{said}")


def _chosen(name: str, calls: list[Call], options: tuple[str, ...], crowded: bool) -> Iterator[Fault]:
    """The smallest lab is stopped at each call in every way. In the others what all have in common is left out. In
    turns, where each command is a process, it gets one of the ways to KILL, and among others one of the signals."""
    for fault in faults(calls):
        turn = calls.index(fault.call)
        kills = KINDS[4:6] if fault.call.verb else KINDS[4:]
        left_out = set(KINDS[1:4]) - {KINDS[1 + turn % 3]} if crowded else set()
        if options:
            left_out |= set(kills) - {kills[turn % len(kills)]}
        if (name == "netns-basics" and not crowded) or (fault.call.makes and fault.kind not in left_out):
            yield fault


def _operations(lab: Running) -> set[str]:
    """`KIND OBJECT` of each operation that `up` would do."""
    return set(re.findall(r"^\+ (.+)  \(", lab.setup("plan", check=False).stdout, re.MULTILINE))


def _crowd(lab: Running) -> None:
    """Puts things on the host that are not the lab's, and whose names are like those of the lab's or the same."""
    world = lab.world
    bridges = [network.name for network in lab.lab.networks] or ["br0"]
    for number, bridge in enumerate(bridges):
        like = f"{bridge}x"
        world.run("ip", "link", "add", like, "type", "bridge")
        world.run("ip", "link", "set", like, "up")
        world.run("ip", "address", "add", f"10.99.{number}.1/24", "dev", like)
        world.run("ip", "tuntap", "add", f"tap{number}", "mode", "tap")
        world.run("ip", "link", "set", f"tap{number}", "master", like)
        while "NO-CARRIER" not in world.run("ip", "link", "show", like).stdout:  # the kernel takes up to a second
            time.sleep(0.05)
        # A namespace of the same name as the bridge, and in it a bridge of the same name and address.
        world.run("ip", "netns", "add", bridge)
        world.netns(bridge).run("ip", "link", "add", bridge, "type", "bridge")
        world.netns(bridge).run("ip", "address", "add", "10.30.0.254/24", "dev", bridge)
        pid_file, leases = f"/run/other-{bridge}.pid", f"/run/other-{bridge}.leases"
        world.run(
            *("dnsmasq", f"--pid-file={pid_file}", "--conf-file=/dev/null", f"--dhcp-leasefile={leases}"),
            *(f"--interface={like}", "--bind-interfaces", "--except-interface=lo"),
            f"--dhcp-range=10.99.{number}.10,10.99.{number}.20",
        )
    for chain, hook in ("forward", "FORWARD"), ("input", "INPUT"):
        world.run("iptables", "-N", f"kg-{chain}-{lab.lab.name}x")
        world.run("iptables", "-I", hook, "1", "-m", "comment", "--comment", f"kvmgen:{lab.lab.name}x", "-j", "RETURN")
    world.run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.99.0.0/16", "-o", "ens33", "-j", "MASQUERADE")
    world.write(f"/run/kvmgen/{lab.lab.name}x/journal", "of another lab\n")
    world.write(f"/var/lib/kvmgen/{lab.lab.name}x/setup.sh", "of another lab\n")
    world.run("sh", "-c", "tail -f /dev/null >/dev/null 2>&1 &")
