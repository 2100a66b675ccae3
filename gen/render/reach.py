"""In: a Matrix, or a Conversation with its steps. Out: what `kvmgen reach` and `kvmgen trace` print."""

from __future__ import annotations

from collections.abc import Iterator

from gen.reach.conversation import Conversation
from gen.reach.linux import Packet, Protocol, Step, shown
from gen.reach.matrix import Cell, Group, Matrix
from gen.source import Span

REASONS_SHOWN = 20


def called(protocol: Protocol, port: int) -> str:
    """What is tried: `ping` or `tcp 80`."""
    return "ping" if protocol == "icmp" else f"{protocol} {port}"


def matrix_text(matrix: Matrix, protocol: Protocol, port: int) -> str:
    """A row for who asks, a column for who is asked, and the reasons below."""
    return "".join(f"{line.rstrip()}\n" for line in _matrix_lines(matrix, protocol, port))


def _matrix_lines(matrix: Matrix, protocol: Protocol, port: int) -> Iterator[str]:
    names = [_counted(group) for group in matrix.groups]
    cells = {(cell.source, cell.target): cell for cell in matrix.cells}
    wide = len(str(len(names)))
    margin = max(map(len, names), default=0)
    yield f"who reaches whom by {called(protocol, port)}: + yes, . no, ? as far as the lab tells, no"
    yield ""
    yield f"{'':{wide}} {'':{margin}}  " + " ".join(f"{number:{wide}}" for number in range(1, len(names) + 1))
    for number, (group, name) in enumerate(zip(matrix.groups, names, strict=True), 1):
        signs = (_sign(cells.get((group, target))) for target in matrix.groups)
        yield f"{number:{wide}} {name:{margin}}  " + " ".join(f"{sign:>{wide}}" for sign in signs)
    reasons: dict[str, list[Cell]] = {}
    for cell in matrix.cells:
        reason = _reason(cell)
        if reason is not None:
            reasons.setdefault(reason, []).append(cell)
    if reasons:
        yield ""
    for reason, those in list(reasons.items())[:REASONS_SHOWN]:
        more = f" and {len(those) - 1} more" if len(those) > 1 else ""
        yield f"{those[0].source.name} to {those[0].target.name}{more}: {reason}"
    if len(reasons) > REASONS_SHOWN:
        yield f"and {len(reasons) - REASONS_SHOWN} other reasons: `kvmgen trace LAB A B` tells each"


def _counted(group: Group) -> str:
    return group.name if len(group.members) == 1 else f"{group.name} ({len(group.members)})"


def _sign(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if cell.found is None:
        return "."
    return "+" if cell.found.reached else "." if cell.found.certain else "?"


def _reason(cell: Cell) -> str | None:
    if cell.found is None:
        return f"{cell.target.members[-1]} has no address"
    return cell.found.why


def matrix_json(matrix: Matrix, protocol: Protocol, port: int) -> str:
    """The groups with their members, and a cell for each two groups, by their numbers."""
    import json

    numbers = {group: number for number, group in enumerate(matrix.groups)}
    cells = [
        {
            "from": numbers[cell.source],
            "to": numbers[cell.target],
            "address": None if cell.address is None else shown(cell.address),
            "reached": cell.found is not None and cell.found.reached,
            "certain": cell.found is None or cell.found.certain,
            "why": _reason(cell),
        }
        for cell in matrix.cells
    ]
    groups = [list(group.members) for group in matrix.groups]
    return json.dumps({"by": called(protocol, port), "groups": groups, "cells": cells}, indent=1) + "\n"


# A packet's way


def trace_text(source: str, target: str, address: int, found: Conversation, protocol: Protocol, port: int) -> str:
    """The verdict, then each thing that happens to the packet, there and back."""
    return "".join(f"{line.rstrip()}\n" for line in _trace_lines(source, target, address, found, protocol, port))


def _trace_lines(
    source: str, target: str, address: int, found: Conversation, protocol: Protocol, port: int
) -> Iterator[str]:
    whom = target if target == shown(address) else f"{target} ({shown(address)})"
    verb = "reaches" if found.reached else "does not reach" if found.certain else "may not reach"
    yield f"{source} {verb} {whom} by {called(protocol, port)}"
    steps = [*found.way_there, *found.way_back]
    machines = max((len(step.machine) for step in steps), default=0)
    packets = max((len(str(step.packet)) for step in steps), default=0)
    for title, way in (("there", found.way_there), ("back", found.way_back)):
        if way:
            yield ""
            yield title
        for step in way:
            yield f"  {step.machine:{machines}}  {step.packet!s:{packets}}  {step.text}{_line(step.at)}"
    if found.why is not None:
        yield ""
        yield f"it ends there: {found.why}{_line(found.at)}"
        if not found.certain:
            yield "the lab does not tell whether that is so"


def _line(at: Span | None) -> str:
    return "" if at is None else f"  [line {at.line}]"


def trace_json(source: str, target: str, address: int, found: Conversation, protocol: Protocol, port: int) -> str:
    """The same as one object."""
    import json

    return (
        json.dumps(
            {
                "from": source,
                "to": target,
                "address": shown(address),
                "by": called(protocol, port),
                "reached": found.reached,
                "certain": found.certain,
                "answered_by": found.answered_by,
                "why": found.why,
                "line": None if found.at is None else found.at.line,
                "there": [_step(step) for step in found.way_there],
                "back": [_step(step) for step in found.way_back],
            },
            indent=1,
        )
        + "\n"
    )


def _step(step: Step) -> dict[str, object]:
    return {
        "machine": step.machine,
        "text": step.text,
        **_ends(step.packet),
        "line": None if step.at is None else step.at.line,
    }


def _ends(packet: Packet) -> dict[str, object]:
    ends: dict[str, object] = {"source": shown(packet.source), "destination": shown(packet.destination)}
    if packet.protocol != "icmp":
        ends |= {"source_port": packet.source_port, "destination_port": packet.destination_port}
    return ends
