"""Labs in, a table out: how long `setup.sh` takes to bring them up and down, beside other ways to the same host.

    python benchmarks/speed.py [--runs N] [LAB...] > benchmarks/speed.md    (make bench-speed)

Needs root and the packages of tests/apt-packages.txt; mininet and libvirt-daemon with libvirt-clients are measured
where they are installed. Every run has a private host of its own (tests/world.py). The ways to a lab take turns, so
that what else the machine does falls on all of them. Figures are medians, ratios are medians of those in each turn.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.world import World

HOST = "host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 } }\n"

Times = dict[str, float]
"""Step (`up`, `up again`, `down`) to seconds."""

Way = Callable[[World, str], Times]
"""Builds a lab on a host, given the text of its script, and takes it away again."""


def star(count: int) -> str:
    """Namespaces on one bridge."""
    hosts = (
        f"namespace h{n} {{ nic eth0 on lan {{ address 10.0.{n // 200}.{n % 200 + 1}/16 }} }}" for n in range(count)
    )
    return "network lan isolated\n" + "\n".join(hosts) + "\n"


def tree() -> str:
    """1,024 namespaces on 33 bridges: one above thirty-two."""
    lines = ["network root isolated"]
    for leaf in range(32):
        lines += [f"network leaf{leaf} isolated", f"link root - leaf{leaf}"]
        for n in range(32):
            address = f"10.0.{leaf}.{n + 1}/16"
            lines.append(f"namespace h{leaf}x{n} {{ nic eth0 on leaf{leaf} {{ address {address} }} }}")
    return "\n".join(lines) + "\n"


def bridges() -> str:
    """A hundred networks that the host is in."""
    return "".join(f"network br{n} isolated {{ address 10.0.{n}.1/24 }}\n" for n in range(100))


def nat() -> str:
    """Twenty NAT networks, each with its dnsmasq."""
    network = "network nt{0} nat {{ address 10.1.{0}.1/24  via ens33  dhcp 10.1.{0}.100 - 10.1.{0}.200 }}\n"
    return HOST + "".join(network.format(n) for n in range(20))


def guests() -> str:
    """Eight guests, as far as QEMU's start."""
    return "network lan isolated\n" + "".join(f"vm g{n} {{ memory 64M  nic on lan }}\n" for n in range(8))


LABS: dict[str, tuple[str, Callable[[], str]]] = {
    "star100": ("star of 100 namespaces", lambda: star(100)),
    "star400": ("star of 400 namespaces", lambda: star(400)),
    "tree": ("tree of 1,024 namespaces on 33 bridges", tree),
    "bridges": ("100 bridges", bridges),
    "nat": ("20 NAT networks with DHCP", nat),
    "guests": ("8 guests", guests),
}


def timed(world: World, *command: str, input: str | None = None) -> float:
    """How many seconds a command takes."""
    start = time.perf_counter()
    world.run(*command, input=input, timeout=600)
    return time.perf_counter() - start


def kvmgen(world: World, script: str) -> Times:
    """The script itself."""
    path = world.script(script)
    return {
        "up": timed(world, "bash", path, "-q", "up"),
        "up again": timed(world, "bash", path, "-q", "up"),
        "down": timed(world, "bash", path, "-q", "down", "--wait", "0"),
    }


def naive(world: World, script: str) -> Times:
    """What `setup.sh commands` prints: a process for each command."""
    path = world.script(script)
    return _by_hand(world, *(world.run("bash", path, "commands", way).stdout for way in ("up", "down")))


def raw(world: World, script: str) -> Times:
    """The same commands in one `ip -batch` for the host and one for each namespace: the limit."""
    path = world.script(script)
    made = (_batched(world, way, world.run("bash", path, "commands", way).stdout) for way in ("up", "down"))
    return _by_hand(world, *made)


def _by_hand(world: World, up: str, down: str) -> Times:
    """Runs plain commands. `down` ends when the kernel is done: it takes namespaces and links away at its leisure."""
    count = world.run("sh", "-c", "set -- /sys/class/net/*; echo $#").stdout.strip()
    gone = f"while set -- /sys/class/net/*; [ $# -gt {count} ]; do sleep 0.01; done\n"
    return {"up": timed(world, "bash", input=up), "down": timed(world, "bash", input=down + gone)}


def _batched(world: World, way: str, commands: str) -> str:
    batches: dict[str, list[str]] = {}
    rest: list[str] = []
    for line in commands.splitlines():
        words = line.split()
        netns = ""
        if words[:3] == ["ip", "netns", "exec"]:
            netns, words = words[3], words[4:]
        if words[:1] == ["ip"]:
            batches.setdefault(netns, []).append(shlex.join(words[1:]))
        elif words[:1] == ["iptables"] and not netns:
            batches.setdefault(f"*{words[2]}", []).append(" ".join(words[3:]))
        elif words[:1] == ["/usr/bin/qemu-system-x86_64"]:
            rest.append(f"{line} &")
        else:
            rest.append(line)
    script: list[str] = []
    for key, lines in sorted(batches.items(), key=lambda item: (item[0].startswith("*"), item[0])):
        path = f"/root/raw/{way}.{key.strip('*')}"
        if key.startswith("*"):
            lines = [key, *lines, "COMMIT"]
            script.append(f"iptables-restore --noflush <{path}")
        else:
            script.append(f"ip -n {key} -batch {path}" if key else f"ip -batch {path}")
        world.write(path, "\n".join(lines) + "\n")
    script = [*script, *rest] if way == "up" else [*rest, *script]
    return "\n".join([*script, "wait"]) + "\n"


_MININET = """
import sys, time
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo
from mininet.topolib import TreeTopo
topo = TreeTopo(depth=2, fanout=32) if sys.argv[1] == "tree" else SingleSwitchTopo(int(sys.argv[1][4:]))
start = time.perf_counter()
net = Mininet(topo, switch=LinuxBridge, controller=None)
net.start()
up = time.perf_counter()
net.stop()
print(up - start, time.perf_counter() - up)
"""


def mininet(lab: str) -> Way:
    """mininet with Linux bridges, without the start of Python."""

    def measure(world: World, script: str) -> Times:
        said = world.run("/usr/bin/python3", "-c", _MININET, lab, timeout=600).stdout
        up, down = map(float, said.split()[-2:])
        return {"up": up, "down": down}

    return measure


_NETWORK = """
<network><name>nt{0}</name><forward mode='nat' dev='ens33'/><bridge name='nt{0}'/>
<ip address='10.1.{0}.1' netmask='255.255.255.0'><dhcp><range start='10.1.{0}.100' end='10.1.{0}.200'/></dhcp></ip>
</network>
"""


def libvirt(world: World, script: str) -> Times:
    """libvirt's networks, by one session of virsh, libvirtd running."""
    for n in range(20):
        world.write(f"/root/net{n}.xml", _NETWORK.format(n))
    virsh = ("virsh", "-q", "-c", "qemu:///system")
    world.run("useradd", "--system", "libvirt-qemu")
    world.popen("libvirtd", stdin=None, stdout=None, stderr=subprocess.DEVNULL)
    for _ in range(100):
        if world.run(*virsh, "net-list", check=False).returncode == 0:
            break
        time.sleep(0.1)
    up = "".join(f"net-create /root/net{n}.xml\n" for n in range(20))
    down = "".join(f"net-destroy nt{n}\n" for n in range(20))
    return {"up": timed(world, *virsh, input=up), "down": timed(world, *virsh, input=down)}


def ways(lab: str) -> Iterator[tuple[str, Way]]:
    """The ways to build a lab on this machine."""
    yield "kvmgen", kvmgen
    yield "raw batches", raw
    yield "a process a command", naive
    if lab in ("star100", "star400", "tree") and shutil.which("mn"):
        yield "mininet", mininet(lab)
    if lab == "nat" and shutil.which("libvirtd"):
        yield "libvirt", libvirt


def build(lab: str) -> str:
    """The script of a lab, for Debian 12."""
    text = f"lab {lab}\n{LABS[lab][1]()}"
    return driver.build(Source(f"{lab}.dsl", text), Diagnostics(), "debian12").script


def measure(lab: str, runs: int) -> Iterator[str]:
    """The rows of a lab."""
    script = build(lab)
    turns: dict[str, list[Times]] = {}
    for _ in range(runs):
        for name, way in ways(lab):
            with World() as world:
                turns.setdefault(name, []).append(way(world, script))
    ours = turns["kvmgen"]
    for name, figures in turns.items():
        cells = [LABS[lab][0] if figures is ours else "", name]
        for step in ("up", "up again", "down"):
            if step not in figures[0]:
                cells += ["", ""] if step != "up again" else [""]
                continue
            cells.append(f"{median(turn[step] for turn in figures):.2f} s")
            if step != "up again":
                ratio = median(mine[step] / turn[step] for mine, turn in zip(ours, figures, strict=True))
                cells.append("" if figures is ours else f"{ratio:.2f}")
        yield "| " + " | ".join(cells) + " |"


_PREAMBLE = """\
# How fast the script is

Written by `make bench-speed`: whole processes on a private host, medians of {runs} turns in which all ways take part,
on {processors} processors with Linux {kernel}. `kvmgen / it` is the script's time beside that of the other way; below
1 is faster. *raw batches* are the script's own commands in one `ip -batch` for the host, one for each namespace and one
`iptables-restore` for each table, without any question, record or way back: the limit. *a process a command* is what
`setup.sh commands` prints. `down` of these two ends when the kernel is done. mininet is measured from inside, without
the start of Python; libvirt with its daemon running and one virsh for all networks.

Wanted: for the star of 400, 1.3 beside raw batches, 4 times as fast as a process a command and 3 times as fast as
mininet, with half a second for bash, which reads the lab twice and writes a record of each operation before and after;
4 times as fast as libvirt. The script enters namespaces by nsenter, two at a time; the raw batches by `ip -n`, in turn.

Missed:

- `up again` in 0.3 s, for the star of 400 and the tree. It asks every namespace, a process each, and to start that many
  programs takes 0.4 s of both processors for 400; 0.4 s more is bash, which reads the lab and compares.
- `down` in 1.3 times the kernel's own time, for the stars, the tree and the guests. It reads the lab (0.2 s for the
  star of 400), looks what stands and whose it is, and proves at its end that nothing is left.
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="How fast setup.sh is, beside other ways to the same host.")
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    parser.add_argument("labs", nargs="*", metavar="LAB", help=f"{', '.join(LABS)}; all of them by default")
    arguments = parser.parse_args()
    print(_PREAMBLE.format(runs=arguments.runs, processors=os.cpu_count(), kernel=os.uname().release))
    print("| lab | way | up | kvmgen / it | up again | down | kvmgen / it |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for lab in arguments.labs or LABS:
        for row in measure(lab, arguments.runs):
            print(row, flush=True)


if __name__ == "__main__":
    main()
