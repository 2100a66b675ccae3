"""In: a source. Out: its statements, blocks nested as typed. No keyword and no variable is looked at.

The tree still holds `$`: a dollar that is meant as one (`\\$` in "...", any in '...') is handed on as `$$`, which
expand.py turns back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gen.diagnostics import Diagnostics, Label
from gen.source import Source, Span
from gen.syntax.lexer import CLOSE, COMMENT, NEWLINE, OPEN, SEMICOLON, STRING, UNCLOSED, WORD, tokenize
from gen.syntax.tree import Block, Statement, Word

MAX_DEPTH = 64
"""Blocks within blocks. No lab needs ten; later passes may recurse into blocks because of it."""

_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}
_ENDS_STRING = frozenset(" \t\r\n{};#")


@dataclass(slots=True)
class _OpenBlock:
    """A block whose `}` has not come yet, and what of the block around it is to go on with after it."""

    brace: Span
    words: tuple[Word, ...]
    around: list[Statement]


def parse(source: Source, diagnostics: Diagnostics) -> tuple[Statement, ...]:
    """The source's statements. Reports every fault of strings and braces; then what is returned is a best guess."""
    return _Parser(source, diagnostics).parse()


@dataclass(slots=True)
class _Parser:
    source: Source
    diagnostics: Diagnostics
    words: list[Word] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    open_blocks: list[_OpenBlock] = field(default_factory=list)
    ill_indented: list[tuple[Span, Span]] = field(default_factory=list)

    def parse(self) -> tuple[Statement, ...]:
        source, text = self.source, self.source.text
        for kind, start, end in tokenize(source, self.diagnostics):
            if kind == WORD:
                self.words.append(Word(text[start:end], Span(source, start, end)))
            elif kind in (NEWLINE, SEMICOLON):
                self.end_statement()
            elif kind == OPEN:
                if len(self.open_blocks) == MAX_DEPTH:
                    self.report_depth(Span(source, start, end))
                    return ()
                self.open(Span(source, start, end))
            elif kind == CLOSE:
                self.end_statement()
                self.close(Span(source, start, end))
            elif kind == STRING:
                self.words.append(self.string(Span(source, start, end)))
            elif kind == UNCLOSED:
                self.words.append(Word(text[start:end].replace("$", "$$"), Span(source, start, end), quoted=True))
                self.close_swallowed(Span(source, start, end))
            else:
                assert kind == COMMENT
        self.end_statement()
        self.report_open_blocks()
        return tuple(self.statements)

    def end_statement(self) -> None:
        if self.words:
            self.statements.append(Statement(tuple(self.words)))
            self.words = []

    def open(self, brace: Span) -> None:
        words = tuple(self.words) or self.words_above(brace)
        self.open_blocks.append(_OpenBlock(brace, words, self.statements))
        self.words, self.statements = [], []

    def words_above(self, brace: Span) -> tuple[Word, ...]:
        """A `{` without words before it: reported, and taken to belong to the statement above if that is likely."""
        previous = self.statements[-1] if self.statements else None
        if (
            previous
            and previous.block is None
            and not self.source.text[previous.span.end : brace.start].lstrip().startswith(";")
        ):
            self.statements.pop()
            self.diagnostics.error(
                "brace-on-next-line",
                "`{` stands on a line of its own",
                brace,
                "the statement above has already ended",
                also=(Label(previous.words[-1].span, "it ended here"),),
                help=("move `{` to the end of that line",),
            )
            return previous.words
        self.diagnostics.error(
            "block-without-words",
            "a block has no words before its `{`",
            brace,
            "nothing says what this block is",
            help=("write the block's keyword and name before `{`, on the same line",),
        )
        return ()

    def close(self, brace: Span) -> None:
        if not self.open_blocks:
            self.diagnostics.error(
                "unopened-block", "`}` closes nothing", brace, "no block is open here", help=("delete it",)
            )
            return
        block = self.open_blocks.pop()
        indentation = self.indentation(brace)
        if self.starts_line(brace) and indentation < self.indentation(block.brace):
            self.ill_indented.append((block.brace, brace))
        statements = block.around
        if block.words:
            statements.append(Statement(block.words, Block(tuple(self.statements), block.brace.to(brace))))
        self.statements = statements

    def close_swallowed(self, string: Span) -> None:
        """Close the blocks whose `}` went into a string without an end, so that they are not reported as well."""
        excess = string.text.count("}") - string.text.count("{")
        for _ in range(min(excess, len(self.open_blocks))):
            self.end_statement()
            self.close(Span(self.source, string.end, string.end))

    def report_open_blocks(self) -> None:
        # A missing `}` shows as one that stands too far left: it closed the inner block, and was typed for the outer.
        suspects = self.ill_indented + [(block.brace, None) for block in reversed(self.open_blocks)]
        for brace, closed_by in suspects[: len(self.open_blocks)]:
            self.diagnostics.error(
                "unclosed-block",
                "a block is never closed: its `}` is missing",
                brace,
                "opened here",
                also=(Label(closed_by, "by its indentation this was meant for a block further out"),)
                if closed_by
                else (),
                help=("end the block with `}`",),
            )

    def report_depth(self, brace: Span) -> None:
        self.diagnostics.error(
            "blocks-too-deep",
            f"blocks are nested more than {MAX_DEPTH} deep",
            brace,
            "one too many",
            also=(Label(self.open_blocks[0].brace, "the outermost block opens here"),),
        )

    def starts_line(self, brace: Span) -> bool:
        return self.line_before(brace).isspace() or not self.line_before(brace)

    def indentation(self, brace: Span) -> int:
        before = self.line_before(brace)
        return len(before) - len(before.lstrip())

    def line_before(self, brace: Span) -> str:
        text = self.source.text
        return text[text.rfind("\n", 0, brace.start) + 1 : brace.start]

    def string(self, span: Span) -> Word:
        """The word that a string stands for; it must have a blank or a sign of the syntax on either side."""
        text = self.source.text
        if span.start > 0 and text[span.start - 1] not in _ENDS_STRING:
            self.report_missing_blank(span, "before")
        elif span.end < len(text) and text[span.end] not in _ENDS_STRING and text[span.end] not in "\"'":
            self.report_missing_blank(span, "after")
        inside = text[span.start + 1 : span.end - 1]
        if text[span.start] == "'":
            return Word(inside.replace("$", "$$"), span, quoted=True)
        if "\\" in inside:
            inside = _ESCAPE.sub(lambda escape: self.unescape(escape, span.start + 1), inside)
        return Word(inside, span, quoted=True)

    def report_missing_blank(self, span: Span, side: str) -> None:
        self.diagnostics.error(
            "missing-blank",
            f"a blank is missing {side} a string",
            span,
            "a string is a word of its own",
            help=("put a blank between the two, or the whole word into one string",),
        )

    def unescape(self, escape: re.Match[str], offset: int) -> str:
        name = escape[1]
        if name in _ESCAPES:
            return _ESCAPES[name]
        if len(name) == 3 and name != "x00":
            character = chr(int(name[1:], 16))
            return "$$" if character == "$" else character
        self.diagnostics.error(
            "unknown-escape",
            f"`{escape[0]}` is not an escape",
            Span(self.source, offset + escape.start(), offset + escape.end()),
            help=(r"the escapes are `\n` `\t` `\"` `\\` `\$` and `\xNN`; in '...' a backslash is only a backslash",),
        )
        return escape[0]
