"""A Plan in, the text of `setup.sh` out: header, runtime, the lab's operations, and one last brace group."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from gen import __version__, templating
from gen.diagnostics import Diagnostics
from gen.model import Lab
from gen.persist import Kept, Persistence, Reader, Rival
from gen.plan.operation import Operation, Plan, Section
from gen.plan.reasons import REASONS
from gen.profile import Profile
from gen.shell import Shell
from gen.source import Source, Span
from gen.syntax.lexer import COMMENT, tokenize


@dataclass(frozen=True, slots=True)
class Statement:
    """One DSL line and the consecutive operations that come from it; `file` is None for the lab's own file."""

    file: str | None
    line: int
    text: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A file that the lab is made of, as the script keeps it."""

    name: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Lasting:
    """One DSL line and what `persist` does for it, in the order of the statements' names here."""

    file: str | None
    line: int
    text: str
    cannot: tuple[str, ...]
    readers: tuple[Reader, ...]
    rivals: tuple[Rival, ...]
    boots: tuple[str, ...]
    kept: tuple[Kept, ...]


def script(lab: Lab, plan: Plan, profile: Profile, sources: Sequence[Source], persistence: Persistence) -> str:
    """The whole script; the same input gives the same bytes. `sources` are the lab's file and those it includes."""
    fixed = runtime()
    called = _names(sources[0])
    dsl, *included = [Listing(called(source), source.text, _sha256(source.text)) for source in sources]
    text = templating.render(
        "setup.sh.j2",
        lab=lab.name,
        version=__version__,
        profile=profile.name,
        title=profile.title,
        dsl=dsl,
        included=included,
        runtime=Shell(fixed),
        runtime_sha256=_sha256(fixed),
        run_dir=f"{profile.run_dir}/{lab.name}",
        state_dir=f"{profile.state_dir}/{lab.name}",
        batch="yes" if profile.batch else "no",
        console_log="yes" if profile.console_log else "no",
        qemu=profile.qemu,
        accel=profile.accel,
        sections=[
            (section, part, list(_statements(section, dsl.name, called))) for section, part in _parts(plan.sections)
        ],
        needs=[(f"{called(need.at.source)}:{need.at.line}", need) for need in plan.needs],
        guests=sorted(plan.guests.items(), key=lambda item: item[1]),
        reasons=REASONS,
        style=profile.persistence,
        lasting=list(_lasting(persistence, dsl.name, called)),
        reload=persistence.reload,
    )
    return sealed(text)


SEAL = "@seal@"


def sealed(text: str) -> str:
    """Fill in the sha256 of all lines but the one that holds it, which is `readonly KG_SHA256=@seal@`."""
    line = f"readonly KG_SHA256={SEAL}\n"
    return text.replace(line, line.replace(SEAL, _sha256(text.replace(line, "", 1))), 1)


@cache
def runtime() -> str:
    """The part that is the same in every script."""
    parts = sorted((templating.folder() / "runtime").glob("*.sh"))
    return "\n".join(part.read_text(encoding="utf-8").rstrip("\n") + "\n" for part in parts)


# bash recurses once for each command of a function, and with 8 MiB of stack it fails at some ten thousand.
_LARGEST = 500


def _parts(sections: tuple[Section, ...]) -> Iterator[tuple[Section, int]]:
    """The sections, a large one in several parts, each with its number from 1."""
    for section in sections:
        for start in range(0, len(section.operations), _LARGEST):
            operations = section.operations[start : start + _LARGEST]
            yield Section(section.name, section.title, operations), start // _LARGEST + 1


def _statements(section: Section, dsl: str, called: Callable[[Source], str]) -> Iterator[Statement]:
    for (source, line), operations in groupby(section.operations, lambda operation: _place(operation.at)):
        name = called(source)
        text = _without_comment(source.line_text(line))
        yield Statement(None if name == dsl else name, line, text, tuple(operations))


def _lasting(persistence: Persistence, dsl: str, called: Callable[[Source], str]) -> Iterator[Lasting]:
    """What `persist` does, by the DSL line that it comes from, in the lab's order."""
    spans = [at for _, at in (*persistence.refused, *persistence.bridges)]
    spans += [reader.at for reader in persistence.readers]
    spans += [rival.at for rival in persistence.rivals]
    spans += [kept.at for kept in persistence.kept]
    for place in dict.fromkeys(map(_place, sorted(spans, key=lambda at: (called(at.source) != dsl, at.line)))):
        source, line = place
        name = called(source)

        def here(at: Span, place: tuple[Source, int] = place) -> bool:
            return _place(at) == place

        yield Lasting(
            None if name == dsl else name,
            line,
            _without_comment(source.line_text(line)),
            cannot=tuple(reason for reason, at in persistence.refused if here(at)),
            readers=tuple(reader for reader in persistence.readers if here(reader.at)),
            rivals=tuple(rival for rival in persistence.rivals if here(rival.at)),
            boots=tuple(bridge for bridge, at in persistence.bridges if here(at)),
            kept=tuple(kept for kept in persistence.kept if here(kept.at)),
        )


def _without_comment(line: str) -> str:
    if "#" not in line:
        return line.strip()
    tokens = tokenize(Source("", line), Diagnostics())
    return line[: next((token.start for token in tokens if token.kind == COMMENT), len(line))].strip()


def _place(at: Span) -> tuple[Source, int]:
    return at.source, at.line


def _names(main: Source) -> Callable[[Source], str]:
    """What the script calls a file: its path from the folder of the lab's own, wherever that lies on this machine."""
    folder = os.path.dirname(main.name)

    @cache
    def called(source: Source) -> str:
        name = source.name
        if source is main:
            name = os.path.basename(name)
        elif os.path.isabs(name) == os.path.isabs(folder):
            name = os.path.relpath(name, folder or ".")
        return "".join(char if char.isprintable() else "?" for char in name)

    return called


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
