"""Diagnostics: how they are collected, and every drawing in full."""

from __future__ import annotations

import json
from textwrap import dedent

from gen.diagnostics import Diagnostics, Label, did_you_mean, render, suggest
from gen.source import Source, Span


def span_of(source: Source, text: str, nth: int = 0) -> Span:
    start = -1
    for _ in range(nth + 1):
        start = source.text.index(text, start + 1)
    return Span(source, start, start + len(text))


def drawn(expected: str) -> str:
    return dedent(expected).lstrip("\n")


LAB = Source(
    "lab.dsl", "lab a\n" * 7 + "nic a { mac 52:54:00:11:22:33 }\n" + "#\n" * 3 + "nic b { mac 52:54:00:11:22:33 }\n"
)


def duplicate_mac() -> Diagnostics:
    diagnostics = Diagnostics()
    mac = "52:54:00:11:22:33"
    diagnostics.error(
        "duplicate-mac",
        f"two nics have the MAC `{mac}`",
        span_of(LAB, mac, 1),
        "used again here",
        also=(Label(span_of(LAB, "nic a"), "first used here"),),
        help=("leave `mac` out and one is given out",),
    )
    return diagnostics


def test_a_mistake_is_drawn_with_both_places_and_the_help() -> None:
    assert render(duplicate_mac()) == drawn("""
        error[duplicate-mac]: two nics have the MAC `52:54:00:11:22:33`
          --> lab.dsl:12:13
           |
        12 | nic b { mac 52:54:00:11:22:33 }
           |             ^^^^^^^^^^^^^^^^^ used again here
        ...
         8 | nic a { mac 52:54:00:11:22:33 }
           | ----- first used here
           |
           = help: leave `mac` out and one is given out
    """)


def test_two_labels_on_one_line_share_its_drawing() -> None:
    source = Source("lab.dsl", "nic a mac X mac Y\n")
    diagnostics = Diagnostics()
    diagnostics.error(
        "repeated", "`mac` twice", span_of(source, "mac", 1), "again", also=(Label(span_of(source, "mac"), "first"),)
    )
    assert render(diagnostics) == drawn("""
        error[repeated]: `mac` twice
         --> lab.dsl:1:13
          |
        1 | nic a mac X mac Y
          |             ^^^ again
          |       --- first
    """)


def test_a_label_in_another_file_names_that_file() -> None:
    one, two = Source("one.dsl", "vm a\n"), Source("two.dsl", "vm a\n")
    diagnostics = Diagnostics()
    diagnostics.error("twice", "`a` twice", span_of(two, "a"), "again", also=(Label(span_of(one, "a"), "first"),))
    assert render(diagnostics) == drawn("""
        error[twice]: `a` twice
         --> two.dsl:1:4
          |
        1 | vm a
          |    ^ again
         ::: one.dsl:1:4
          |
        1 | vm a
          |    - first
    """)


def test_carets_stand_under_the_word_after_tabs_and_wide_characters() -> None:
    source = Source("lab.dsl", "\tvm 日本 bad\n")
    diagnostics = Diagnostics()
    diagnostics.warning("odd", "odd", span_of(source, "日本"))
    diagnostics.warning("odd", "odd", span_of(source, "bad"), "here")
    assert render(diagnostics) == drawn("""
        warning[odd]: odd
         --> lab.dsl:1:5
          |
        1 |     vm 日本 bad
          |        ^^^^

        warning[odd]: odd
         --> lab.dsl:1:8
          |
        1 |     vm 日本 bad
          |             ^^^ here
    """)


def test_a_very_long_line_is_cut_to_a_window_around_the_span() -> None:
    source = Source("lab.dsl", "a" * 500 + " bad " + "b" * 500 + "\n")
    diagnostics = Diagnostics()
    diagnostics.error("odd", "odd", span_of(source, "bad"), "here")
    _, _, _, line, mark = render(diagnostics).splitlines()
    assert len(line) <= 124 + 2
    assert line.startswith("1 | ...aaa")
    assert line.endswith("bbb...")
    assert line[mark.index("^") :][:3] == "bad"


def test_a_span_over_several_lines_is_drawn_on_its_first() -> None:
    source = Source("lab.dsl", "vm a {\n    cpus 1\n}\n")
    diagnostics = Diagnostics()
    diagnostics.error("odd", "odd", Span(source, 5, len(source.text)), "this block")
    assert render(diagnostics).splitlines()[3:] == ["1 | vm a {", "  |      ^ this block"]


def test_an_empty_span_at_the_end_of_the_file_still_has_a_caret() -> None:
    source = Source("lab.dsl", "lab a")
    diagnostics = Diagnostics()
    diagnostics.error("odd", "odd", Span(source, 5, 5))
    assert render(diagnostics).splitlines()[3:] == ["1 | lab a", "  |      ^"]


def test_what_a_terminal_would_act_upon_is_shown_as_a_sign() -> None:
    source = Source("lab\x1b.dsl", "lab \x1b[2J\n")
    diagnostics = Diagnostics()
    diagnostics.error("odd", "odd \x1b[2J", span_of(source, "\x1b[2J"), "\x07", help=("\x9b",))
    for text in (render(diagnostics), render(diagnostics, "gcc")):
        assert text.isascii() is False
        assert all(char.isprintable() or char == "\n" for char in text)


def test_colours_are_put_around_the_parts_and_change_no_text() -> None:
    import re

    colored = render(duplicate_mac(), color=True)
    assert "\x1b[1;31merror[duplicate-mac]\x1b[0m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(duplicate_mac())


def test_gcc_lines_carry_the_code_and_notes() -> None:
    assert render(duplicate_mac(), "gcc") == drawn("""
        lab.dsl:12:13: error: two nics have the MAC `52:54:00:11:22:33` [duplicate-mac]
        lab.dsl:12:13: note: used again here
        lab.dsl:8:1: note: first used here
        lab.dsl:12:13: note: help: leave `mac` out and one is given out
    """)


def test_json_is_a_list_of_objects_with_places() -> None:
    assert json.loads(render(duplicate_mac(), "json")) == [
        {
            "file": "lab.dsl",
            "line": 12,
            "column": 13,
            "end_line": 12,
            "end_column": 30,
            "code": "duplicate-mac",
            "severity": "error",
            "message": "two nics have the MAC `52:54:00:11:22:33`",
            "label": "used again here",
            "also": [
                {"file": "lab.dsl", "line": 8, "column": 1, "end_line": 8, "end_column": 6, "label": "first used here"}
            ],
            "help": ["leave `mac` out and one is given out"],
        }
    ]
    assert json.loads(render([], "json")) == []


def test_nothing_found_draws_nothing() -> None:
    assert render(Diagnostics()) == render([], "gcc") == ""


def test_an_equal_diagnostic_is_kept_once() -> None:
    diagnostics = duplicate_mac()
    diagnostics.error("odd", "odd", span_of(LAB, "lab"))
    diagnostics.error("odd", "odd", span_of(LAB, "lab"))
    assert len(diagnostics) == 2


def test_diagnostics_come_in_source_order_file_by_file() -> None:
    one, two = Source("one.dsl", "a b c"), Source("two.dsl", "a b c")
    diagnostics = Diagnostics()
    for source, word in ((two, "c"), (one, "b"), (two, "a"), (one, "a")):
        diagnostics.error("odd", f"{source.name} {word}", span_of(source, word))
    assert [found.message for found in diagnostics] == ["two.dsl a", "two.dsl c", "one.dsl a", "one.dsl b"]


def test_warnings_alone_are_no_errors() -> None:
    diagnostics = Diagnostics()
    diagnostics.warning("odd", "odd", span_of(LAB, "lab"))
    assert not diagnostics.has_errors
    diagnostics.error("odd", "odd", span_of(LAB, "lab"))
    assert diagnostics.has_errors


def test_the_nearest_word_is_suggested_and_none_when_all_are_far() -> None:
    keywords = ["network", "namespace", "router", "vm"]
    assert [suggest(word, keywords) for word in ("netwrok", "Router", "VM", "vn", "frobnicate")] == [
        "network",
        "router",
        "vm",
        "vm",
        None,
    ]
    assert did_you_mean("netwrok", keywords) == ("did you mean `network`?",)
    assert did_you_mean("frobnicate", keywords) == ()
