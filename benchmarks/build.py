"""A lab in, a table out: how long `kvmgen` takes, as whole processes.

    python benchmarks/build.py [--runs N] > benchmarks/build.md

The commands of a run take turns, so that what else the machine does falls on all of them; figures are medians.
Processor time is what the process itself used, and says more than the clock on a machine that others share. A first
round is not counted: it leaves Python's compiled modules behind, as a user's first command does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
KVMGEN = (sys.executable, "-m", "gen")
NETWORKS = 20
GUESTS = (100, 500, 1_000, 2_000, 5_000)
LAB = ROOT / "tests" / "labs" / "public-addresses.dsl"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}


class Cost(NamedTuple):
    """Milliseconds of one run; of several, the medians and the fastest."""

    clock: float
    processor: float
    fastest: float


def lab(guests: int) -> str:
    """Guests on 20 networks with DHCP, each with an address and a disk of its own."""
    return f"""\
for i in 1..{NETWORKS} {{
    network br$i isolated {{ address 10.$i.255.254/16  dhcp on }}
    for j in 1..{guests // NETWORKS} {{
        vm g$i-$j {{
            disk /images/base.qcow2 {{ overlay on }}
            nic on br$i {{ address auto }}
        }}
    }}
}}
"""


def cost(command: Sequence[str | Path]) -> Cost:
    """What one run of the command takes, from its start to its end; raises CalledProcessError when it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    clock = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Cost(clock * 1000, (usage.ru_utime + usage.ru_stime) * 1000, clock * 1000)


def measured(commands: dict[str, Sequence[str | Path]], runs: int) -> dict[str, Cost]:
    """Each command's costs over all runs."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for run in range(runs + 1):
        print(f"run {run} of {runs}", file=sys.stderr)
        for name, command in commands.items():
            taken = cost(command)
            if run > 0:
                costs[name].append(taken)
    return {
        name: Cost(
            median(each.clock for each in found),
            median(each.processor for each in found),
            min(each.clock for each in found),
        )
        for name, found in costs.items()
    }


def table(costs: dict[str, Cost], runs: int) -> Iterator[str]:
    yield "# What kvmgen itself takes"
    yield ""
    yield f"Written by `make bench-build`. Medians of {runs} runs of whole processes, in milliseconds, with Python"
    yield f"{sys.version.split()[0]} on {os.cpu_count()} processors; the load was {os.getloadavg()[1]:.1f} meanwhile."
    yield ""
    yield f"`kvmgen build --no-audit` of guests on {NETWORKS} networks, written with `for`. Wanted are 1,000"
    yield "guests in less than 2,000 ms. The last column is what each guest more than in the row before takes of"
    yield "the processor."
    yield ""
    yield "| guests | clock | fastest | processor | processor, a guest | beside 100 guests | each guest more |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    before = costs[f"{GUESTS[0]}"].processor
    fewer = 0
    for guests in GUESTS:
        clock, processor, fastest = costs[f"{guests}"]
        each = processor / guests
        ratio = each / (costs[f"{GUESTS[0]}"].processor / GUESTS[0])
        more = f"{(processor - before) / (guests - fewer):.2f}" if fewer else ""
        yield f"| {guests:,} | {clock:,.0f} | {fastest:,.0f} | {processor:,.0f} | {each:.2f} | {ratio:.2f} | {more} |"
        before, fewer = processor, guests
    yield ""
    yield "| command | clock | fastest | processor | wanted |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    lines = len(LAB.read_text().splitlines())
    for name, shown, wanted in (
        ("pass", "`python -c pass`", ""),
        ("help", "`kvmgen --help`", "80"),
        ("check", f"`kvmgen check` of a lab of {lines} lines", "120"),
        ("checked", "`kvmgen build` of 1,000 guests: built, shellchecked and audited", "5,000"),
        ("audit", "`kvmgen audit` of that script", ""),
    ):
        clock, processor, fastest = costs[name]
        yield f"| {shown} | {clock:,.0f} | {fastest:,.0f} | {processor:,.0f} | {wanted} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, Sequence[str | Path]] = {
            "pass": (sys.executable, "-c", "pass"),
            "help": (*KVMGEN, "--help"),
            "check": (*KVMGEN, "check", LAB),
        }
        for guests in GUESTS:
            path = Path(folder) / f"{guests}.dsl"
            path.write_text(lab(guests))
            commands[f"{guests}"] = (*KVMGEN, "build", "--no-audit", path)
            if guests == 1_000:
                commands["checked"] = (*KVMGEN, "build", path)
                script = Path(folder) / "setup.sh"
                script.write_bytes(subprocess.run(commands["checked"], env=ENVIRONMENT, stdout=-1, check=True).stdout)
                commands["audit"] = (*KVMGEN, "audit", script)
        print("\n".join(table(measured(commands, runs), runs)))


if __name__ == "__main__":
    main()
