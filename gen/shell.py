"""The one door through which values become shell words: any text in, exactly one bash word out.

Everything that a lab says reaches the script through `quote`; text that is bash already is marked `Shell`, and
`finalize` (Jinja2's hook) refuses whatever is neither text nor a whole number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Command = tuple[str, ...]
"""An argument vector: what runs is exactly these words."""

_BARE = re.compile(r"[A-Za-z0-9_@%+:,./][A-Za-z0-9_@%+=:,./-]*|-[A-Za-z0-9_@%+=:,./-]*")
_STOPS = ("do", "done", "then")  # an argument like any other, but shellcheck asks for quotes (SC1010)
_PLAIN_ASCII = re.compile(r"[ -~]*")


class Shell(str):
    """Text that is bash source already and goes into a template as it is."""

    __slots__ = ()


def quote(word: str) -> Shell:
    """`word` as one bash word, in the form that a reader finds easiest: bare, '...', "..." or $'...'.

    shellcheck warns of a dollar in single quotes (SC2016) and of typographic quotes in either, so those take the
    next form. Raises ValueError for a NUL, which no argument of a process can hold.
    """
    if "\0" in word:
        raise ValueError("a shell word cannot hold a NUL")
    if _BARE.fullmatch(word) and word not in _STOPS:
        return Shell(word)
    if not all(_PLAIN_ASCII.fullmatch(char) or char.isalnum() for char in word):
        return Shell("$'" + "".join(map(_ansi_c, word)) + "'")
    if not re.search(r"[$`'\\]", word):
        return Shell(f"'{word}'")
    return Shell('"' + re.sub(r'([$`"\\])', r"\\\1", word) + '"')


def _ansi_c(char: str) -> str:
    if char in "\\'":
        return "\\" + char
    if _PLAIN_ASCII.fullmatch(char) or char.isalnum():
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def join(words: Iterable[str]) -> Shell:
    """The words of one command, each quoted, with single blanks between."""
    return Shell(" ".join(map(quote, words)))


def wrap(words: Sequence[str], indent: str, width: int = 110) -> Shell:
    """Like `join`, but a command longer than `width` continues on further lines.

    A line breaks only before a word that starts with `-`, so that an option and its value stay together.
    """
    lines: list[str] = []
    line = ""
    group = ""
    for word in words:
        quoted = quote(word)
        if group and word.startswith("-"):
            line = _append(lines, line, group, width)
            group = quoted
        else:
            group = f"{group} {quoted}" if group else quoted
    line = _append(lines, line, group, width)
    lines.append(line)
    return Shell(f" \\\n{indent}".join(lines))


def _append(lines: list[str], line: str, group: str, width: int) -> str:
    """Add `group` to `line`, or start a new one when it does not fit; returns the line now open."""
    if line and len(line) + 1 + len(group) > width:
        lines.append(line)
        return group
    return f"{line} {group}" if line else group


def comment(text: str) -> Shell:
    """`text` for the rest of a comment line; raises ValueError when it would end the line."""
    if not text.isprintable():
        raise ValueError("a comment is one line of printable text")
    return Shell(text)


def identifier(text: str) -> Shell:
    """`text` as part of a function's name; raises ValueError for anything but lower-case letters."""
    if not (text.isascii() and text.islower() and text.isalpha()):
        raise ValueError(f"`{text}` cannot be part of a function's name")
    return Shell(text)


def here_document(text: str) -> Shell:
    """`text` as the body of a `<<'KG_END'` here-document, the end mark included.

    Raises ValueError when a line of the text is the end mark itself, or holds a NUL.
    """
    lines = text.split("\n")
    if "KG_END" in lines or "\0" in text:
        raise ValueError("a here-document cannot hold its own end mark or a NUL")
    body = text if text.endswith("\n") or not text else text + "\n"
    return Shell(body + "KG_END")


def finalize(value: object) -> str:
    """Jinja2's `finalize`: quotes text, passes `Shell` on, raises TypeError on anything else."""
    if isinstance(value, Shell):
        return value
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"a template wrote a {type(value).__name__}: only text, Shell and whole numbers may be written")
