"""In: a path or a text. Out: a `Source` and the `Span`s that point into it. It knows nothing of the language.

Lines and columns count from 1, columns in characters; both are worked out only when a message is printed.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

STANDARD_INPUT = "<stdin>"
SIZE_LIMIT = 16 * 1024 * 1024
"""Bytes. A topology is never that large; /dev/zero is."""


class UnreadableSource(Exception):
    """The file cannot be had as text; `str()` is the whole message."""


class Source:
    """A text with the name that messages show for it. Two sources are equal only if they are the same object."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    @classmethod
    def read(cls, path: str | Path) -> Source:
        """Read UTF-8 text from the path, or from standard input for `-`. Raises UnreadableSource."""
        name = STANDARD_INPUT if str(path) == "-" else str(path)
        try:
            if name == STANDARD_INPUT:
                data = sys.stdin.buffer.read(SIZE_LIMIT + 1)
            else:
                with open(path, "rb") as file:
                    data = file.read(SIZE_LIMIT + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreadableSource(f"cannot read `{name}`: {reason.lower()}") from error
        if len(data) > SIZE_LIMIT:
            raise UnreadableSource(f"cannot read `{name}`: it is larger than {SIZE_LIMIT >> 20} MiB")
        if b"\0" in data:
            raise UnreadableSource(f"cannot read `{name}`: it is a binary file, not text")
        try:
            return cls(name, data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise UnreadableSource(f"cannot read `{name}`: line {line} is not UTF-8 text") from error

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        offset = self.text.find("\n")
        while offset >= 0:
            starts.append(offset + 1)
            offset = self.text.find("\n", offset + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """The line and the column of an offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_text(self, line: int) -> str:
        """A line without its line end."""
        start = self._line_starts[line - 1]
        end = self._line_starts[line] - 1 if line < len(self._line_starts) else len(self.text)
        return self.text[start:end].removesuffix("\r")

    def __repr__(self) -> str:
        return f"Source({self.name!r})"


@dataclass(frozen=True, slots=True)
class Span:
    """The piece `source.text[start:end]`; both offsets count characters from 0."""

    source: Source
    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of the other, both of one source."""
        return Span(self.source, min(self.start, other.start), max(self.end, other.end))

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]
