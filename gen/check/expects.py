"""In: a lab's topology. Out: warnings about expectations that the lab cannot meet, by what gen/reach foretells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gen.check.topology import Topology, called
from gen.check.wording import listed
from gen.diagnostics import Diagnostics, Label
from gen.model import HOST, Expect
from gen.source import Span

if TYPE_CHECKING:
    from gen.reach import Machines  # imported where it is used: most labs expect nothing

RP_FILTERS = (0, 1)
"""Which one the host has is a matter of the target; what is told holds with either."""


def contradicted_expects(topology: Topology, diagnostics: Diagnostics) -> None:
    """Only what is certain. That nothing listens at a port, or that a guest's own filter refuses, cannot be told."""
    lab = topology.lab
    if not lab.expects:
        return
    from gen.reach import Assumptions, connect

    targets = [int(expect.address) for expect in lab.expects if expect.address is not None]
    worlds = [connect(lab, Assumptions(rp_filter=mode), targets) for mode in RP_FILTERS]
    for expect in lab.expects:
        first, *others = [_foretold(world, expect, lab.at) for world in worlds]
        if first is None or any(other is None for other in others):
            continue
        diagnostics.warning(
            "contradicted-expect",
            f"the lab contradicts this: {called(expect.source)} "
            f"{'does not reach' if expect.reaches else 'does reach'} {_target(expect)}",
            expect.at,
            first.label,
            also=first.also,
            help=["`kvmgen trace` follows the packet there and back"],
        )


def _target(expect: Expect) -> str:
    return f"`{expect.address}`" if expect.target is None else called(expect.target)


class _Contradiction(NamedTuple):
    """What to say at the `expect`, and at the place where a packet ends."""

    label: str
    also: tuple[Label, ...] = ()


def _foretold(machines: Machines, expect: Expect, lab_at: Span) -> _Contradiction | None:
    """How the expectation is contradicted for certain, if it is."""
    from gen.reach import converse, try_to_reach

    source, protocol, port = machines.by_name[expect.source], expect.protocol or "icmp", expect.port or 0
    if expect.target is None:
        assert expect.address is not None
        found = converse(source, int(expect.address), protocol, port)
    else:
        tried = try_to_reach(machines, expect.source, expect.target, protocol, port)
        if tried is None:
            return None
        found = tried[1]
    if not expect.reaches:
        return _Contradiction(_way(machines, expect)) if found.reached and expect.port is None else None
    # What the host has beside the lab leads to no machine of the lab.
    if found.reached or not (found.certain or (found.ended == HOST and expect.target is not None)):
        return None
    assert found.why is not None and found.ended is not None
    if found.at is None or found.at == lab_at or found.at.source is not expect.at.source:
        return _Contradiction(found.why)
    which = "the packet" if found.answered_by is None else "the answer"
    return _Contradiction(f"{which} ends at {called(found.ended)}", (Label(found.at, found.why),))


def _way(machines: Machines, expect: Expect) -> str:
    """By whom a packet comes there."""
    from gen.reach import converse, try_to_reach

    address = int(expect.address) if expect.address is not None else None
    if expect.target is not None:
        tried = try_to_reach(machines, expect.source, expect.target)
        address = tried[0] if tried is not None else None
    assert address is not None
    steps = converse(machines.by_name[expect.source], address, steps=True).way_there
    passed = dict.fromkeys(step.machine for step in steps if step.text.startswith("forwards"))
    return f"it gets there by way of {listed(passed)}" if passed else "both are in the same subnet of the same network"
