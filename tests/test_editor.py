"""The syntax files for editors: vim itself and TextMate's rules colour real labs, and both see the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from gen.render import editor
from gen.vocabulary import KEYWORDS, grammar, literals

LABS = sorted(Path(__file__).parent.joinpath("labs").rglob("*.dsl"))

SAMPLE = r"""
let size 128M  # a "comment"
for i in 1..3 {
    vm dhcp$i { memory ${size}  nic on nat { mac 52:54:00:AB:00:01  address 10.0.0.$i/24 } }
}
vm vm.1 { append "root=\"$size\" # dhcp 1"; disk '/a $b' { overlay on } }
network host nat { address 10.0.0.254/24 ; via eth0 }
""".lstrip()

SAMPLE_COLOURED = [
    ("keyword", "let"),
    ("quantity", "128M"),
    ("comment", '# a "comment"'),
    ("keyword", "for"),
    ("word", "in"),
    ("quantity", "1..3"),
    ("keyword", "vm"),
    ("variable", "$i"),
    ("keyword", "memory"),
    ("variable", "${size}"),
    ("keyword", "nic"),
    ("word", "on"),
    ("word", "nat"),
    ("keyword", "mac"),
    ("mac", "52:54:00:AB:00:01"),
    ("keyword", "address"),
    ("variable", "$i"),
    ("keyword", "vm"),
    ("keyword", "append"),
    ("string", '"root='),
    ("escape", r"\""),
    ("variable", "$size"),
    ("escape", r"\""),
    ("string", ' # dhcp 1"'),
    ("keyword", "disk"),
    ("string", "'/a $b'"),
    ("keyword", "overlay"),
    ("word", "on"),
    ("keyword", "network"),
    ("word", "nat"),
    ("keyword", "address"),
    ("address", "10.0.0.254/24"),
    ("keyword", "via"),
]

Coloured = list[tuple[str, str]]

NAMES_OF_CHARACTERS = """
syntax on
edit
let names = []
for n in range(1, line('$'))
  call add(names, map(range(1, len(getline(n))), {_, column -> synIDattr(synID(g:n, column, 1), 'name')}))
endfor
call writefile([json_encode(names)], 'names.json')
qall!
"""


def coloured_by_vim(text: str, home: Path) -> Coloured:
    """The text opened in a vim that is set up the way the syntax file's own head says."""
    vim = shutil.which("vim")
    assert vim, "tests/apt-packages.txt names the package that brings vim"
    syntax = editor.vim()
    (home / ".vim" / "syntax").mkdir(parents=True, exist_ok=True)
    (home / ".vim" / "syntax" / "kvmgen.vim").write_text(syntax)
    (home / ".vim" / "ftdetect").mkdir(exist_ok=True)
    (detect,) = re.findall(r'^" +(autocmd .*)$', syntax, re.MULTILINE)
    (home / ".vim" / "ftdetect" / "kvmgen.vim").write_text(detect + "\n")
    (home / "names.vim").write_text(NAMES_OF_CHARACTERS)
    (home / "lab.dsl").write_text(text)
    command = [vim, "-u", "DEFAULTS", "-i", "NONE", "-n", "-V1", "-es", "-S", "names.vim", "lab.dsl"]
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = json.loads((home / "names.json").read_text())
    kinds = [[name.removeprefix("kvmgen").lower().replace("raw", "string") for name in line] for line in names]
    return runs(text, kinds)


def runs(text: str, kinds: list[list[str]]) -> Coloured:
    """The pieces of the text whose characters are all of one kind."""
    pieces = []
    for line, kinds_of_line in zip(text.splitlines(), kinds, strict=True):
        for kind, characters in groupby(zip(line, kinds_of_line, strict=True), key=lambda pair: pair[1]):
            if kind:
                pieces.append((kind, "".join(character for character, _ in characters)))
    return pieces


KIND_OF_SCOPE = {
    "comment.line.number-sign": "comment",
    "keyword.control": "keyword",
    "keyword.other": "word",
    "constant.numeric.mac": "mac",
    "constant.numeric.address": "address",
    "constant.numeric": "quantity",
    "variable.other": "variable",
    "string.quoted.double": "string",
    "string.quoted.single": "string",
    "constant.character.escape": "escape",
}


def coloured_by_textmate(text: str) -> Coloured:
    """The text read by the rules of TextMate: the leftmost match wins, then the rule that stands first."""
    rules = json.loads(editor.textmate())["patterns"]
    kinds = [[""] * len(line) for line in text.splitlines()]
    for line, kinds_of_line in zip(text.splitlines(), kinds, strict=True):
        colour(line, 0, rules, None, kinds_of_line)
    return runs(text, kinds)


def colour(line: str, at: int, rules: list[Any], string: dict[str, Any] | None, kinds: list[str]) -> int:
    """Colours from `at` to the line's end, or to the end of the string that is open; returns where that is."""
    while at <= len(line):
        found = [(match, rule) for rule in rules if (match := matcher(rule).search(line, at))]
        end = re.compile(string["end"]).search(line, at) if string else None
        match, rule = min(found, key=lambda pair: pair[0].start(), default=(None, None))
        if string and end and (match is None or end.start() <= match.start()):
            kinds[at : end.end()] = [kind_of(string)] * (end.end() - at)
            return end.end()
        if match is None or rule is None:
            break
        if string:
            kinds[at : match.start()] = [kind_of(string)] * (match.start() - at)
        kinds[match.start() : match.end()] = [kind_of(rule)] * len(match[0])
        at = max(match.end(), at + 1)
        if "begin" in rule:
            at = colour(line, match.end(), rule.get("patterns", []), rule, kinds)
    return len(line)


def matcher(rule: dict[str, Any]) -> re.Pattern[str]:
    return re.compile(rule.get("begin") or rule["match"])


def kind_of(rule: dict[str, Any]) -> str:
    return KIND_OF_SCOPE.get(rule["name"].removesuffix(".kvmgen"), "")


def test_vim_colours_statements_values_and_strings(tmp_path: Path) -> None:
    assert coloured_by_vim(SAMPLE, tmp_path) == SAMPLE_COLOURED


def test_textmate_colours_statements_values_and_strings() -> None:
    assert coloured_by_textmate(SAMPLE) == SAMPLE_COLOURED


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_both_editors_colour_a_real_lab_alike(lab: Path, tmp_path: Path) -> None:
    text = lab.read_text()
    assert coloured_by_vim(text, tmp_path) == coloured_by_textmate(text)


def test_every_keyword_is_coloured_in_the_block_it_stands_in(tmp_path: Path) -> None:
    words = sorted({keyword.word for keyword in KEYWORDS})
    text = "".join(f"a {{ {word} x }}\n" for word in words)
    expected = [("keyword", word) for word in words]
    assert coloured_by_textmate(text) == expected
    assert coloured_by_vim(text, tmp_path) == expected


def test_every_later_word_of_a_statement_is_coloured(tmp_path: Path) -> None:
    words = sorted({word for keyword in KEYWORDS for word in literals(grammar(keyword).nodes)} - {"-"})
    text = "".join(f"x {word}\n" for word in words)
    expected = [("word", word) for word in words]
    assert coloured_by_textmate(text) == expected
    assert coloured_by_vim(text, tmp_path) == expected


def test_the_textmate_grammar_names_its_language_and_files() -> None:
    grammar = json.loads(editor.textmate())
    assert grammar["scopeName"] == "source.kvmgen"
    assert grammar["fileTypes"] == ["dsl"]
