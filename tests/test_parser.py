"""Statements and blocks, and every fault of strings and braces."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.diagnostics import Diagnostics, render
from gen.source import Source
from gen.syntax.parser import MAX_DEPTH, parse
from tests.shape import shape

PIECES = st.sampled_from(["vm", " ", "{", "}", ";", "#", '"', "'", "\\", "\\x24", "$", "${", "${i}", "\n", "\r", "é"])


def parsed(text: str) -> list[Any]:
    diagnostics = Diagnostics()
    statements = parse(Source("lab.dsl", text), diagnostics)
    assert not diagnostics.has_errors, render(diagnostics)
    return shape(statements)


def errors_of(text: str) -> list[tuple[str, int, int]]:
    source, diagnostics = Source("lab.dsl", text), Diagnostics()
    parse(source, diagnostics)
    return [(found.code, *source.position(found.label.span.start)) for found in diagnostics]


def drawing_of(text: str) -> str:
    diagnostics = Diagnostics()
    parse(Source("lab.dsl", dedent(text).lstrip("\n")), diagnostics)
    return "\n" + render(diagnostics)


@pytest.mark.parametrize("text", ["a 1\nb 2", "a 1;b 2", "a 1;; ;b 2;", "a 1 # note\n\n\n# note\nb 2\r\n"])
def test_a_statement_ends_at_a_line_end_or_a_semicolon(text: str) -> None:
    assert parsed(text) == [["a", "1"], ["b", "2"]]


def test_a_statement_ends_at_the_brace_that_closes_its_block() -> None:
    assert parsed("a { b 1; c 2 } d { } e\nf") == [["a", [["b", "1"], ["c", "2"]]], ["d", []], ["e"], ["f"]]


def test_blocks_nest() -> None:
    assert parsed("a {\n b {\n c\n }\n d\n}\ne") == [["a", [["b", [["c"]]], ["d"]]], ["e"]]


def test_statements_that_share_a_line_are_left_together_for_the_vocabulary_to_split() -> None:
    assert parsed("address 10.0.0.1/24  dhcp on") == [["address", "10.0.0.1/24", "dhcp", "on"]]


@pytest.mark.parametrize(
    ("string", "text"),
    [
        (r'"a b"', "a b"),
        (r'"\n\t\"\\\x41"', '\n\t"\\A'),
        (r"'a \n'", r"a \n"),
        ('""', ""),
        (r'"$i"', "$i"),
        (r'"\$i \x24i"', "$$i $$i"),
        ("'$i'", "$$i"),
    ],
)
def test_a_string_means_what_stands_in_it_with_literal_dollars_doubled(string: str, text: str) -> None:
    assert parsed(f"a {string}") == [["a", text]]


def test_spans_cover_what_was_typed() -> None:
    statement = parse(Source("lab.dsl", 'a  "b c" { d }'), Diagnostics())[0]
    assert statement.block is not None
    assert (statement.words[1].span.text, statement.words[1].quoted) == ('"b c"', True)
    assert (statement.span.text, statement.block.span.text) == ('a  "b c"', "{ d }")


def test_a_block_that_is_never_closed_is_drawn_at_its_brace() -> None:
    assert drawing_of("""
        vm a {
            memory 128M
    """) == dedent("""
        error[unclosed-block]: a block is never closed: its `}` is missing
         --> lab.dsl:1:6
          |
        1 | vm a {
          |      ^ opened here
          |
          = help: end the block with `}`
    """)


def test_the_forgotten_brace_is_found_by_the_indentation_of_the_next_one() -> None:
    assert drawing_of("""
        router r1 {
            nic a on br-in {
                mtu 1500
        }
        vm b {
        }
    """) == dedent("""
        error[unclosed-block]: a block is never closed: its `}` is missing
         --> lab.dsl:2:20
          |
        2 |     nic a on br-in {
          |                    ^ opened here
        ...
        4 | }
          | - by its indentation this was meant for a block further out
          |
          = help: end the block with `}`
    """)


def test_every_block_that_is_open_at_the_end_is_reported() -> None:
    assert errors_of("a {\n b {\n") == [("unclosed-block", 1, 3), ("unclosed-block", 2, 4)]


def test_odd_indentation_alone_is_no_error() -> None:
    assert parsed("  a {\n b\n}") == [["a", [["b"]]]]


def test_a_brace_too_many_is_an_error_and_parsing_goes_on() -> None:
    assert errors_of("a }\n} b {") == [("unopened-block", 1, 3), ("unopened-block", 2, 1), ("unclosed-block", 2, 5)]


def test_a_brace_on_the_next_line_is_drawn_with_the_line_it_belongs_to() -> None:
    assert drawing_of("""
        vm a
        {
            memory 128M
        }
    """) == dedent("""
        error[brace-on-next-line]: `{` stands on a line of its own
         --> lab.dsl:2:1
          |
        2 | {
          | ^ the statement above has already ended
        ...
        1 | vm a
          |    - it ended here
          |
          = help: move `{` to the end of that line
    """)


@pytest.mark.parametrize("text", ["{ a }", "a { } { b }", "a; { b }"])
def test_a_block_without_words_is_an_error(text: str) -> None:
    assert [code for code, _, _ in errors_of(text)] == ["block-without-words"]


@pytest.mark.parametrize(("text", "column"), [('a"b"', 2), ('a "b"c', 3), ("'a'\"b\"", 4)])
def test_a_string_that_touches_another_word_is_an_error(text: str, column: int) -> None:
    assert errors_of(text) == [("missing-blank", 1, column)]


def test_an_unknown_escape_is_drawn_at_its_backslash() -> None:
    assert errors_of(r'a "bc\q \x00 \x4"') == [
        ("unknown-escape", 1, 6),
        ("unknown-escape", 1, 9),
        ("unknown-escape", 1, 14),
    ]


def test_a_string_without_its_quote_closes_the_blocks_whose_braces_it_swallowed() -> None:
    assert errors_of('a { b { c "${i} } }\nd }') == [("unclosed-string", 1, 11), ("unopened-block", 2, 3)]


def test_nesting_has_a_ceiling() -> None:
    assert parsed("a {" * MAX_DEPTH + "}" * MAX_DEPTH)
    assert errors_of("a {" * 100_000) == [("blocks-too-deep", 1, 3 * MAX_DEPTH + 3)]


def test_two_mistakes_are_reported_in_one_run() -> None:
    assert [code for code, _, _ in errors_of('a "b\nc }\nd {\n')] == [
        "unclosed-string",
        "unopened-block",
        "unclosed-block",
    ]


@given(st.lists(PIECES).map("".join))
def test_any_text_gives_statements_or_diagnostics(text: str) -> None:
    diagnostics = Diagnostics()
    parse(Source("lab.dsl", text), diagnostics)
    render(diagnostics)
