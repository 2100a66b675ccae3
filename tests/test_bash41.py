"""The dialect that every script keeps to: what bash 4.1 does not have, or does otherwise, is found."""

from __future__ import annotations

import pytest

from gen import driver, starters
from gen.audit.bash41 import NEWER_OPTIONS, NEWER_SHOPTS, NEWER_VARIABLES, Finding, findings
from gen.audit.tree import Unreadable
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.test_cases import Case, built, every_case

# A line of bash, the version that brought it or changed what it does, and words of what is said.
CONSTRUCTS = [
    ("declare -g x=1", "4.2", "declare -g"),
    ("f() { declare -gA m=([a]=1); }", "4.2", "declare -g"),
    ("typeset -n a=b", "4.3", "typeset -n"),
    ("f() { local -n a=b; }", "4.3", "local -n"),
    ("f() { local -rn a=b; }", "4.3", "local -n"),
    ("f() { local -I a; }", "5.1", "local -I"),
    ("f() { local -; }", "4.4", "local -"),
    ("declare -a x", "4.3", "without a value"),
    ("f() { local -A x; }", "4.3", "without a value"),
    ("printf '%(%s)T' -1", "4.2", "%(...)T"),
    ('printf -v now "%-20(%F)T"', "4.2", "%(...)T"),
    (r"printf '\u20ac'", "4.2", r"\u"),
    (r"echo -e '\U0001f600'", "4.2", r"\u"),
    (r"x=$'\u20ac'", "4.2", r"\u"),
    ("x=${a[-1]}", "4.2", "negative subscript"),
    ("a[-1]=x", "4.2", "negative subscript"),
    ("((a[-1] > 0))", "4.2", "negative subscript"),
    ("unset 'a[-1]'", "4.3", "negative subscript of unset"),
    ("x=${v:0:-1}", "4.2", "negative length"),
    ("[[ -v x ]]", "4.2", "-v"),
    ("[[ -n ${x} && ! -v y ]]", "4.2", "-v"),
    ("test -v x", "4.2", "test -v"),
    ("[ -v x ]", "4.2", "[ -v"),
    ("[[ -R x ]]", "4.3", "-R"),
    ("x=${y@Q}", "4.4", "${x@...}"),
    ('echo "${y@U}"', "4.4", "${x@...}"),
    ("wait -n", "4.3", "wait -n"),
    ("wait -f 1", "5.0", "wait -f"),
    ("wait -p id", "5.1", "wait -p"),
    ("mapfile -d '' lines", "4.4", "mapfile -d"),
    ("readarray -td '' lines", "4.4", "readarray -d"),
    ("shopt -s lastpipe", "4.2", "lastpipe"),
    ("shopt -s inherit_errexit", "4.4", "inherit_errexit"),
    ("unset -n x", "4.3", "unset -n"),
    ("cd -e /", "4.2", "cd -e"),
    ("kill -L", "4.4", "kill -L"),
    ("exit -1", "4.3", "negative number"),
    ("f() { return -1; }", "4.3", "negative number"),
    ("echo ${EPOCHSECONDS}", "5.0", "EPOCHSECONDS"),
    ("BASH_COMPAT=4.1", "4.3", "BASH_COMPAT"),
    ("exec {fds[0]}>file", "4.3", "{array[index]}"),
    ("x=${v//a/$b}", "5.2", "unquoted replacement"),
    ("x=${v/#a/x${b}y}", "5.2", "unquoted replacement"),
    ("x=${ echo; }", "5.3", "${ command; }"),
    ('f() { g "${a[@]}"; }', "4.4", "empty array"),
    ('f() { g "${a[*]}"; }', "4.4", "empty array"),
    ('f() { local a=(); g "${a[@]}"; }', "4.4", "empty array"),
    ('f() { a+=(x); }\ng() { h "${a[@]:1}"; }', "4.4", "empty array"),
]


@pytest.mark.parametrize(("script", "since", "words"), CONSTRUCTS, ids=[script for script, _, _ in CONSTRUCTS])
def test_what_is_newer_than_bash_4_1_is_found(script: str, since: str, words: str) -> None:
    text = f"true\n{script}\n"
    found = findings(text)
    assert [finding.since for finding in found] == [since], found
    assert words in found[0].message
    assert found[0].line == text.count("\n")


@pytest.mark.parametrize(
    "script",
    [
        "declare -A m=() && declare -a a=()",
        "f() { local -a a=(x) && local -r b=1 && export -n c; }",
        "x=${v:1:2}${v: -1}${#v}${v^^}",
        'x=${v//a/b}${v//a/"$b"}${v/a}',
        "x=${a[0]} a[n]=1 a[n - 1]=2 a+=(3)",
        'f() { g ${a[@]+"${a[@]}"}; }',
        'f() { [[ ${#a[@]} -eq 0 ]] || g "${a[@]}"; }',
        'f() { local a=(x y); g "${a[@]}" "$@" "${@:2}" "${!b[@]}"; }',
        "exec {fd}>file && cat |& cat &>>file",
        "case x in a) b ;& c) d ;;& *) e ;; esac",
        "mapfile -t lines && read -r -N 1 x && coproc cat",
        "kill -KILL 1 && kill -TERM 2 && wait 3 && trap - TERM",
        r"printf '%s\n' \\u00 && printf -v 'a[0]' x && x=$'\t\037'",
        "[[ ${x+set} && x -ef y && x =~ ^a ]] && [ -n x ] && test -r y",
        "exit 1",
    ],
)
def test_what_bash_4_1_has_is_let_be(script: str) -> None:
    assert findings(script + "\n") == []


@pytest.mark.parametrize(("command", "letter"), [pair for pair in NEWER_OPTIONS if pair != ("local", "-")])
def test_every_option_of_the_table_is_found(command: str, letter: str) -> None:
    (found,) = findings(f"f() {{ {command} -{letter} x; }}\n")
    assert found.since == NEWER_OPTIONS[command, letter]


def test_every_shopt_and_variable_of_the_tables_is_found() -> None:
    script = "".join(f"shopt -s {name}\n" for name in NEWER_SHOPTS)
    script += "".join(f"echo ${name}\n" for name in NEWER_VARIABLES)
    assert [found.since for found in findings(script)] == [*NEWER_SHOPTS.values(), *NEWER_VARIABLES.values()]


def test_what_is_not_bash_is_refused_with_the_place() -> None:
    with pytest.raises(Unreadable, match="1:1"):
        findings("if true\n")


@every_case
def test_the_scripts_of_every_example_keep_to_it(case: Case) -> None:
    for name, text in built(case).files.items():
        if text.startswith("#!"):
            assert _said(findings(text), text) == [], name


@pytest.mark.parametrize("name", starters.names())
def test_the_starters_keep_to_it(name: str) -> None:
    text = driver.build(Source("lab.dsl", starters.read(name)), Diagnostics()).script
    assert _said(findings(text), text) == []


def _said(found: list[Finding], text: str) -> list[str]:
    lines = text.splitlines()
    return [f"{each.message} (bash {each.since}): {lines[each.line - 1].strip()}" for each in found]
