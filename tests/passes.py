"""Lab text in, what a pass gives for it out, with the diagnostics of all passes up to that one."""

from __future__ import annotations

from gen.bind import Directive, bind
from gen.diagnostics import Diagnostics, render
from gen.expand import expand
from gen.model import Lab
from gen.resolve import resolve
from gen.source import Source
from gen.syntax.parser import parse


def bind_text(text: str) -> tuple[tuple[Directive, ...], Diagnostics]:
    diagnostics = Diagnostics()
    statements = expand(parse(Source("lab.dsl", text), diagnostics), diagnostics)
    assert not diagnostics.has_errors, render(diagnostics)
    return bind(statements, diagnostics), diagnostics


def resolve_text(text: str, name: str = "lab.dsl") -> tuple[Lab, Diagnostics]:
    directives, diagnostics = bind_text(text)
    assert not diagnostics.has_errors, render(diagnostics)
    return resolve(directives, name, diagnostics), diagnostics


def lab_of(text: str, name: str = "lab.dsl") -> Lab:
    """The lab of a text in which nothing is wrong."""
    lab, diagnostics = resolve_text(text, name)
    assert not len(diagnostics), render(diagnostics)
    return lab


def drawn(diagnostics: Diagnostics) -> list[tuple[str, str]]:
    """The code of each diagnostic and the piece of source that it points at."""
    return [(found.code, found.label.span.text) for found in diagnostics]
