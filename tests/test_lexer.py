"""Tokens: each kind, and that tokens and gaps give the text back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.diagnostics import Diagnostics
from gen.source import Source
from gen.syntax.lexer import tokenize

PIECES = st.sampled_from(
    [
        "vm",
        "a",
        "{",
        "}",
        ";",
        "#",
        '"',
        "'",
        "\\",
        "$",
        "${",
        "$i",
        "${i}",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "it's",
        "é",
        "\0",
    ]
)


def tokens_of(text: str, diagnostics: Diagnostics | None = None) -> list[tuple[str, str]]:
    tokens = tokenize(Source("lab.dsl", text), diagnostics if diagnostics is not None else Diagnostics())
    return [(kind, text[start:end]) for kind, start, end in tokens]


def errors_of(text: str) -> list[tuple[str, str]]:
    diagnostics = Diagnostics()
    tokenize(Source("lab.dsl", text), diagnostics)
    return [(found.code, found.label.span.text) for found in diagnostics]


@given(st.lists(PIECES).map("".join) | st.text())
def test_tokens_and_the_blanks_between_them_give_the_text_back(text: str) -> None:
    rejoined, end_of_last = "", 0
    for _, start, end in tokenize(Source("lab.dsl", text), Diagnostics()):
        gap = text[end_of_last:start]
        assert gap.strip(" \t") == ""
        assert end > start
        rejoined += gap + text[start:end]
        end_of_last = end
    assert rejoined + text[end_of_last:] == text
    assert text[end_of_last:].strip(" \t") == ""


def test_a_line_falls_into_words_braces_and_its_end() -> None:
    assert tokens_of("network br-in { mtu 1500; } # a switch\r\n") == [
        ("WORD", "network"),
        ("WORD", "br-in"),
        ("OPEN", "{"),
        ("WORD", "mtu"),
        ("WORD", "1500"),
        ("SEMICOLON", ";"),
        ("CLOSE", "}"),
        ("COMMENT", "# a switch"),
        ("NEWLINE", "\r\n"),
    ]


@pytest.mark.parametrize(
    "word",
    [
        "10.0.0.1/24",
        "52:54:00:11:22:33",
        "it's",
        "a=b,c",
        "$i",
        "vm${i}x",
        "${i+1}",
        "${i + 1:03}",
        "a\\b",
        "-",
        "日本",
    ],
)
def test_what_needs_no_quotes_is_one_word(word: str) -> None:
    assert tokens_of(word) == [("WORD", word)]


@pytest.mark.parametrize("string", ['"a b"', '"a \\" # { } ;"', "'a b'", "'\\'", '""', "''"])
def test_a_string_is_one_token_with_its_quotes(string: str) -> None:
    assert tokens_of(f"a {string} b") == [("WORD", "a"), ("STRING", string), ("WORD", "b")]


def test_a_brace_right_after_a_word_opens_a_block() -> None:
    assert tokens_of("host{}") == [("WORD", "host"), ("OPEN", "{"), ("CLOSE", "}")]


def test_a_comment_starts_anywhere_outside_a_string() -> None:
    assert tokens_of("a#b") == [("WORD", "a"), ("COMMENT", "#b")]


@pytest.mark.parametrize("text", ['a "b\n', "a 'b\n", 'a "b\\"\n'])
def test_a_string_without_its_quote_is_an_error_from_its_opening_to_the_line_end(text: str) -> None:
    assert errors_of(text) == [("unclosed-string", text[2:-1])]


def test_a_variable_without_its_brace_is_an_error() -> None:
    assert errors_of("vm a${i {\n") == [("malformed-variable", "${")]


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x85", "\u202e"])
def test_a_character_that_acts_on_the_terminal_is_an_error_everywhere(character: str) -> None:
    for text in (f"a{character}b", f'"{character}"', f"# {character}"):
        assert errors_of(text) == [("unexpected-character", character)]


def test_blanks_of_other_alphabets_are_errors_in_words_only() -> None:
    assert errors_of("memory\u00a0128M") == [("unexpected-character", "\u00a0")]
    assert errors_of('"a\u00a0b" # \u00a0') == []


def test_a_file_full_of_one_bad_character_has_one_error_for_it() -> None:
    assert errors_of("\x01" * 1000) == [("unexpected-character", "\x01")]


def test_a_carriage_return_alone_ends_the_line_and_is_an_error() -> None:
    assert tokens_of("a\rb")[1] == ("NEWLINE", "\r")
    assert errors_of("a\rb\r\nc") == [("unexpected-character", "\r")]
