"""The vocabulary: its patterns, and what is made from them."""

from __future__ import annotations

import pytest

from gen.values import TYPES
from gen.vocabulary import (
    CONTEXTS,
    KEYWORDS,
    SECOND_RING,
    Either,
    Keyword,
    Maybe,
    Term,
    grammar,
    keywords_in,
    keywords_named,
    placeholders,
    table,
)

EACH_KEYWORD = pytest.mark.parametrize("keyword", KEYWORDS, ids=lambda keyword: keyword.pattern)


def keyword_of(pattern: str) -> Keyword:
    return Keyword(pattern.partition(" ")[0], pattern, "does something", ("top",))


@EACH_KEYWORD
def test_every_placeholder_has_a_type(keyword: Keyword) -> None:
    assert set(placeholders(grammar(keyword).nodes)) <= TYPES.keys()


def test_every_type_is_used() -> None:
    assert {name for keyword in KEYWORDS for name in placeholders(grammar(keyword).nodes)} == TYPES.keys()


@EACH_KEYWORD
def test_every_keyword_stands_in_known_contexts_and_its_block_holds_something(keyword: Keyword) -> None:
    assert set(keyword.contexts) <= CONTEXTS.keys()
    assert keyword.block is None or keywords_in(keyword.block)


@EACH_KEYWORD
def test_every_keyword_says_in_one_clause_what_it_does(keyword: Keyword) -> None:
    assert keyword.doc
    assert not keyword.doc.endswith(".")


def test_no_context_has_the_same_pattern_twice() -> None:
    for context in CONTEXTS:
        patterns = [keyword.pattern for keywords in keywords_in(context).values() for keyword in keywords]
        assert len(patterns) == len(set(patterns)), context


def test_a_word_kept_for_a_later_version_starts_no_statement_of_this_one() -> None:
    assert not [word for word in SECOND_RING if keywords_named(word)]


def test_a_pattern_of_words_and_placeholders_has_a_slot_for_each_placeholder() -> None:
    read = grammar(keyword_of("nat to IP"))
    assert read.nodes == (Term(("to",), None, None), Term((), "IP", 0))
    assert read.slots == 1


def test_a_choice_of_words_is_one_slot_also_where_a_placeholder_is_among_them() -> None:
    assert grammar(keyword_of("stp on|off")).nodes == (Term(("on", "off"), None, 0),)
    assert grammar(keyword_of("nat NET|all")).nodes == (Term(("all",), "NET", 0),)


def test_brackets_with_no_blank_before_them_belong_to_the_word() -> None:
    assert grammar(keyword_of("nat IP[-IP][:PORT-PORT]")).nodes == (Term((), "IP[-IP][:PORT-PORT]", 0),)


def test_an_optional_word_alone_is_a_slot_that_tells_whether_it_was_there() -> None:
    assert grammar(keyword_of("expect WHO [cannot]")).nodes[1] == Maybe((Term(("cannot",), None, 1),))


def test_a_choice_of_several_words_is_grouped() -> None:
    (node,) = grammar(keyword_of("dhcp (IP - IP | on)")).nodes
    assert node == Either(
        ((Term((), "IP", 0), Term(("-",), None, None), Term((), "IP", 1)), (Term(("on",), None, None),))
    )


def test_a_repeated_placeholder_is_one_slot() -> None:
    assert grammar(keyword_of("port NIC ...")).nodes == (Term((), "NIC", 0, repeated=True),)


def test_the_table_has_a_row_for_each_keyword_with_three_cells() -> None:
    rows = table().splitlines()[2:]
    assert len(rows) == len(KEYWORDS)
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)
    assert "| `mac MAC` | `network`, a `nic` of a router or namespace | the interface's own MAC |" in rows
