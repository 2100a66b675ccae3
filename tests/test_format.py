"""`fmt`: every rule of the layout, that it is stable, and that it changes no word."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.diagnostics import Diagnostics
from gen.source import Source
from gen.syntax.format import format_source
from gen.syntax.lexer import COMMENT, tokenize
from gen.syntax.parser import parse
from gen.syntax.tree import Word
from tests.shape import shape


def split(words: Sequence[Word]) -> list[int]:
    """Statements of a test vocabulary: those that start with one of these words."""
    return [index for index, word in enumerate(words) if word.text in ("address", "dhcp", "mtu", "vm")]


def formatted(text: str) -> str:
    diagnostics = Diagnostics()
    result = format_source(Source("lab.dsl", text), diagnostics, split)
    assert not diagnostics.has_errors
    return result


def tidy(text: str) -> str:
    return formatted(dedent(text).lstrip("\n"))


def layout(text: str) -> str:
    return dedent(text).lstrip("\n")


def test_blocks_are_indented_by_four_blanks_for_each_level() -> None:
    assert tidy("""
        vm   a\t{
        nic b on c {
          mtu 1500
            }
                    }
    """) == layout("""
        vm a {
            nic b on c {
                mtu 1500
            }
        }
    """)


def test_statements_that_share_a_line_are_two_blanks_apart() -> None:
    assert tidy("network br { address 10.0.0.1/24 dhcp on mtu 1500 }") == (
        "network br { address 10.0.0.1/24  dhcp on  mtu 1500 }\n"
    )


def test_a_statement_after_a_block_on_its_line_is_two_blanks_away() -> None:
    assert tidy("a { b } c { d }; e") == "a { b }  c { d }  e\n"


def test_closing_braces_on_one_line_are_one_blank_apart() -> None:
    assert tidy("a {b {c {}}}") == "a { b { c {} } }\n"


def test_a_semicolon_stays_only_where_it_separates() -> None:
    assert tidy("a 1 ;b 2;;\n;c { ; d 1;e 2; };\nbr${i};x\n") == "a 1; b 2\nc { d 1; e 2 }\nbr${i}; x\n"


def test_a_block_of_several_lines_gets_a_line_for_each_of_its_braces() -> None:
    assert tidy("vm a { memory 128M\ncpus 1 } vm b { }") == "vm a {\n    memory 128M\n    cpus 1\n}\nvm b {}\n"


def test_a_directive_is_one_statement_whatever_its_words() -> None:
    assert tidy("let address mtu\nfor vm in dhcp vm { address $vm mtu 1 }") == (
        "let address mtu\nfor vm in dhcp vm { address $vm  mtu 1 }\n"
    )


def test_at_most_one_empty_line_is_kept_and_none_at_the_ends_of_a_block() -> None:
    assert formatted("\n\na\n\n\n\nb {\n\n  c\n\n}\n\n\n") == "a\n\nb {\n    c\n}\n"


def test_comments_stay_on_their_line_or_behind_it() -> None:
    assert tidy("""
        # one
        vm a {# two
        # three
        memory 128M# four
            # five

        }# six
        # seven
    """) == layout("""
        # one
        vm a {  # two
            # three
            memory 128M  # four
            # five
        }  # six
        # seven
    """)


def test_comments_behind_adjacent_lines_stand_below_each_other() -> None:
    assert tidy("""
        a 1 # one
        bcd 12345 # two
        e

        f # three
    """) == layout("""
        a 1        # one
        bcd 12345  # two
        e

        f  # three
    """)


def test_strings_are_kept_as_typed() -> None:
    assert tidy("""append  "a  \\"b;\\t"   'c  d # e'""") == """append "a  \\"b;\\t" 'c  d # e'\n"""


def test_line_ends_of_other_systems_become_plain_ones() -> None:
    assert formatted("a {\r\nb # c\r\n}\r\n") == "a {\n    b  # c\n}\n"


def test_an_empty_file_stays_empty() -> None:
    assert formatted("") == formatted("\n \n") == ""


@pytest.mark.parametrize("text", ["vm  a {\n", 'vm  "a\n', "vm  a\n{ }", "a  }"])
def test_a_faulty_source_is_reported_and_given_back_as_it_is(text: str) -> None:
    diagnostics = Diagnostics()
    assert format_source(Source("lab.dsl", text), diagnostics, split) == text
    assert diagnostics.has_errors


WORDS = st.sampled_from(["vm", "address", "a", "$i", "br${i}", '"x  y"', "'#;'", "it's", "日本", "let", "for"])


def texts() -> st.SearchStrategy[str]:
    """Texts whose braces match: lines, blocks on a line, blocks of several lines, with blanks and comments anywhere."""
    space = st.sampled_from(["", " ", "\t ", "\n", "\n\n\n", "\r\n", " # note  \n", "#\n", ";", " ; ;"])
    line = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)

    def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        block = st.builds("{}{}{{{}{}{}}}".format, line, st.sampled_from(["", " "]), space, inner, space)
        return st.lists(st.tuples(line | block, space.filter(bool)).map("".join), max_size=4).map("".join)

    return st.recursive(line, blocks, max_leaves=8)


@given(texts())
def test_formatting_twice_changes_nothing_more(text: str) -> None:
    once = formatted(text)
    assert formatted(once) == once


@given(texts())
def test_formatting_keeps_every_statement_and_every_comment(text: str) -> None:
    def meaning(source: Source) -> tuple[object, list[str]]:
        diagnostics = Diagnostics()
        statements = shape(parse(source, diagnostics))
        assert not diagnostics.has_errors
        comments = [token for token in tokenize(source, diagnostics) if token.kind == COMMENT]
        return statements, [source.text[token.start : token.end].rstrip() for token in comments]

    assert meaning(Source("before", text)) == meaning(Source("after", formatted(text)))


@given(st.text(alphabet="a1{};#\"'\\$ \t\n\r"))
def test_any_text_is_formatted_stably_or_given_back_as_it_is(text: str) -> None:
    diagnostics = Diagnostics()
    once = format_source(Source("lab.dsl", text), diagnostics, split)
    if diagnostics.has_errors:
        assert once == text
    else:
        assert formatted(once) == once
