"""In: a span, a value, what others there are. Out: the smaller span and the words that the rules' messages share."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gen.source import Span


def piece(span: Span, value: object) -> Span:
    """The part of the span in which the value stands; the whole where it came through a variable."""
    match = re.search(rf"(?<![\w.]){re.escape(str(value))}(?![\w.])", span.text)
    return Span(span.source, span.start + match.start(), span.start + match.end()) if match else span


def comes_first(one: Span, other: Span) -> bool:
    """Whether a span stands before another; spans of different files keep the order they are given in."""
    return one.source is not other.source or one.start <= other.start


def listed(names: Iterable[str]) -> str:
    """`a`, `b` and `c`, each in its backticks"""
    *most, last = [f"`{name}`" for name in names]
    return f"{', '.join(most)} and {last}" if most else last
