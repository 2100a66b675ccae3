"""A finished script in, out what it does and whether it may: what reads it before anyone runs it.

parts       the script's parts, if it is in the form that kvmgen writes; and a shorter script with the same verdict
allowed     the allow-list, as data
rules       a syntax tree -> findings
lab         the lab's part -> operations, and findings
report      operations -> what a person signs off
formats     report and findings -> text, JSON, Markdown, SARIF
shellcheck, bash41   two more checkers, of the whole script
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from gen.audit.lab import Kept, Operation, operations, statements_of, variables_of
from gen.audit.parts import Parts, dissect, is_vouched, runtime_functions, stray_runtime
from gen.audit.rules import Finding, tree_findings


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found, what the head of the script says of it, and what it does. Without findings it is accepted."""

    findings: tuple[Finding, ...]
    variables: Mapping[str, str]
    operations: tuple[Operation, ...]
    kept: tuple[Kept, ...]


def audit(script: str, *, with_shellcheck: bool = True) -> Audit:
    """Read any text as a script of kvmgen's. Raises ShfmtMissing, ShellcheckMissing."""
    from concurrent.futures import ThreadPoolExecutor

    parts = dissect(script)
    with ThreadPoolExecutor(1) as beside:
        remarks = beside.submit(_shellchecked, script, parts) if with_shellcheck else None
        found, variables, done, kept = _read(script, parts)
        found |= set(remarks.result()) if remarks is not None else set()
    if not _seal_holds(script):
        found.add(
            Finding(_line_of(script, "readonly KG_SHA256="), "edited", "the script was edited after it was built")
        )
    return Audit(tuple(sorted(found)), variables, tuple(done), tuple(kept))


def _read(script: str, parts: Parts | int) -> tuple[set[Finding], Mapping[str, str], list[Operation], list[Kept]]:
    if isinstance(parts, Parts):
        # In this form the tree of the whole has nothing to say that the tree of each shape has not.
        known = is_vouched()
        text, numbers = parts.condensed("none" if known else "whole")
        found, _ = tree_findings(text, runtime_functions() if known else frozenset())
        found = [Finding(numbers[each.line - 1], each.rule, each.message) for each in found]
        variables, statements = parts.variables, parts.statements
    else:
        found, tree = tree_findings(script)
        found += [
            Finding(script.count("\n", 0, odd.start()) + 1, "not-bash", "bash reads this character as others do not")
            for odd in re.finditer("[\0\r]", script)
        ]
        if tree is None:
            return set(found), {}, [], []
        found += [Finding(line, "unknown-runtime", message) for line, message in stray_runtime(script, tree)]
        variables, statements = variables_of(tree), statements_of(tree)
    done, kept, more = operations(statements, variables)
    return {*found, *more}, variables, done, kept


def _shellchecked(script: str, parts: Parts | int) -> list[Finding]:
    from gen.audit.shellcheck import shellcheck

    numbers = None
    if isinstance(parts, Parts):
        script, numbers = parts.condensed("stand-in" if is_vouched() else "whole")
    return [
        Finding(
            numbers[each.line - 1] if numbers and each.line else each.line,
            f"SC{each.code}",
            f"{each.message} ({each.level})",
        )
        for each in shellcheck(script)
    ]


def _seal_holds(script: str) -> bool:
    """Whether the script holds the sha256 of all its lines but the one that says it."""
    found = re.search(r"^readonly KG_SHA256=([0-9a-f]{64})\n", script, re.MULTILINE)
    if found is None:
        return False
    rest = script[: found.start()] + script[found.end() :]
    return sha256(rest.encode("utf-8", "surrogateescape")).hexdigest() == found[1]


def _line_of(script: str, start: str) -> int:
    at = script.find(f"\n{start}")
    return script.count("\n", 0, at) + 2 if at >= 0 else 1
