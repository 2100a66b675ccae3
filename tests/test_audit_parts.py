"""The verdict on a script of which the checkers see each shape once is that on all of it."""

from __future__ import annotations

import random
import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import driver, shell
from gen.audit import audit
from gen.audit.lab import statements_of, variables_of
from gen.audit.parts import _WORDS, LAB_MARK, Parts, dissect, runtime_functions, value
from gen.audit.rules import tree_findings
from gen.audit.shellcheck import shellcheck
from gen.audit.tree import syntax_tree
from gen.diagnostics import Diagnostics
from gen.render.script import runtime
from gen.source import Source
from tests.test_cases import CASES, Case, built, every_case
from tests.test_shell import as_bash_reads

# What shellcheck and shfmt say is looked at in all of a script, so of those the tests take few.
SOME = [case for case in CASES if str(case) in ("language-debian12", "kernel-centos7")]

SUSPICIOUS = [
    "'$x'",
    "'a$(b)c'",
    "do",
    "done",
    "then",
    "'`x`'",
    '"~/x"',
    "'“x”'",
    '"a\\$b"',
    "$'\\x01'",
    "'&& x'",
    "'x\\'",
]
"""Words in the form; shellcheck has something to say about some of them."""


def parts_of(script: str) -> Parts:
    parts = dissect(script)
    assert isinstance(parts, Parts), script.split("\n")[parts - 1]
    return parts


@cache
def remarks(text: str) -> set[tuple[int, int]]:
    """Line and code of each of shellcheck's remarks."""
    return {(each.line, each.code) for each in shellcheck(text)}


@every_case
def test_the_short_way_reads_the_statements_that_the_syntax_tree_has(case: Case) -> None:
    script = built(case).script
    parts, tree = parts_of(script), syntax_tree(script)
    assert parts.statements == statements_of(tree)
    assert parts.variables == variables_of(tree)


@pytest.mark.parametrize("case", SOME, ids=str)
def test_both_ways_accept_the_script(case: Case) -> None:
    script = built(case).script
    text, _ = parts_of(script).condensed("stand-in")
    assert remarks(script) == remarks(text) == set()
    text, _ = parts_of(script).condensed("none")
    assert tree_findings(script)[0] == tree_findings(text, runtime_functions())[0] == []


def test_a_runtime_that_is_not_noted_is_looked_at_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gen.audit.is_vouched", lambda: False)
    script = built(SOME[0]).script
    assert runtime() in parts_of(script).condensed("whole")[0]
    assert audit(script).findings == ()
    at = script.index("\n  kg_op 2 ")
    assert audit(f"{script[:at]}\n  kg_do rm -rf /{script[at:]}").findings


@cache
def spoiled() -> str:
    """A script in which words of the lab's part are others, still in the form."""
    chance = random.Random(1)
    head, mark, lab = built(SOME[0]).script.partition(LAB_MARK)
    lines = lab.split("\n")
    places = [n for n, line in enumerate(lines) if re.match(r"  kg_(do|undo|probe|look) [^'\"$<\\]*$", line)]
    for n in chance.sample(places, 4 * len(SUSPICIOUS)):
        words = lines[n].split(" ")
        words[chance.randrange(3, len(words))] = SUSPICIOUS[n % len(SUSPICIOUS)]
        lines[n] = " ".join(words)
    return head + mark + "\n".join(lines)


def test_shellcheck_finds_the_same_in_a_spoiled_script_either_way() -> None:
    whole = remarks(spoiled())
    text, numbers = parts_of(spoiled()).condensed("stand-in")
    short = {(numbers[line - 1], code) for line, code in remarks(text)}
    assert short <= whole  # each shape once
    assert {code for _, code in short} == {code for _, code in whole} >= {2016, 1010}
    lines = spoiled().split("\n")
    shapes = {(code, re.sub(r"\w+", "a", lines[line - 1])) for line, code in short}
    assert {(code, re.sub(r"\w+", "a", lines[line - 1])) for line, code in whole} == shapes


def test_of_a_script_of_a_thousand_guests_little_is_looked_at() -> None:
    text = "for i in 1..1000 { vm g$i { disk /i.qcow2 { overlay on }\nnic on br { address auto } } }\n"
    text += "network br isolated { address 10.0.255.254/16  dhcp on }\n"
    script = driver.build(Source("lab.dsl", text), Diagnostics()).script
    parts = parts_of(script)
    shown, numbers = parts.condensed("stand-in")
    assert len(parts.statements) > 10_000
    assert shown.count("\n") < 800
    assert [script.split("\n")[n - 1] for n in numbers[:20]] == shown.split("\n")[:20]


@pytest.mark.parametrize(
    "line",
    [
        "  kg_do $(id)",
        '  kg_do "${x}"',
        "  kg_do a; id",
        "  kg_do a & id",
        "  kg_do a | id",
        "  kg_do >/etc/passwd",
        "  kg_do a >x",
        "  kg_do <(id)",
        "  kg_do `id`",
        "  kg_do a #b",
        "  kg_do 'a",
        "  kg_do a\\",
        "  kg_do <<X",
        "  kg_do <<KG_END",
        "  kg_do *",
        "  kg_do ~",
        "  kg_do {a,b}",
        "  kg_do !x",
        "  kg_do a'b'",
        "  kg_do\ta",
        "  kg_do a\r",
        "  kg_do  a",
        "  x=1",
        "  eval a",
        "kg_do a",
        "}; id; {",
        "kg_x() { id; }",
        "}\n\nkg_log() {\n  kg_down\n}\n\nkg_section_x() {",
        "}\n\nkg_x() {\n  kg_down\n}\n\nkg_section_x() {",
        "# a\rid",
    ],
)
def test_what_is_not_in_the_form_is_not_read_the_short_way(line: str) -> None:
    script = built(SOME[0]).script
    at = script.index("  kg_op 2 ")
    number = script.count("\n", 0, at) + 1
    found = dissect(f"{script[:at]}{line}\n{script[at:]}")
    assert found == number + (2 if "\n" in line else 0)


@pytest.mark.parametrize("edit", ["head", "gate", "runtime", "tail", "end"])
def test_nor_is_any_other_edit(edit: str) -> None:
    script = built(SOME[0]).script
    old, new = {
        "head": ("readonly KG_LAB=", "readonly KG_LAB=$(id)"),
        "gate": ("umask 077", "umask 022"),
        "runtime": ("kg_log() {", "kg_log() {\n  id"),
        "tail": ('  kg_main "$@"\n', '  kg_main "$@"\n  id\n'),
        "end": ("  exit\n}\n", "  exit\n}\nid\n"),
    }[edit]
    assert old in script
    assert isinstance(dissect(script.replace(old, new, 1)), int)


@given(st.lists(st.from_regex(_WORDS, fullmatch=True).filter(lambda word: "\\x00" not in word), min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_words_in_the_form_are_read_as_bash_reads_them(words: list[str]) -> None:
    assert as_bash_reads(" ".join(words)) == [value(word) for word in words]


@given(st.text(st.characters(exclude_characters="\0")))
@settings(max_examples=300, deadline=None)
def test_a_word_is_read_as_it_was_quoted(text: str) -> None:
    try:
        word = shell.quote(text)
    except UnicodeEncodeError:
        return
    if "\n" not in word:
        assert value(word) == text
