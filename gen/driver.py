"""A Source in, what was asked for out: the passes in their order. Start reading here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gen.bind import bind
from gen.check import check
from gen.diagnostics import Diagnostics
from gen.expand import expand
from gen.model import Lab
from gen.resolve import resolve
from gen.source import Source
from gen.syntax.parser import parse

if TYPE_CHECKING:
    from gen.plan.operation import Plan
    from gen.profile import Profile


class Stopped(Exception):
    """A pass found errors; they are in the Diagnostics that the caller gave."""


def analyse(source: Source, diagnostics: Diagnostics, read: Callable[[str], Source] = Source.read) -> Lab:
    """The lab, checked. Raises Stopped after the first pass that reports an error. `read` gives an included file."""
    statements = parse(source, diagnostics)
    _stop_on_errors(diagnostics)
    statements = expand(statements, diagnostics, read)
    _stop_on_errors(diagnostics)
    bound = bind(statements, diagnostics)
    _stop_on_errors(diagnostics)
    lab = resolve(bound, source.name, diagnostics)
    _stop_on_errors(diagnostics)
    check(lab, diagnostics)
    _stop_on_errors(diagnostics)
    return lab


@dataclass(frozen=True, slots=True)
class Build:
    """A lab as it was built: `files` is what `build` writes, the script too, by its path below the output folder."""

    lab: Lab
    profile: Profile
    plan: Plan
    script: str
    files: dict[str, str]


def build(
    source: Source, diagnostics: Diagnostics, target: str | None = None, persistence_style: str | None = None
) -> Build:
    """The lab as a script for `target` (None: what the lab says). Raises Stopped, or ProfileError.

    `persistence_style` is another way than the target's first to survive a reboot.
    """
    sources = [source]

    def read(path: str) -> Source:
        sources.append(Source.read(path))
        return sources[-1]

    lab = analyse(source, diagnostics, read)
    # Only a build needs templates and profiles: `check` starts without them.
    from gen import profile
    from gen.persist import persistence
    from gen.plan import plan
    from gen.render.files import files
    from gen.render.script import script

    chosen = profile.load(lab.target if target is None else target)
    if persistence_style is not None:
        chosen = chosen.persisting(persistence_style)
    operations = plan(lab, chosen, diagnostics)
    _stop_on_errors(diagnostics)
    assert operations is not None
    lasting = persistence(lab, operations, chosen)
    text = script(lab, operations, chosen, sources, lasting)
    return Build(lab, chosen, operations, text, {"setup.sh": text, **files(operations, lasting)})


def _stop_on_errors(diagnostics: Diagnostics) -> None:
    if diagnostics.has_errors:
        raise Stopped
