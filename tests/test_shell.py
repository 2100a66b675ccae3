"""The one door: whatever goes in, bash gets exactly that word, and shellcheck has nothing to say."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import shell
from gen.audit.shellcheck import shellcheck

NASTY = [
    "",
    "plain",
    "two words",
    "$(touch /tmp/pwned)",
    "`id`",
    "a'b",
    'a"b',
    "a\\b",
    "ends with \\",
    "~root",
    "*",
    "!",
    "a;b",
    "a\nb",
    "a\tb",
    "-n",
    "--",
    "=x",
    "网桥 名称空间",
    "‘curly’",
    "“curly”",
    "non\u00a0breaking",
    "{a,b}",
    "#no comment",
    "a&b|c>d<e",
    "\x01\x7f",
]


def as_bash_reads(words: str) -> list[str]:
    """The words that bash makes of a piece of source."""
    script = f"printf '%s\\0' {words}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, check=True, cwd="/proc", env={"LC_ALL": "C"}
    )
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


def test_bash_reads_every_nasty_word_as_it_was() -> None:
    assert as_bash_reads(shell.join(NASTY)) == NASTY


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_bash_reads_any_words_as_they_were(words: list[str]) -> None:
    assert as_bash_reads(shell.join(words)) == words


def test_shellcheck_has_nothing_to_say_about_any_nasty_word() -> None:
    lines = "".join(f"printf '%s\\n' {shell.quote(word)}\n" for word in NASTY)
    assert shellcheck(f"#!/bin/bash\n{lines}") == []


def test_words_that_need_no_quotes_get_none() -> None:
    assert shell.join(["ip", "addr", "add", "10.0.0.1/24", "dev", "br-in"]) == "ip addr add 10.0.0.1/24 dev br-in"


def test_a_word_with_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        shell.quote("a\0b")


def test_a_long_command_breaks_before_options_and_stays_the_same_command() -> None:
    words = ["qemu", "-name", "a b", *[word for i in range(30) for word in ("-drive", f"file=/images/{i},format=raw")]]
    wrapped = shell.wrap(words, "    ", 80)
    assert all(len(line) <= 80 for line in wrapped.splitlines())
    assert as_bash_reads(wrapped) == words


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(lambda t: "KG_END" not in t))
@settings(max_examples=100, deadline=None)
def test_a_here_document_holds_the_text_as_it_is_with_a_last_line_end(text: str) -> None:
    script = f"cat <<'KG_END'\n{shell.here_document(text)}\n"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, cwd="/proc")
    expected = text if text.endswith("\n") or not text else text + "\n"
    assert done.stdout.decode() == (expected or "\n" * script.count("\n\nKG_END"))


def test_a_here_document_cannot_be_ended_from_inside() -> None:
    with pytest.raises(ValueError, match="end mark"):
        shell.here_document("a\nKG_END\nrm -rf /\n")


def test_a_comment_cannot_be_ended_from_inside() -> None:
    with pytest.raises(ValueError, match="one line"):
        shell.comment("harmless\nrm -rf /")


@pytest.mark.parametrize("value", [None, True, 1.5, ["a"], b"a"])
def test_a_template_writes_only_text_and_whole_numbers(value: object) -> None:
    with pytest.raises(TypeError):
        shell.finalize(value)
