"""The fields of the language with a hostile text in each, and what must hold of the script: no value becomes code.

The fields are those of gen.vocabulary: a new keyword is covered once a lab of tests/labs, or injection.dsl, has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from gen import driver, profile
from gen.audit.lab import statements_of
from gen.audit.parts import LAB_MARK, RUNTIME_MARK
from gen.audit.tree import literal, syntax_tree
from gen.bind import Directive, Value, bind
from gen.diagnostics import Diagnostics
from gen.driver import Stopped
from gen.expand import expand
from gen.plan import plan
from gen.shell import Command
from gen.source import Source
from gen.syntax.lexer import tokenize
from gen.syntax.parser import parse
from gen.vocabulary import KEYWORDS, Either, Maybe, Term, grammar
from gen.vocabulary import Node as Pattern
from tests.test_cases import LABS as EXAMPLES
from tests.test_cases import ROOT, read

TARGET = "debian12"

LABS = (*EXAMPLES, ROOT / "tests" / "injection.dsl")

TEXTS = (
    "$(touch canary)",
    "`touch canary`",
    "';touch canary;'",
    '";touch canary;"',
    "a'b\"c\\",
    "\\$(touch canary)",
    "${IFS}touch${IFS}canary",
    "a\\",
    "'",
    "; touch canary #",
    "&& touch canary",
    "| touch canary",
    "> canary",
    "<(touch canary)",
    "a[$(touch canary)]",
    "KG_END",
    "<<'KG_END'",
    "~root",
    "*",
    "{a,b}",
    "!!",
    "#x",
    "-rf",
    "--",
    "=x",
    "%s%n",
    "a,script=/root/x,,b",
    "‘touch’ “canary”",
    "网桥",
    "a b",
)
"""What may be tried in any field; most fields refuse most of it."""

NAMES = (
    "do",
    "done",
    "then",
    "eval",
    "exec",
    "if",
    "in",
    "time",
    "KG_END",
    "kg_main",
    "_",
    "0",
    "a--b",
    "exit",
    "a_.b",
)
"""Names that a kernel takes, and a shell or another language might read otherwise."""

SLIPPERY = {"PATH": "/", "OPTION": "x"}
"""What a text must begin with to be a value of the type at all."""


@dataclass(frozen=True)
class Field:
    """A placeholder of a keyword, and a lab with a value in it."""

    pattern: str
    slot: int
    kind: str
    lab: str
    value: str

    def __str__(self) -> str:
        return f"{self.pattern} / {self.kind}"


def placeholders() -> set[tuple[str, int, str]]:
    """Every placeholder of the vocabulary: pattern, slot and type. What `expand` replaces is not a field of a lab."""
    return {
        (keyword.pattern, slot, kind)
        for keyword in KEYWORDS
        if keyword.contexts != ("anywhere",)
        for slot, kind in _slots(grammar(keyword).nodes)
    }


def _slots(nodes: tuple[Pattern, ...]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        match node:
            case Term(placeholder=str(kind), slot=int(slot)):
                yield slot, kind
            case Maybe(inner):
                yield from _slots(inner)
            case Either(branches):
                for branch in branches:
                    yield from _slots(branch)


@cache
def fields() -> tuple[Field, ...]:
    """One field for each placeholder, in the shortest lab that has it."""
    found: dict[tuple[str, int, str], Field] = {}
    for path in sorted(LABS, key=lambda path: path.stat().st_size):
        source, diagnostics = read(path), Diagnostics()
        for directive in _all(bind(expand(parse(source, diagnostics), diagnostics), diagnostics)):
            kinds = dict(_slots(grammar(directive.keyword).nodes))
            for slot, value in enumerate(directive.values):
                if value is not None and isinstance(value.value, tuple) and isinstance(value.value[0], Value):
                    value = value.value[0]
                if slot in kinds and value is not None and value.span.source is source:
                    key = (directive.keyword.pattern, slot, kinds[slot])
                    found.setdefault(key, Field(*key, str(path), value.span.text))
    return tuple(found.values())


def _all(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    for directive in directives:
        yield directive
        yield from _all(directive.block)


def values_for(field: Field) -> Iterator[str]:
    """The hostile values to try in the field."""
    yield from NAMES
    for text in TEXTS:
        yield text
        if field.kind in SLIPPERY:
            yield SLIPPERY[field.kind] + text


def typed(value: str) -> str:
    """The value as a string of the language."""
    return '"' + re.sub(r'([\\"$])', r"\\\1", value) + '"'


def with_value(field: Field, value: str) -> Source:
    """The field's lab with the value wherever its own value stands, alone or before `.` or `:`."""
    source = read(_path(field.lab))
    old = re.compile(rf"{re.escape(field.value)}(?=[.:]|$)")
    pieces, last = [], 0
    for token in tokenize(source, Diagnostics()):
        text = source.text[token.start : token.end]
        found = old.match(text)
        if token.kind in ("WORD", "STRING") and found and (found.end() == len(text) or value in NAMES):
            rest = text[found.end() :]
            new = typed(value) if not rest else value + rest
            pieces += [source.text[last : token.start], new]
            last = token.end
    pieces.append(source.text[last:])
    return Source(source.name, "".join(pieces))


def _path(name: str) -> Any:
    return next(path for path in LABS if str(path) == name)


@dataclass(frozen=True)
class Compiled:
    """A script's tree with its literal words blanked, and the commands of the plan that it was made from."""

    shape: object
    script: str
    commands: tuple[tuple[str, Command], ...]


def compiled(source: Source) -> Compiled | None:
    """None where the lab is refused, which is the other way for a value not to become code."""
    diagnostics = Diagnostics()
    try:
        built = driver.build(source, diagnostics, TARGET)
    except Stopped:
        return None
    operations = plan(built.lab, profile.load(TARGET), Diagnostics())
    assert operations is not None
    commands: list[tuple[str, Command]] = []
    for operation in operations.operations:
        if operation.file is not None:
            commands.append(("kg_do", ("kg_write", operation.file.mode, operation.file.path)))
        commands += [("kg_do", command) for command in operation.do]
        commands += [("kg_undo", command) for command in operation.undo]
    return Compiled(shape(without_runtime(built.script)), built.script, tuple(commands))


def without_runtime(script: str) -> str:
    """The head and the lab's part, as one script."""
    return script[: script.index(RUNTIME_MARK)] + script[script.index(LAB_MARK) :]


def check(source: Source, plain: Compiled) -> bool:
    """Raise AssertionError where a value of the lab has become more than a word; False where the lab is refused.

    `plain` is the same lab with plain values: the trees are the same, and each command has the very words of the plan.
    """
    found = compiled(source)
    if found is None:
        return False
    assert found.shape == plain.shape
    statements = statements_of(syntax_tree(without_runtime(found.script)))
    commands = [(each.name, each.words) for each in statements if each.name in ("kg_do", "kg_undo")]
    assert tuple(commands) == found.commands
    return True


def shape(text: str) -> object:
    """The syntax tree without places, comments and literal text. A script in a here-document is read too."""
    return _shape(syntax_tree(text))


def _shape(node: object) -> object:
    if isinstance(node, list):
        return [_shape(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "Parts" in node:
        parts = ["_" if literal({"Parts": [part]}) is not None else _shape(part) for part in node["Parts"]]
        return [part for n, part in enumerate(parts) if n == 0 or (part, parts[n - 1]) != ("_", "_")]
    kept: dict[str, object] = {}
    for key, child in node.items():
        if key == "Hdoc":
            text = "".join(part.get("Value", "?") for part in child.get("Parts", []))
            kept[key] = shape(text) if text.startswith("#!") else "_"
        elif not (isinstance(child, dict) and "Col" in child) and key not in ("Comments", "Last"):
            kept[key] = _shape(child)
    return kept
