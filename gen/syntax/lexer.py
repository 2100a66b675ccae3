"""In: a source. Out: its tokens. Blanks are what lies between the tokens, so tokens and gaps give the text back.

A word ends at a blank or at one of `{ } ; # "`; the braces of `${name}` belong to it. `'` opens a raw string only where
a word could start. There is no continuation of lines.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gen.diagnostics import Diagnostics
from gen.source import Source, Span

WORD = "WORD"
STRING = "STRING"
OPEN = "OPEN"
CLOSE = "CLOSE"
SEMICOLON = "SEMICOLON"
NEWLINE = "NEWLINE"
COMMENT = "COMMENT"
UNCLOSED = "UNCLOSED"

# A match for every character but blanks and tabs, which `finditer` steps over.
_TOKEN = re.compile(
    r"""
      (?P<NEWLINE>   \r\n? | \n )
    | (?P<OPEN>      \{ )
    | (?P<CLOSE>     \} )
    | (?P<SEMICOLON> ; )
    | (?P<COMMENT>   \#[^\r\n]* )
    | (?P<STRING>    "(?:[^"\\\r\n]|\\[^\r\n])*" | '[^'\r\n]*' )
    | (?P<WORD>      (?!')(?:[^\ \t\r\n{};#"$]+ | \$(?!\{) | \$\{[^{};#"\r\n]*\})+ )
    | (?P<UNCLOSED>  ["'][^\r\n]* | \$\{ )
    """,
    re.VERBOSE,
)

# What no text needs: control characters, and the marks that show text in another order than it is read.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Token(NamedTuple):
    """The piece `text[start:end]` of a source, and which of this module's kinds it is."""

    kind: str
    start: int
    end: int


def tokenize(source: Source, diagnostics: Diagnostics) -> list[Token]:
    """Every token of the source in order. Reports strings and `${` without an end and characters that no text needs."""
    tokens = [Token(match.lastgroup or WORD, *match.span()) for match in _TOKEN.finditer(source.text)]
    for kind, start, end in tokens:
        if kind == UNCLOSED:
            _report_unclosed(Span(source, start, end), diagnostics)
    _report_characters(source, tokens, diagnostics)
    return tokens


def _report_unclosed(span: Span, diagnostics: Diagnostics) -> None:
    opening = span.text[0]
    if opening == "$":
        help = "end it with `}`, or write `$$` for a dollar"
        diagnostics.error("malformed-variable", "`${` is never closed", span, "opened here", help=(help,))
        return
    diagnostics.error(
        "unclosed-string",
        f"the string is never closed: its `{opening}` is missing",
        span,
        "opened here",
        help=(f"end the string with `{opening}` on the same line",),
    )


def _report_characters(source: Source, tokens: list[Token], diagnostics: Diagnostics) -> None:
    """Each such character once, where it first stands: a file full of them has one fault, not thousands."""
    first: dict[str, int] = {}
    for match in _CONTROL.finditer(source.text):
        if not source.text.startswith("\r\n", match.start()):
            first.setdefault(match[0], match.start())
    if not source.text.isascii():
        for kind, start, end in tokens:
            if kind == WORD and not source.text[start:end].isprintable():
                for offset in range(start, end):
                    if not source.text[offset].isprintable():
                        first.setdefault(source.text[offset], offset)
    for character, offset in first.items():
        diagnostics.error(
            "unexpected-character",
            f"the character U+{ord(character):04X} cannot stand here",
            Span(source, offset, offset + 1),
            _name_of(character),
            help=("delete it, or write a blank instead",),
        )


def _name_of(character: str) -> str:
    from unicodedata import name

    return name(character, "a control character").lower()
