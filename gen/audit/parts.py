"""A script in, its parts out: head and statements of the lab; and a shorter script on which the verdict is the same.

A script that is exactly in the form that kvmgen writes is read here line by line: in the lab's part there is nothing
but calls whose words are literal, in the forms of gen.shell.quote. A script that is not in that form is not read at
all, and then the checkers have to take it as a whole: `dissect` never guesses.

Most of a large script is the same few shapes of statement, and most of a small one is the runtime. So a checker is
shown each shape once, and nothing of a runtime that it is known to accept (`is_vouched`). tests/test_audit_parts.py
holds that the verdict is that of the whole script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

from gen import templating
from gen.audit.allowed import LAB_FUNCTION
from gen.audit.tree import Node
from gen.audit.tree import line as line_of
from gen.render.script import runtime

RUNTIME_MARK = "# ---- The runtime: the same bytes in every script ----"
LAB_MARK = "# ---- The lab ----"
END_MARK = "KG_END"


@dataclass(frozen=True, slots=True)
class Statement:
    """A call in the lab's part: its words after the name, and the here-document that goes with it."""

    line: int
    function: str
    name: str
    words: tuple[str, ...]
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """A script in the form that kvmgen writes. `variables` are those that the head sets, `runtime_at` is a line."""

    variables: dict[str, str]
    statements: tuple[Statement, ...]
    runtime_at: int
    _lines: Sequence[str]
    _kept: tuple[int, ...]

    def condensed(self, runtime: Literal["whole", "stand-in", "none"]) -> tuple[str, list[int]]:
        """The script with one statement of each shape, and the line that each line of it was.

        The stand-in for a runtime does what the runtime has to do with the rest of the script, for a checker that asks
        whether a variable is used and a function called.
        """
        numbers = list(self._kept)
        lines = [self._lines[number - 1] for number in numbers]
        at = numbers.index(self.runtime_at) + 1
        inserted: Sequence[str] = ()
        if runtime == "whole":
            inserted = self._lines[self.runtime_at : numbers[at] - 1]
            numbers[at:at] = range(self.runtime_at + 1, numbers[at])
        elif runtime == "stand-in":
            inserted = _stand_in("\n".join(lines))
            numbers[at:at] = [self.runtime_at] * len(inserted)
        lines[at:at] = inserted
        return "\n".join(lines), numbers


def is_vouched() -> bool:
    """Whether both checkers are known to accept this kvmgen's runtime: `make out` has noted its sum after they did."""
    try:
        return note().read_text(encoding="ascii").strip() == runtime_sum()
    except OSError:
        return False


def note() -> Path:
    """Where that sum is noted."""
    return templating.folder() / "runtime.sha256"


def runtime_sum() -> str:
    """The sha256 of the runtime."""
    return sha256(runtime().encode()).hexdigest()


# The form. A word is bare, '...', "..." or $'...', and expands to nothing.

_CONTROL = r"\x00-\x1f\x7f"
_WORD = (
    rf"""(?:[A-Za-z0-9_@%+=:,./-]+|'[^'{_CONTROL}]*'|"(?:[^"$`\\{_CONTROL}]|\\["$`\\])*\""""
    rf"""|\$'(?:[^'\\{_CONTROL}]|\\(?:[\\']|x[0-9a-f]{{2}}))*')"""
)
_WORDS = re.compile(_WORD)
_CALL = re.compile(rf"  (kg_[a-z_0-9]+)((?: {_WORD})*)( \\| <<'{END_MARK}')?")
_CONTINUED = re.compile(rf"    ({_WORD}(?: {_WORD})*)( \\| <<'{END_MARK}')?")
_FUNCTION = re.compile(r"(kg_[a-z_0-9]+)\(\) \{")
_VARIABLE = re.compile(rf"readonly (KG_[A-Z0-9_]+)=({_WORD})")
_ELEMENT = re.compile(rf"    \[(\d+)\]=({_WORD})")
_COMMENT = re.compile(rf"#[^{_CONTROL}]*")
_TAIL = ["{", '  kg_main "$@"', "  exit", "}", ""]


def value(word: str) -> str:
    """The text that a word of the form stands for."""
    if word[0] == "'":
        return word[1:-1]
    if word[0] == '"':
        return re.sub(r'\\(["$`\\])', r"\1", word[1:-1])
    if word[0] == "$":
        raw = re.sub(rb"\\(x[0-9a-f]{2}|.)", _unescaped, word[2:-1].encode("utf-8", "surrogateescape"))
        return raw.decode("utf-8", "surrogateescape")
    return word


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code[1:], 16)]) if code[:1] == b"x" else code


def dissect(script: str) -> Parts | int:
    """The parts; or the number of the first line that is not in the form, which may stand for anything."""
    if "\0" in script:  # bash skips it, whatever it stands in
        return script.count("\n", 0, script.index("\0")) + 1
    reader = _Reader(script.split("\n"))
    try:
        return reader.parts()
    except _Unfamiliar:
        return reader.at + 1
    except IndexError:
        return len(reader.lines)


class _Unfamiliar(Exception):
    """The line at which the reader stands is not in the form."""


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self.function = ""
        self.statements: list[Statement] = []
        self.kept: list[int] = []
        self.shapes: set[object] = set()

    def parts(self) -> Parts:
        while _COMMENT.fullmatch(self.lines[self.at]):
            self.keep()
        self.expect(_gate())
        variables: dict[str, str] = {}
        while found := _VARIABLE.fullmatch(self.lines[self.at]):
            variables[found[1]] = value(found[2])
            self.keep()
        self.expect(["", RUNTIME_MARK])
        runtime_at = self.at
        self.expect(["", *runtime().rstrip("\n").split("\n")], keep=False)
        self.expect(["", LAB_MARK])
        while self.lines[self.at] != "{":
            self.lab_line()
        self.expect(_TAIL)
        if self.at != len(self.lines):
            raise _Unfamiliar
        return Parts(variables, tuple(self.statements), runtime_at, self.lines, tuple(self.kept))

    def keep(self) -> None:
        self.at += 1
        self.kept.append(self.at)

    def expect(self, lines: Sequence[str], keep: bool = True) -> None:
        if self.lines[self.at : self.at + len(lines)] == list(lines):
            self.kept += range(self.at + 1, self.at + 1 + len(lines)) if keep else ()
            self.at += len(lines)
            return
        while lines and self.lines[self.at] == lines[0]:
            self.at += 1
            lines = lines[1:]
        raise _Unfamiliar

    def lab_line(self) -> None:
        line = self.lines[self.at]
        if self.function and line.startswith("  kg_"):
            self.statement()
        elif self.function and line == "}":
            self.function = ""
            self.keep()
        elif not self.function and (found := _FUNCTION.fullmatch(line)) and LAB_FUNCTION.fullmatch(found[1]):
            self.function = found[1]
            self.keep()
            if self.function == "kg_guests":
                self.array()
            elif self.lines[self.at] == "  :":
                self.keep()
            elif self.lines[self.at].startswith("  kg_"):
                self.statement(first=True)
            else:
                raise _Unfamiliar
        elif self.function and line == "":
            self.at += 1
        elif line == "" or (not self.function and _COMMENT.fullmatch(line)):
            self.keep()
        else:
            raise _Unfamiliar

    def array(self) -> None:
        self.expect(["  KG_VMS=("])
        while found := _ELEMENT.fullmatch(self.lines[self.at]):
            shape = ("element", _shape(found[2]))
            if shape in self.shapes:
                self.at += 1
            else:
                self.shapes.add(shape)
                self.keep()
        self.expect(["  )"])

    def statement(self, first: bool = False) -> None:
        start = self.at
        found = _CALL.fullmatch(self.lines[self.at])
        if found is None:
            raise _Unfamiliar
        name = found[1]
        words = _WORDS.findall(found[2])
        shape: list[object] = [name, len(words)]
        end = found[3]
        while end == " \\":
            self.at += 1
            found = _CONTINUED.fullmatch(self.lines[self.at])
            if found is None:
                raise _Unfamiliar
            words += _WORDS.findall(found[1])
            shape.append(len(words))
            end = found[2]
        self.at += 1
        body = None
        hidden = range(0)
        if end is not None:
            try:
                last = self.lines.index(END_MARK, self.at)
            except ValueError:
                raise _Unfamiliar from None
            body = "".join(f"{line}\n" for line in self.lines[self.at : last])
            hidden = range(self.at, last)
            self.at = last + 1
        self.statements.append(Statement(start + 1, self.function, name, tuple(map(value, words)), body))
        key = (*shape, body is not None, *map(_shape, words))
        # A quoted here-document is not looked into, save for lines that might be taken for its end.
        marks = END_MARK in (body or "")
        if first or marks or key not in self.shapes:
            self.kept += (n + 1 for n in range(start, self.at) if n not in hidden or END_MARK in self.lines[n])
        self.shapes.add(key)


# What may be a word of the shell, at which a checker may stop; whatever else a bare word says is nothing to it.
_MAY_MEAN = re.compile(r"[a-z]{1,8}|-[a-z]{1,2}|.*[$`\\].*")
_NAME = re.compile(r"[A-Za-z0-9]+")


@cache
def _shape(word: str) -> str:
    """What is left of a word when names and numbers do not matter."""
    if not word.isascii() or _MAY_MEAN.fullmatch(word):
        return word
    return _NAME.sub("a", word)


@cache
def _gate() -> list[str]:
    """The lines of the head that are the same in every script: the version gate, and what is set before all else."""
    template = (templating.folder() / "setup.sh.j2").read_text(encoding="utf-8")
    start, end = template.index("\ncase "), template.index("readonly KG_SHA256=")
    return template[start:end].rstrip("\n").split("\n")


@cache
def runtime_functions() -> frozenset[str]:
    """The names of all functions of the runtime."""
    return frozenset(re.findall(r"^(kg_[a-z_0-9]+)\(\)", runtime(), re.MULTILINE))


def _stand_in(rest: str) -> list[str]:
    """Functions that do with the names in the rest of a script what the runtime does: call them, use them."""
    called = set(re.findall(r"^  (kg_[a-z_0-9]+)", rest, re.MULTILINE))
    own = set(re.findall(r"^(kg_[a-z_0-9]+)\(\)", rest, re.MULTILINE))
    variables = set(re.findall(r"\b(KG_[A-Z_0-9]+)=", rest))
    named = set(re.findall(r"\b(?:kg|KG)_[A-Za-z_0-9]+", runtime()))
    lines = ["kg_main() {", '  : "$@"']
    lines += [f'  : "${{{name}[@]}}"' for name in sorted(variables & named)]
    lines += [f"  {name}" for name in sorted(own & named)]
    lines.append("}")
    lines += [f'{name}() {{ : "$@"; }}' for name in sorted(called & runtime_functions() - {"kg_main"})]
    return lines


_MANY = 20


def stray_runtime(script: str, tree: Node) -> list[tuple[int, str]]:
    """Where a script that is not in the form has at its top level what neither a lab's part nor this runtime has."""
    text = script.encode("utf-8", "surrogateescape")
    fixed = "\n".join([*_gate(), *_TAIL])
    functions = set(re.findall(r"^(kg_[a-z_0-9]+\(\) [{(]\n.*?\n[})])$", runtime(), re.MULTILINE | re.DOTALL))
    settings = {
        line.partition(" #")[0].rstrip() for line in runtime().split("\n") if line.startswith(("KG_", "declare"))
    }
    found = []
    for node in tree.get("Stmts", []):
        shown = text[node["Pos"]["Offset"] : node["End"]["Offset"]].decode("utf-8", "surrogateescape")
        command = node.get("Cmd") or {}
        name = command["Name"]["Value"] if command.get("Type") == "FuncDecl" else ""
        known = LAB_FUNCTION.fullmatch(name) or _VARIABLE.fullmatch(shown) or f"\n{shown}\n" in f"\n{fixed}\n"
        if not known and shown not in functions and shown not in settings:
            found.append((line_of(node), f"{f'the function `{name}`' if name else 'this'} is not that of this kvmgen"))
    if len(found) > _MANY:
        return [(found[0][0], f"from here on {len(found)} parts of the runtime are not those of this kvmgen")]
    return found
