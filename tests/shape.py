"""In: statements. Out: nested lists of their words, which a test can be compared with at a glance."""

from __future__ import annotations

from typing import Any

from gen.syntax.tree import Statement


def shape(statements: tuple[Statement, ...]) -> list[Any]:
    """Each statement as the list of its words, with the list of its block's statements last where it has a block."""
    return [
        [word.text for word in statement.words] + ([shape(statement.block.statements)] if statement.block else [])
        for statement in statements
    ]
