"""A plan in, its rules of the host's own namespace out, as lines of iptables-restore(8)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gen.persist.model import Kept
from gen.plan.operation import Plan
from gen.shell import Command
from gen.source import Span


def firewall(plan: Plan, path: str) -> Iterator[Kept]:
    """What `up` gives to iptables, for the file at `path` that the host's boot restores.

    The jumps are inserted at the front there too: EL's own rules end in a REJECT of everything.
    """
    tables: dict[str, list[str]] = {}
    at: Span | None = None
    for operation in plan.operations:
        for command in operation.do:
            if command[0] == "iptables":
                at = at or operation.at
                table, *words = command[2:]
                tables.setdefault(table, []).append(_line(tuple(words)))
    if at is not None:
        yield Kept("rules", path, "0600", "".join(map(_table, tables, tables.values())), at)


def word(text: str) -> str:
    """A word of a rule: bare, or in double quotes with `"` and backslash escaped (add_param_to_argv of iptables)."""
    if re.fullmatch(r"[A-Za-z0-9_.:,/!+-]+", text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _line(words: Command) -> str:
    if words[0] == "-N":
        return f":{words[1]} - [0:0]"
    return " ".join(map(word, words))


def _table(name: str, lines: list[str]) -> str:
    # Chains first: a rule may jump to one that is made later.
    lines = sorted(lines, key=lambda line: not line.startswith(":"))
    return "".join(f"{line}\n" for line in (f"*{name}", *lines, "COMMIT"))
