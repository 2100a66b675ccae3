"""`let`, `for`, `include` and variables: what they give, and what is refused."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.diagnostics import Diagnostics, render
from gen.expand import MAX_STATEMENTS, expand
from gen.source import Source, UnreadableSource
from gen.syntax.parser import parse
from gen.syntax.tree import Statement
from tests.shape import shape

Files = dict[str, str]


def run(text: str, files: Files | None = None) -> tuple[tuple[Statement, ...], Diagnostics]:
    def read(path: str) -> Source:
        if files and path in files:
            return Source(path, files[path])
        raise UnreadableSource(f"cannot read `{path}`: no such file or directory")

    diagnostics = Diagnostics()
    statements = parse(Source("lab.dsl", text), diagnostics)
    assert not diagnostics.has_errors, render(diagnostics)
    return expand(statements, diagnostics, read), diagnostics


def expanded(text: str, files: Files | None = None) -> list[Any]:
    statements, diagnostics = run(text, files)
    assert not diagnostics.has_errors, render(diagnostics)
    return shape(statements)


def errors_of(text: str, files: Files | None = None) -> list[tuple[str, str]]:
    return [(found.code, found.label.span.text) for found in run(text, files)[1]]


def drawing_of(text: str, files: Files | None = None) -> str:
    return "\n" + render(run(dedent(text).lstrip("\n"), files)[1])


def test_a_source_without_directives_is_given_back_as_it_is() -> None:
    statements = parse(Source("lab.dsl", "vm for {\n    memory 1M\n}\n"), Diagnostics())
    assert expand(statements, Diagnostics()) is statements


def test_let_gives_a_value_from_its_line_to_the_end_of_the_block() -> None:
    assert expanded("let n 1\nvm a$n { let n 2; cpus $n }\ncpus $n") == [["vm", "a1", [["cpus", "2"]]], ["cpus", "1"]]


def test_a_value_may_use_the_values_before_it() -> None:
    assert expanded("let a 10\nlet b ${a}.0\nlet b $b.1\nx $b") == [["x", "10.0.1"]]


def test_for_repeats_its_block_for_each_number_both_ends_included() -> None:
    assert expanded("for i in 1..3 { vm v$i; cpus ${i} }") == [
        *(["vm", "v1"], ["cpus", "1"]),
        *(["vm", "v2"], ["cpus", "2"]),
        *(["vm", "v3"], ["cpus", "3"]),
    ]


def test_for_takes_words_ranges_and_variables() -> None:
    assert expanded("let n 2\nfor i in a 1..$n 'x y' -1..0 '5..6' ../c { v $i }") == [
        ["v", value] for value in ("a", "1", "2", "x y", "-1", "0", "5..6", "../c")
    ]


def test_a_range_with_a_leading_zero_keeps_its_digits() -> None:
    assert expanded("for i in 08..10 { v $i }") == [["v", "08"], ["v", "09"], ["v", "10"]]


def test_loops_nest_and_the_inner_one_may_count_to_the_outer() -> None:
    assert expanded("for i in 1..2 { for j in 1..$i { v $i.$j } }") == [["v", "1.1"], ["v", "2.1"], ["v", "2.2"]]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("$i", "7"),
        ("a${i}b", "a7b"),
        ("$$i", "$i"),
        ("${i+1}", "8"),
        ("${i-10}", "-3"),
        ("${i*$$}", None),
        ("${i*i}", "49"),
        ("${100+i}", "107"),
        ("${ i + 1 }", "8"),
        ("${i:03}", "007"),
        ("${i+3:02}", "10"),
        ("$i.$i", "7.7"),
        ('"$i \\$i"', "7 $i"),
        ("'$i'", "$i"),
    ],
)
def test_variables_are_replaced_inside_words(word: str, value: str | None) -> None:
    if value is None:
        assert errors_of(f"let i 7\nx {word}") == [("malformed-variable", word)]
    else:
        assert expanded(f"let i 7\nx {word}") == [["x", value]]


def test_a_value_is_one_word_however_many_blanks_it_holds_and_is_not_replaced_again() -> None:
    assert expanded("let a 'x $y ; z'\nv $a") == [["v", "x $y ; z"]]


def test_spans_of_replaced_words_point_at_what_was_typed() -> None:
    statements, _ = run("for i in 1..2 { vm v$i }")
    assert [statement.words[1].span.text for statement in statements] == ["v$i", "v$i"]


def test_a_directive_is_known_by_its_first_word_only() -> None:
    assert expanded("vm for { cpus 1 }\nexpect let reaches include\n'let' a b") == [
        ["vm", "for", [["cpus", "1"]]],
        ["expect", "let", "reaches", "include"],
        ["let", "a", "b"],
    ]


def test_include_puts_the_other_file_in_its_place_and_shares_variables_both_ways() -> None:
    files = {"part.dsl": "vm a$n\nlet m 5\n"}
    assert expanded("let n 1\ninclude part.dsl\nvm b$m", files) == [["vm", "a1"], ["vm", "b5"]]


def test_include_is_relative_to_the_file_that_it_stands_in() -> None:
    files = {"sub/one.dsl": "include two.dsl\ninclude ../three.dsl", "sub/two.dsl": "vm two", "three.dsl": "vm three"}
    assert expanded("include sub/one.dsl", files) == [["vm", "two"], ["vm", "three"]]


def test_include_stands_at_any_level_and_its_lets_end_with_the_block() -> None:
    files = {"part.dsl": "let m 128M\nmemory $m"}
    assert expanded("vm a { include part.dsl }\nvm b { include part.dsl }", files) == [
        ["vm", "a", [["memory", "128M"]]],
        ["vm", "b", [["memory", "128M"]]],
    ]
    assert errors_of("vm a { include part.dsl }\nv $m", files) == [("unknown-variable", "$m")]


def test_include_reads_real_files(tmp_path: Path) -> None:
    (tmp_path / "part.dsl").write_text("vm a\n")
    lab = tmp_path / "lab.dsl"
    lab.write_text("include part.dsl\n")
    assert shape(expand(parse(Source.read(lab), Diagnostics()), Diagnostics())) == [["vm", "a"]]


def test_an_unknown_variable_is_drawn_with_the_one_that_was_meant() -> None:
    assert drawing_of("""
        let memory 128M
        vm a {
            memory $memroy
        }
    """) == dedent("""
        error[unknown-variable]: the variable `memroy` is not defined
         --> lab.dsl:3:12
          |
        3 |     memory $memroy
          |            ^^^^^^^ no `let` or `for` around this gives it a value
          |
          = help: did you mean `memory`?
    """)


def test_a_variable_is_not_known_before_its_let_nor_after_its_block() -> None:
    assert errors_of("v $a\nlet a 1\nb { let c 1 }\nv $c\nfor i in 1..2 { v $i }\nv x${i+1}") == [
        ("unknown-variable", "$a"),
        ("unknown-variable", "$c"),
        ("unknown-variable", "${i+1}"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "let",
        "let a",
        "let a 1 let b 2",
        "let a 1 { }",
        "for i in 1..2",
        "for i in { }",
        "for i 1..2 { }",
        "include",
        "include a b",
    ],
)
def test_a_directive_that_is_not_complete_or_too_long_is_an_error(text: str) -> None:
    assert [code for code, _ in errors_of(text)] == ["malformed-directive"]


@pytest.mark.parametrize("text", ["let $a 1", "let 1a 1", "let a-b 1", "for $i in 1..2 { }", "let 'a' 1"])
def test_a_variable_with_an_impossible_name_is_an_error_at_the_name(text: str) -> None:
    assert errors_of(text) == [("malformed-directive", text.split()[1])]


def test_a_faulty_directive_has_no_errors_in_its_train() -> None:
    assert errors_of("let a 1 let b 2\nv $a\nfor i of 1..2 { v $i; v ${i+1}; v $j }") == [
        ("malformed-directive", "let a 1 let b 2"),
        ("malformed-directive", "for i of 1..2"),
        ("unknown-variable", "$j"),
    ]


def test_a_mistake_in_a_loop_is_reported_once() -> None:
    assert errors_of("for i in 1..100000 { v $j }") == [("unknown-variable", "$j")]


def test_a_reversed_range_is_an_error_that_says_how_to_turn_it() -> None:
    assert drawing_of("for i in 5..1 { vm v$i }") == dedent("""
        error[empty-range]: the range `5..1` is empty
         --> lab.dsl:1:10
          |
        1 | for i in 5..1 { vm v$i }
          |          ^^^^ 5 is greater than 1
          |
          = help: a range counts upwards: `1..5`
    """)


@pytest.mark.parametrize("word", ["a..c", "1..", "..9", "1..x"])
def test_a_range_of_anything_but_whole_numbers_is_an_error(word: str) -> None:
    assert errors_of(f"for i in {word} {{ v $i }}") == [("malformed-range", word)]


@pytest.mark.parametrize("word", ["$", "a$-b", "${}", "${i i}", "${i/2}", "${i+}", "${i:3}", '"${i"'])
def test_a_dollar_without_a_variable_is_an_error(word: str) -> None:
    assert [code for code, _ in errors_of(f"let i 1\nv {word}")] == ["malformed-variable"]


@pytest.mark.parametrize("word", ["${n+1}", "${1*n}", "${n:02}"])
def test_only_whole_numbers_are_calculated_with(word: str) -> None:
    assert errors_of(f"let n br\nv {word}") == [("not-a-number", word)]


def test_a_file_that_includes_itself_is_an_error_that_names_the_way_round() -> None:
    files = {"a.dsl": "include b.dsl\n", "b.dsl": "include a.dsl\n"}
    assert drawing_of("include a.dsl", files) == dedent("""
        error[include-cycle]: a file includes itself
         --> b.dsl:1:9
          |
        1 | include a.dsl
          |         ^^^^^ `a.dsl` -> `b.dsl` -> `a.dsl`
    """)
    assert errors_of("include ./lab.dsl") == [("include-cycle", "./lab.dsl")]


def test_a_missing_file_is_one_error_at_the_include() -> None:
    assert drawing_of("include part.dsl\nfor i in 1..3 { include part.dsl }").count("\nerror") == 2
    assert drawing_of("include part.dsl") == dedent("""
        error[unreadable-include]: cannot read `part.dsl`: no such file or directory
         --> lab.dsl:1:9
          |
        1 | include part.dsl
          |         ^^^^^^^^ included here
    """)


def test_a_file_named_dash_is_a_file_not_standard_input() -> None:
    assert expanded("include -", {"./-": "vm a"}) == [["vm", "a"]]


def test_faults_of_an_included_file_are_drawn_in_that_file() -> None:
    assert "--> part.dsl:1:6" in drawing_of("include part.dsl", {"part.dsl": "vm a {\n"})
    assert errors_of("include part.dsl", {"part.dsl": "vm a${i\n"}) == [("malformed-variable", "${")]


def test_files_that_include_ever_deeper_stop_at_the_ceiling() -> None:
    files = {f"{n}.dsl": f"include {n + 1}.dsl" for n in range(500)}
    assert errors_of("include 0.dsl", files)[0][0] == "blocks-too-deep"
    files = {f"{n}.dsl": f"a {{ b {{ c {{ include {n + 1}.dsl\n}}}}}}" for n in range(500)}
    assert errors_of("include 0.dsl", files)[0][0] == "blocks-too-deep"


@pytest.mark.parametrize(
    "text",
    [
        "for i in 1..1000000000000 { }",
        "for i in 1..100000 { for j in 1..100000 { } }",
        f"for i in 1..{MAX_STATEMENTS // 2 + 1} {{ v $i }}",
        "let a 1\n" * 100 + "for i in 1..2000 { " + "let a $i\n" * 50 + " }",
    ],
)
def test_expansion_has_a_ceiling(text: str) -> None:
    assert [code for code, _ in errors_of(text)] == ["too-many-statements"]


def test_words_that_double_each_other_have_a_ceiling() -> None:
    assert errors_of("let a xxxxxxxx\n" + "let a $a$a\n" * 60)[0] == ("word-too-long", "$a$a")


LINES = st.sampled_from(
    [
        "let i 1",
        "let i $i$i",
        "let i",
        "for i in 1..3 {",
        "for j in a $i {",
        "}",
        "vm v$i {",
        "x ${i+1} ${j:02}",
        "include lab",
        "v $",
    ]
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=12).map("\n".join))
def test_any_directives_give_statements_without_them_or_diagnostics(text: str) -> None:
    diagnostics = Diagnostics()
    statements = parse(Source("lab.dsl", text), diagnostics)
    result = expand(statements, diagnostics, lambda path: Source(path, "let i 2\nw $i"))
    assert diagnostics.has_errors or "'let'" not in str(shape(result))
