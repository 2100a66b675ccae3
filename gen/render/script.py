"""A Plan in, the text of `setup.sh` out: header, runtime, the lab's operations, and one last brace group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from gen import __version__, templating
from gen.diagnostics import Diagnostics
from gen.model import Lab
from gen.plan.operation import Operation, Plan, Section
from gen.plan.reasons import REASONS
from gen.profile import Profile
from gen.shell import Shell
from gen.source import Source, Span
from gen.syntax.lexer import COMMENT, tokenize


@dataclass(frozen=True, slots=True)
class Statement:
    """One DSL line and the consecutive operations that come from it."""

    line: int
    text: str
    operations: tuple[Operation, ...]


def script(lab: Lab, plan: Plan, profile: Profile, source: Source) -> str:
    """The whole script; the same input gives the same bytes."""
    runtime = _runtime()
    text = templating.render(
        "setup.sh.j2",
        lab=lab.name,
        version=__version__,
        profile=profile.name,
        title=profile.title,
        dsl=_file_name(source),
        dsl_text=source.text,
        dsl_sha256=_sha256(source.text),
        runtime=Shell(runtime),
        runtime_sha256=_sha256(runtime),
        run_dir=f"{profile.run_dir}/{lab.name}",
        state_dir=f"{profile.state_dir}/{lab.name}",
        batch="yes" if profile.batch else "no",
        console_log="yes" if profile.console_log else "no",
        qemu=profile.qemu,
        accel=profile.accel,
        sections=[(section, list(_statements(section))) for section in plan.sections],
        needs=plan.needs,
        guests=sorted(plan.guests.items(), key=lambda item: item[1]),
        reasons=REASONS,
    )
    return _sealed(text)


SEAL = "@seal@"


def _sealed(text: str) -> str:
    """Fill in the sha256 of all lines but the one that holds it."""
    line = f"readonly KG_SHA256={SEAL}\n"
    return text.replace(line, line.replace(SEAL, _sha256(text.replace(line, "", 1))), 1)


def _runtime() -> str:
    parts = sorted((templating.folder() / "runtime").glob("*.sh"))
    return "\n".join(part.read_text(encoding="utf-8").rstrip("\n") + "\n" for part in parts)


def _statements(section: Section) -> Iterator[Statement]:
    run: list[Operation] = []
    for operation in section.operations:
        if run and _place(run[0].at) != _place(operation.at):
            yield _statement(run)
            run = []
        run.append(operation)
    yield _statement(run)


def _statement(operations: list[Operation]) -> Statement:
    at = operations[0].at
    return Statement(at.line, _without_comment(at.source.line_text(at.line)), tuple(operations))


def _without_comment(line: str) -> str:
    if "#" not in line:
        return line.strip()
    tokens = tokenize(Source("", line), Diagnostics())
    return line[: next((token.start for token in tokens if token.kind == COMMENT), len(line))].strip()


def _place(at: Span) -> tuple[str, int]:
    return at.source.name, at.line


def _file_name(source: Source) -> str:
    return source.name.rsplit("/", 1)[-1]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
