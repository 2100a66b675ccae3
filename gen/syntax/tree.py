"""The tree that the parser hands on: words, statements, blocks. It knows no keyword and no network."""

from __future__ import annotations

from dataclasses import dataclass

from gen.source import Span


@dataclass(frozen=True, slots=True)
class Word:
    """One word as the user means it: `text` is without quotes and escapes, `span` covers what was typed."""

    text: str
    span: Span
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between `{` and `}`; `span` covers both braces."""

    statements: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Statement:
    """The words of one line (several short statements may share it) and the block that closes it, if any."""

    words: tuple[Word, ...]
    block: Block | None = None

    @property
    def span(self) -> Span:
        """From the first word to the last, the block left out."""
        return self.words[0].span.to(self.words[-1].span)
