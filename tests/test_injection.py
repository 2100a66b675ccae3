"""No value of a lab becomes code: hostile values in every field, second languages, and quoters broken on purpose."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import driver, encode, shell, values
from gen.audit import audit, formats
from gen.audit.allowed import LAB_FUNCTION
from gen.diagnostics import Diagnostics
from gen.render.script import runtime
from gen.source import Source, Span
from gen.syntax.tree import Word
from gen.values import TYPES
from tests.injection import TEXTS, Compiled, Field, check, compiled, fields, placeholders, typed, values_for, with_value
from tests.test_cases import read
from tests.test_encode import as_qemu_splits
from tests.test_shell import NASTY, as_bash_reads

printable = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\0"), max_size=20)


def test_there_is_a_lab_for_every_field_of_the_vocabulary() -> None:
    assert {(field.pattern, field.slot, field.kind) for field in fields()} == placeholders()


@cache
def plain(lab: str) -> Compiled:
    """The lab as it is, compiled before anything is broken."""
    found = compiled(read(Path(lab)))
    assert found is not None
    return found


@pytest.mark.parametrize("field", fields(), ids=str)
def test_no_value_of_this_field_becomes_code(field: Field, record_property: Callable[[str, object], None]) -> None:
    tried = compared = 0
    for value in dict.fromkeys(values_for(field)):
        tried += 1
        compared += check(with_value(field, value), plain(field.lab))
    assert compared or field.kind not in ("TEXT", "PATH", "NAME")
    record_property("hostile values tried", tried)
    record_property("trees compared", compared)


PLAIN = "lab l\nlet x plain\nvm a { kernel /k  append $x\n nic user }  # plain\n"


@pytest.mark.parametrize("text", TEXTS)
def test_no_variable_comment_or_name_of_a_file_becomes_code(text: str, tmp_path: Path) -> None:
    before = compiled(Source("lab.dsl", PLAIN))
    assert before is not None
    for source in (
        Source("lab.dsl", PLAIN.replace("let x plain", f"let x {typed(text)}")),
        Source("lab.dsl", PLAIN.replace("# plain", f"# {text}")),
        Source(f"{text.replace('/', '')}.dsl", PLAIN),
    ):
        assert check(source, before)
    if text and "/" not in text:
        (tmp_path / "lab.dsl").write_text(f"include {typed(f'{text}.dsl')}\n")
        (tmp_path / f"{text}.dsl").write_text(PLAIN)
        found = driver.build(Source.read(tmp_path / "lab.dsl"), Diagnostics())
        assert audit(found.script, with_shellcheck=False).findings == ()


def test_every_checker_accepts_a_lab_that_is_full_of_hostile_texts() -> None:
    texts = [text for text in TEXTS if text]
    lines = [f"    disk {typed('/' + text)} {{ overlay on }}\n    option name {typed(text)}\n" for text in texts]
    lab = f"vm a {{\n{''.join(lines)}    kernel /k\n    append {typed(' '.join(texts))}\n    nic user\n}}\n"
    assert audit(driver.build(Source("lab.dsl", lab), Diagnostics()).script).findings == ()


# The second languages


def word(text: str) -> Word:
    return Word(text, Span(Source("", text), 0, len(text)))


SEPARATORS = frozenset(" \t\n,;:=/'\"\\$`#|&<>(){}[]*?!~^%@+")
"""What separates or quotes in ip batches, iptables-restore, dnsmasq's options, QEMU's and QMP's."""


@given(st.text(max_size=40) | st.text("ab.-_,= /$", max_size=10))
@settings(max_examples=500)
@pytest.mark.parametrize("parse", [values.parse_name, values.parse_interface, values.parse_bridge, values.parse_domain])
def test_no_name_that_is_accepted_holds_what_separates_words_in_any_language(
    parse: Callable[[Word, Diagnostics], str | None], text: str
) -> None:
    name = parse(word(text), Diagnostics())
    assert name is None or (name and not set(name) & SEPARATORS and not name.startswith(("-", ".")))


@cache
def functions_of(text: str) -> dict[str, str]:
    found = re.finditer(r"^(kg_[a-z_0-9]+)\(\) [{(]\n.*?\n[})]$", text, re.MULTILINE | re.DOTALL)
    return {each[1]: each[0] for each in found}


def in_bash(text: str, call: str, *words: str) -> str | None:
    """What the call prints, with functions of the runtime `text` at hand; None where it fails."""
    functions = functions_of(text)
    script = "\n".join(functions[name] for name in ("kg_quote", "kg_json", "kg_encode"))
    done = subprocess.run(
        ["bash", "--norc", "-c", f"set -u; KG_BATCH=yes\n{script}\n{call}", "bash", *words],
        capture_output=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None


def as_tools_split(line: str) -> list[str] | None:
    """What makeargs() of iproute2 (lib/utils.c) and add_param_to_argv() of iptables (xshared.c) make of a line.

    None where one of the two sees a quote, an escape or a comment.
    """
    return None if set(line) & set("'\"\\#\n") else line.split()


def check_batch(text: str, words: list[str]) -> None:
    for tool in (["ip"], ["ip", "netns", "exec", "a", "ip"], ["iptables"], ["iptables", "-t", "nat"]):
        line = in_bash(text, 'kg_encode "$@" && printf %s "${KG_ENCODED}"', *tool, *words)
        assert line is None or as_tools_split(line) == words, (tool, words, line)


def check_quote(text: str, words: list[str]) -> None:
    quoted = in_bash(text, 'kg_quote "$@" && printf %s "${REPLY}"', *words)
    for program in ("bash", "sh"):
        script = f"printf '%s\\0' {quoted}".encode("utf-8", "surrogateescape")
        # In /proc nobody can make a file: a broken quoter lets words be redirections.
        done = subprocess.run([program], input=script, capture_output=True, check=True, cwd="/proc")
        assert done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1] == words


def check_json(text: str, value: str) -> None:
    found = in_bash(text, 'kg_json "$1" && printf %s "${REPLY}"', value)
    try:
        read_back = json.loads(found or "")
    except ValueError:
        read_back = None
    assert read_back == value


one_line = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
any_words = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12), min_size=1
)
tame_words = st.lists(st.text("abz019_./:=@%+,!-", min_size=1, max_size=12), min_size=1, max_size=4)


@given(st.text(max_size=40) | st.text("a/\n\r\x0b\x1b\x7f", max_size=10))
@settings(max_examples=300)
def test_no_value_of_any_type_holds_a_line_end(text: str) -> None:
    for name in TYPES.keys() - {"NETWORK", "WHO", "WHO|IP", "NAME[:PORT]", "NODE.NIC"}:  # these have to be names
        value = TYPES[name].parse(word(text), Diagnostics())
        assert not isinstance(value, str) or not re.search(r"[\x00-\x1f\x7f]", value)


@given(st.lists(one_line, min_size=1) | tame_words)
@settings(max_examples=60, deadline=None)
def test_a_line_of_a_batch_is_split_into_the_words_that_went_in(words: list[str]) -> None:
    check_batch(runtime(), words)


def test_what_could_be_split_otherwise_takes_no_batch() -> None:
    for text in NASTY:
        if as_tools_split(text) != [text] and "\n" not in text:
            assert in_bash(runtime(), 'kg_encode ip "$@"', text) is None, text


@given(any_words)
@settings(max_examples=60, deadline=None)
def test_a_command_that_is_shown_can_be_pasted_into_any_shell(words: list[str]) -> None:
    check_quote(runtime(), words)


@given(printable)
@settings(max_examples=60, deadline=None)
def test_a_text_in_the_json_of_status_is_read_as_it_was(text: str) -> None:
    check_json(runtime(), text)


@given(st.text())
def test_a_comment_is_one_line_or_nothing(text: str) -> None:
    try:
        assert len(f"# {shell.comment(text)}".splitlines()) == 1
    except ValueError:
        assert not text.isprintable()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_code_span_of_markdown_ends_where_it_should(text: str) -> None:
    check_code_span(text)


def check_code_span(text: str) -> None:
    """CommonMark 6.1: the span ends at the first run of as many backticks; a blank on either side is taken away."""
    span = formats._code(text)
    fence = re.match("`+", span)
    assert fence is not None
    ends = [run.end() for run in re.finditer("`+", span) if run.start() > 0 and len(run[0]) == len(fence[0])]
    assert ends[:1] == [len(span)]


# Broken on purpose


def oracle_of_the_trees() -> None:
    """Hostile texts in three fields, and a helper script with an odd bridge."""
    for field in fields():
        if field.pattern in ("append TEXT", "disk PATH", "network BRIDGE isolated|routed|nat|bridged"):
            for value in (*TEXTS[:8], "/$(touch canary)", "/';touch canary;'", "do"):
                check(with_value(field, value), plain(field.lab))


def oracle_of_the_words() -> None:
    words = [*NASTY, "‘a'b\\c’", "-x", *NASTY]
    assert as_bash_reads(shell.join(words)) == words
    assert as_bash_reads(shell.wrap(words, "  ", 30)) == words


def oracle_of_qemu() -> None:
    pairs = [("file", "/a,b,,c"), ("id", "x,")]
    assert as_qemu_splits(encode.qemu(*pairs)) == ["file=/a,b,,c", "id=x,"]
    assert as_qemu_splits(f"file={encode.qemu_value('/a,script=x')}") == ["file=/a,script=x"]


def oracle_of_refusals() -> None:
    for refuse, text in (
        (shell.comment, "a\nid"),
        (shell.comment, "a\x1b[2K"),
        (shell.here_document, "a\nKG_END\nid\n"),
        (shell.identifier, "x; id"),
        (shell.identifier, "é"),
        (shell.quote, "a\0b"),
        (encode.bare, "a b"),
        (encode.bare, "a$(id)"),
        (encode.bare, "a\n"),
    ):
        try:
            refuse(text)
        except ValueError:
            continue
        raise AssertionError(f"{refuse.__name__} lets {text!r} through")
    for parse, text in (
        (values.parse_name, "a,b"),
        (values.parse_name, "-rf"),
        (values.parse_interface, "a b"),
        (values.parse_bridge, "a;id"),
        (values.parse_domain, "a/b"),
        (values.parse_text, "a\nb"),
        (values.parse_path, "a"),
        (values.parse_model, "a b"),
        (values.parse_option, "a b"),
    ):
        assert parse(word(text), Diagnostics()) is None, (parse, text)


def oracle_of_the_form() -> None:
    """A value that is not text is no word of a script."""
    for value in (None, True, ["a"]):
        try:
            shell.finalize(value)
        except TypeError:
            continue
        raise AssertionError(value)
    assert as_bash_reads(shell.finalize("$(id)")) == ["$(id)"]


def oracle_of_markdown() -> None:
    for text in ("a", "``", "`a", "a```b`", " "):
        check_code_span(text)
    assert formats._escaped("<b>*x*") == "\\<b\\>\\*x\\*"


def oracle_of_the_runtime(text: str) -> Callable[[], None]:
    def oracle() -> None:
        for each in NASTY:
            if "\n" not in each:
                check_batch(text, ["add", each])
                check_batch(text, [each, "add"])
            check_quote(text, [each, "end"])
            if each.isprintable():
                check_json(text, each)

    return oracle


def breaking(function: Any, broken: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Give the function the body of another, wherever it has been imported to."""
    return lambda monkeypatch: monkeypatch.setattr(function, "__code__", broken.__code__)


def _quote_escaped_badly(word):  # type: ignore[no-untyped-def]
    return Shell("'" + word + "'")  # type: ignore[name-defined]  # noqa: F821


def _quote_doubly(word):  # type: ignore[no-untyped-def]
    return Shell('"' + word.replace('"', '\\"') + '"')  # type: ignore[name-defined]  # noqa: F821


def _quote_not(word):  # type: ignore[no-untyped-def]
    return Shell(word)  # type: ignore[name-defined]  # noqa: F821


def _join_not(words):  # type: ignore[no-untyped-def]
    return Shell(" ".join(words))  # type: ignore[name-defined]  # noqa: F821


def _wrap_not(words, indent, width=110):  # type: ignore[no-untyped-def]
    return Shell(" ".join(words))  # type: ignore[name-defined]  # noqa: F821


def _through(text):  # type: ignore[no-untyped-def]
    return Shell(text)  # type: ignore[name-defined]  # noqa: F821


def _document(text):  # type: ignore[no-untyped-def]
    return Shell(text + "KG_END")  # type: ignore[name-defined]  # noqa: F821


def _finalize(value):  # type: ignore[no-untyped-def]
    return str(value)


def _same(value):  # type: ignore[no-untyped-def]
    return value


def _qemu(*pairs):  # type: ignore[no-untyped-def]
    return ",".join(pair if isinstance(pair, str) else pair[0] + "=" + pair[1] for pair in pairs)


def _lets(word, *_):  # type: ignore[no-untyped-def]
    return word.text


def _span(text):  # type: ignore[no-untyped-def]
    return "`" + text + "`"


MUTANTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[], None]]] = {
    "quote: no quotes, by the trees": (breaking(shell.quote, _quote_not), oracle_of_the_trees),
    "quote: no quotes, by the words": (breaking(shell.quote, _quote_not), oracle_of_the_words),
    "quote: ' is not escaped": (breaking(shell.quote, _quote_escaped_badly), oracle_of_the_trees),
    "quote: $ is not escaped": (breaking(shell.quote, _quote_doubly), oracle_of_the_trees),
    "quote: \\ is not escaped": (breaking(shell.quote, _quote_doubly), oracle_of_the_words),
    "_ansi_c: nothing is escaped": (breaking(shell._ansi_c, _same), oracle_of_the_words),
    "join: no quotes": (breaking(shell.join, _join_not), oracle_of_the_words),
    "wrap: no quotes": (breaking(shell.wrap, _wrap_not), oracle_of_the_trees),
    "finalize: text goes through": (breaking(shell.finalize, _finalize), oracle_of_the_form),
    "finalize: text goes through, by the trees": (breaking(shell.finalize, _finalize), oracle_of_the_trees),
    "comment: goes through": (breaking(shell.comment, _through), oracle_of_refusals),
    "here_document: goes through": (breaking(shell.here_document, _document), oracle_of_refusals),
    "identifier: goes through": (breaking(shell.identifier, _through), oracle_of_refusals),
    "qemu: commas stay": (breaking(encode.qemu, _qemu), oracle_of_qemu),
    "qemu_value: commas stay": (breaking(encode.qemu_value, _same), oracle_of_qemu),
    "bare: goes through": (breaking(encode.bare, _same), oracle_of_refusals),
    "parse_name: anything": (breaking(values.parse_name, _lets), oracle_of_refusals),
    "parse_interface: anything": (breaking(values.parse_interface, _lets), oracle_of_refusals),
    "parse_bridge: anything": (breaking(values.parse_bridge, _lets), oracle_of_refusals),
    "_kernel_name: anything": (breaking(values._kernel_name, _lets), oracle_of_refusals),
    "parse_text: anything": (breaking(values.parse_text, _lets), oracle_of_refusals),
    "parse_path: anything": (breaking(values.parse_path, _lets), oracle_of_refusals),
    "_code: one backtick": (breaking(formats._code, _span), oracle_of_markdown),
    "_escaped: nothing": (breaking(formats._escaped, _same), oracle_of_markdown),
}
"""What is broken, and the oracle of the tests above that has to see it."""

RUNTIME_MUTANTS = {
    "kg_quote: ' stays": ("""'${word//\\'/\\'\\\\\\'\\'}'""", "'${word}'"),
    "kg_quote: blanks are plain": ("*[!A-Za-z0-9_./:=@%+,-]*) line+=\" '", "*[!A-Za-z0-9_./:=@%+, -]*) line+=\" '"),
    "kg_quote: $ is plain": ("*[!A-Za-z0-9_./:=@%+,-]*) line+=\" '", "*[!A-Za-z0-9_./:=@%+,$\\`\\;-]*) line+=\" '"),
    "kg_quote: an empty word is none": ("      '' | *[!A", "      *[!A"),
    "kg_json: \\ stays": ("local text=${1//\\\\/\\\\\\\\}", "local text=$1"),
    'kg_json: " stays': ('${text//\\"/\\\\\\"}', "${text}"),
    "kg_encode: blanks are taken": ("*[!A-Za-z0-9_./:=@%+,!$'\\n'-]*", "*[!A-Za-z0-9_./:=@%+,!\\ $'\\n'-]*"),
    "kg_encode: quotes are taken": ("*[!A-Za-z0-9_./:=@%+,!$'\\n'-]*", "*[!A-Za-z0-9_./:=@%+,!\\'\\\"$'\\n'-]*"),
    "kg_encode: comments are taken": ("*[!A-Za-z0-9_./:=@%+,!$'\\n'-]*", "*[!A-Za-z0-9_./:=@%+,!\\#\\ $'\\n'-]*"),
    "kg_encode: empty words are lost": (" | *$'\\n\\n'* | *$'\\n' | *[!", " | *[!"),
    "kg_encode: an empty first word is lost": (" | $'\\n'* | *$'\\n\\n'", " | *$'\\n\\n'"),
}
"""The same of the runtime: a piece of it, and what it is replaced by."""


@pytest.mark.parametrize("oracle", [oracle_of_the_trees, oracle_of_the_words, oracle_of_qemu, oracle_of_refusals])
def test_the_oracles_are_content_with_what_is_not_broken(oracle: Callable[[], None]) -> None:
    oracle()


def test_those_of_form_markdown_and_runtime_are_too() -> None:
    oracle_of_the_form()
    oracle_of_markdown()
    oracle_of_the_runtime(runtime())()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_quoter_or_encoder_is_seen(
    name: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    for field in fields():
        plain(field.lab)
    break_it, oracle = MUTANTS[name]
    break_it(monkeypatch)
    with pytest.raises((AssertionError, subprocess.CalledProcessError)):
        oracle()
    record_property("mutants killed", 1)


@pytest.mark.parametrize("name", RUNTIME_MUTANTS)
def test_a_broken_encoder_of_the_runtime_is_seen(name: str, record_property: Callable[[str, object], None]) -> None:
    old, new = RUNTIME_MUTANTS[name]
    assert old in runtime()
    with pytest.raises((AssertionError, subprocess.CalledProcessError)):
        oracle_of_the_runtime(runtime().replace(old, new))()
    record_property("mutants killed", 1)


def _encoders() -> Iterator[FunctionType]:
    for module in (shell, encode):
        for name, value in vars(module).items():
            if isinstance(value, FunctionType) and value.__module__ == module.__name__ and not name.startswith("_"):
                yield value


def test_every_quoter_and_encoder_has_a_mutant() -> None:
    assert [each.__name__ for each in _encoders() if not any(n.startswith(f"{each.__name__}:") for n in MUTANTS)] == []


def test_names_of_a_lab_are_never_names_of_functions() -> None:
    for each in ("kg_main", "kg_do", "eval"):
        found = compiled(
            Source("lab.dsl", f"namespace {each}\nnamespace b\nlink {each}.e 10.0.0.1/24 - b.e 10.0.0.2/24\n")
        )
        assert found is not None
        lab = found.script[found.script.index("# ---- The lab ----") :]
        assert all(LAB_FUNCTION.fullmatch(name) for name in re.findall(r"^(\S+)\(\)", lab, re.MULTILINE))
