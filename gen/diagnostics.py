"""In: what the passes found wrong, as data. Out: the text for a person, an editor or a program.

The message says what is wrong, the label where and why, help how to mend it. Nothing here knows any single mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gen.source import Source, Span

Severity = Literal["error", "warning", "note"]
Format = Literal["human", "json", "gcc"]

LINE_WIDTH = 120
"""Longer source lines are drawn as a window of this many columns around the span."""

_TAB = "    "
_COLORS = {"error": "1;31", "warning": "1;33", "note": "1;36", "message": "1", "frame": "1;34", "help": "1;32"}


@dataclass(frozen=True, slots=True)
class Label:
    """A place in a source, and what is to be said about it (may be empty)."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is a slug that gen/codes.py explains; `also` are the other places that matter."""

    code: str
    severity: Severity
    message: str
    label: Label
    also: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()


class Diagnostics:
    """Collects what one run finds. Iterates in source order, file by file; an equal diagnostic is kept once."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        also: Sequence[Label] = (),
        help: Sequence[str] = (),
    ) -> None:
        """Report a mistake: nothing will be built."""
        self._add("error", code, message, Label(span, label), also, help)

    def warning(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        also: Sequence[Label] = (),
        help: Sequence[str] = (),
    ) -> None:
        """Report what is legal and usually wrong."""
        self._add("warning", code, message, Label(span, label), also, help)

    def note(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        also: Sequence[Label] = (),
        help: Sequence[str] = (),
    ) -> None:
        """Report what is right and worth to know."""
        self._add("note", code, message, Label(span, label), also, help)

    def _add(
        self, severity: Severity, code: str, message: str, label: Label, also: Sequence[Label], help: Sequence[str]
    ) -> None:
        self._found[Diagnostic(code, severity, message, label, tuple(also), _lines_of_help(help))] = None

    @property
    def has_errors(self) -> bool:
        return any(diagnostic.severity == "error" for diagnostic in self._found)

    def __iter__(self) -> Iterator[Diagnostic]:
        files: dict[Source, int] = {}
        for diagnostic in self._found:
            files.setdefault(diagnostic.label.span.source, len(files))
        return iter(sorted(self._found, key=lambda found: (files[found.label.span.source], found.label.span.start)))

    def __len__(self) -> int:
        return len(self._found)


def _lines_of_help(help: Sequence[str]) -> tuple[str, ...]:
    # A lone string is a sequence of strings too; it would be drawn as one line for each letter.
    return (help,) if isinstance(help, str) else tuple(help)


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that the user most likely meant by `word`, or None."""
    from difflib import get_close_matches

    by_lower_case = {candidate.lower(): candidate for candidate in candidates if candidate != word}
    # One wrong letter of two or three weighs more than the customary limit of 0.6 allows.
    close = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.5 if len(word) <= 3 else 0.6)
    return by_lower_case[close[0]] if close else None


def did_you_mean(word: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """The help for an unknown word: one line, or none when nothing comes close."""
    meant = suggest(word, candidates)
    return (f"did you mean `{meant}`?",) if meant else ()


def render(diagnostics: Iterable[Diagnostic], format: Format = "human", color: bool = False) -> str:
    """Every diagnostic as text that ends in a line end; the empty string when there is none (`[]` as JSON)."""
    if format == "json":
        import json

        return json.dumps([_as_object(found) for found in diagnostics], ensure_ascii=False, indent=2) + "\n"
    if format == "gcc":
        return "".join(line + "\n" for found in diagnostics for line in _gcc_lines(found))
    paint = _painter(color)
    return "\n".join("".join(line.rstrip() + "\n" for line in _drawing(found, paint)) for found in diagnostics)


def _place(span: Span) -> dict[str, str | int]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"file": span.source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column}


def _as_object(found: Diagnostic) -> dict[str, object]:
    return {
        **_place(found.label.span),
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "label": found.label.text,
        "also": [{**_place(label.span), "label": label.text} for label in found.also],
        "help": list(found.help),
    }


def _where(span: Span) -> str:
    line, column = span.source.position(span.start)
    return f"{visible(span.source.name)}:{line}:{column}"


def _gcc_lines(found: Diagnostic) -> Iterator[str]:
    here = _where(found.label.span)
    yield f"{here}: {found.severity}: {visible(found.message)} [{found.code}]"
    for label in (found.label, *found.also):
        if label.text:
            yield f"{_where(label.span)}: note: {visible(label.text)}"
    for line in found.help:
        yield f"{here}: note: help: {visible(line)}"


def _painter(color: bool) -> Callable[[str, str], str]:
    return lambda role, text: f"\x1b[{_COLORS[role]}m{text}\x1b[0m" if color and text else text


def _drawing(found: Diagnostic, paint: Callable[[str, str], str]) -> Iterator[str]:
    labels = (found.label, *found.also)
    gutter = max(len(str(label.span.line)) for label in labels)
    bar = paint("frame", f"{'':{gutter}} |")
    heading = paint(found.severity, f"{found.severity}[{found.code}]")
    yield f"{heading}{paint('message', ': ' + visible(found.message))}"
    drawn: tuple[Source, int] | None = None
    for label in labels:
        source, line = label.span.source, label.span.line
        before, line_text, marked = _window(label.span)
        fits = line_text == source.line_text(line)
        if drawn is None or drawn[0] is not source:
            arrow = "-->" if drawn is None else ":::"
            yield f"{'':{gutter}}{paint('frame', arrow)} {_where(label.span)}"
            yield bar
        elif drawn != (source, line):
            yield paint("frame", "...")
        if drawn != (source, line) or not fits:
            yield f"{paint('frame', f'{line:{gutter}} |')} {visible(line_text)}"
        primary = label is found.label
        mark = ("^" if primary else "-") * max(1, width(marked))
        words = f"{mark} {visible(label.text)}".rstrip()
        yield f"{bar} {' ' * width(before)}{paint(found.severity if primary else 'frame', words)}"
        drawn = (source, line)
    if found.help:
        yield bar
    for text in found.help:
        first, *rest = visible(text, keep="\n").split("\n")
        yield f"{'':{gutter}} {paint('frame', '=')} {paint('help', 'help')}: {first}"
        for more in rest:
            yield f"{'':{gutter}}         {more}"


def _window(span: Span) -> tuple[str, str, str]:
    """What to draw of the span's first line: the text before the span, the whole line, the text to be marked."""
    line, column = span.source.position(span.start)
    text = span.source.line_text(line)
    start = min(column - 1, len(text))
    end = min(start + span.end - span.start, len(text))
    if width(text) <= LINE_WIDTH:
        return text[:start], text, text[start:end]
    room = LINE_WIDTH - 2 * len("...")
    first = max(0, start - min(room // 3, max(0, room - (end - start))))
    first = min(first, max(0, len(text) - room))
    last = first + room
    left = "..." if first > 0 else ""
    right = "..." if last < len(text) else ""
    return left + text[first:start], left + text[first:last] + right, text[start : min(end, last)]


def visible(text: str, keep: str = "") -> str:
    """The text with tabs as blanks and with what a terminal would act upon shown as a sign instead."""
    if text.isprintable():
        return text
    return "".join(char if char in keep else _sign(char) for char in text)


def _sign(char: str) -> str:
    if char == "\t":
        return _TAB
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def width(text: str) -> int:
    """The columns that the text takes on a terminal, a tab counted as four."""
    if text.isascii() and text.isprintable():
        return len(text)
    from unicodedata import combining, east_asian_width

    shown = visible(text)
    return len(shown) + sum(east_asian_width(char) in "WF" for char in shown) - sum(map(bool, map(combining, shown)))
