"""In: a source. Out: the same words and comments, laid out in the one way that `fmt` knows.

Four blanks for each level, one blank between words, two between statements that share a line. A block stays on one line
if it was typed so. At most one empty line in a row, none where a block starts or ends. Idle `;` go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from gen.diagnostics import Diagnostics, width
from gen.source import Source, Span
from gen.syntax import DIRECTIVES
from gen.syntax.lexer import CLOSE, COMMENT, NEWLINE, OPEN, SEMICOLON, STRING, WORD, Token, tokenize
from gen.syntax.parser import parse
from gen.syntax.tree import Word

_INDENTATION = "    "

Split = Callable[[Sequence[Word]], Sequence[int]]
"""Words typed in a row -> the index at which each statement among them starts: a question for the vocabulary."""


def format_source(source: Source, diagnostics: Diagnostics, split: Split) -> str:
    """The tidy text. A source with errors in its strings or braces is reported and given back as it is."""
    parse(source, diagnostics)
    if diagnostics.has_errors:
        return source.text
    return _Formatter(source, split).format(tokenize(source, diagnostics))


@dataclass(slots=True)
class _Line:
    code: str
    comment: str = ""


@dataclass(slots=True)
class _Formatter:
    source: Source
    split: Split
    lines: list[_Line] = field(default_factory=list)
    code: str = ""
    """The line that is being filled, without its comment."""
    last: str = ""
    """The last word or brace that was put."""
    gap: str = ""
    """What goes between that and the next piece."""
    full: bool = False
    """Only a comment may still be put on the line: a brace of a block of several lines ends it."""
    separator: bool = False
    """A `;` was typed, and matters only if a word follows it on the line."""
    newlines: int = 0
    after_open: bool = False
    depth: int = 0

    def format(self, tokens: list[Token]) -> str:
        on_one_line = _braces_of_one_line(tokens)
        words: list[Word] = []
        for token in tokens:
            if token.kind in (WORD, STRING):
                span = Span(self.source, token.start, token.end)
                quoted = token.kind == STRING
                words.append(Word(span.text[1:-1] if quoted else span.text, span, quoted))
                continue
            if words:
                self.put_words(words)
                words = []
            if token.kind == OPEN:
                self.put("{")
                self.full = self.after_open = token.start not in on_one_line
                self.depth += 1
            elif token.kind == CLOSE:
                self.depth -= 1
                self.put_close(token.start in on_one_line)
            elif token.kind == SEMICOLON:
                self.separator = self.last not in ("", "{", "}")
            elif token.kind == COMMENT:
                self.put_comment(self.source.text[token.start : token.end].rstrip())
            elif token.kind == NEWLINE:
                self.end_line()
                self.newlines += 1
        if words:
            self.put_words(words)
        self.end_line()
        return "".join(f"{line}\n" for line in self.laid_out())

    def put_words(self, words: list[Word]) -> None:
        directive = words[0].span.text in DIRECTIVES
        starts = {0} if directive else {0, *self.split(words)}
        if self.separator and self.code and not self.full:
            self.code, self.gap = self.code + ";", " "
        for index, word in enumerate(words):
            if index and index in starts:
                self.gap = "  "
            self.put(word.span.text)

    def put_close(self, on_one_line: bool) -> None:
        if on_one_line:
            self.gap = "" if self.last == "{" else " "
            self.put("}")
            self.gap = "  "
            return
        self.end_line()
        # No empty line before the brace.
        self.newlines = 0
        self.put("}")
        self.full = True

    def put(self, piece: str) -> None:
        if self.full:
            self.end_line()
        if not self.code:
            self.start_line()
        self.code += self.gap + piece
        self.last, self.gap, self.separator = piece, " ", False

    def put_comment(self, comment: str) -> None:
        if self.code:
            self.end_line(comment)
        else:
            self.start_line()
            self.lines.append(_Line(self.gap + comment))

    def start_line(self) -> None:
        if self.newlines > 1 and self.lines and not self.after_open:
            self.lines.append(_Line(""))
        self.newlines, self.after_open = 0, False
        self.gap = _INDENTATION * self.depth

    def end_line(self, comment: str = "") -> None:
        if self.code:
            self.lines.append(_Line(self.code, comment))
        self.code, self.full, self.separator = "", False, False

    def laid_out(self) -> Iterator[str]:
        """The lines, with the comments behind adjacent lines one below the other."""
        for commented, run in groupby(self.lines, key=lambda line: line.comment != ""):
            lines = list(run)
            column = max(width(line.code) for line in lines) + 2
            for line in lines:
                yield line.code + " " * (column - width(line.code)) + line.comment if commented else line.code


def _braces_of_one_line(tokens: list[Token]) -> set[int]:
    """Where the braces stand whose block starts and ends on one line."""
    found: set[int] = set()
    opened: list[tuple[int, int]] = []
    line = 0
    for kind, start, _ in tokens:
        if kind == NEWLINE:
            line += 1
        elif kind == OPEN:
            opened.append((start, line))
        elif kind == CLOSE:
            brace, line_of_brace = opened.pop()
            if line_of_brace == line:
                found |= {brace, start}
    return found
