"""The statements of a lab's part in, its operations out, and what no lab has a reason to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from gen.audit.allowed import (
    COMMANDS,
    DNSMASQ,
    HAIRPIN,
    KEPT,
    LAB_FUNCTION,
    LINKED,
    LOOKS,
    NAME,
    QEMU_LINKS,
    RELOADS,
    SYSCTLS,
)
from gen.audit.parts import Statement
from gen.audit.rules import Finding, tree_findings
from gen.audit.tree import Node, line, literal, walk

HOST = "-"
"""The host's own namespace."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of an operation: `space` is the namespace that it runs in, `kind` what the report calls it."""

    line: int
    space: str
    words: tuple[str, ...]
    kind: str
    body: str | None = None
    undoes: bool = False


@dataclass(slots=True)
class Operation:
    """What the script says of one change of the host; `at` is FILE:LINE of the lab, `text` that line."""

    number: int
    within: int
    line: int
    kind: str
    object: str
    at: str
    text: str
    on_demand: bool = False
    commands: list[Command] = field(default_factory=list)

    @property
    def does(self) -> Iterator[Command]:
        return (command for command in self.commands if not command.undoes)

    @property
    def undoes(self) -> Iterator[Command]:
        return (command for command in self.commands if command.undoes)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file, or a command to the running system, of `persist`."""

    line: int
    at: str
    text: str


def statements_of(tree: Node) -> tuple[Statement, ...]:
    """The statements of a script that is not in the form, as far as their words are literal."""
    found: list[Statement] = []
    for function in walk(tree):
        if function.get("Type") != "FuncDecl" or not LAB_FUNCTION.fullmatch(function["Name"]["Value"]):
            continue
        for node in walk(function["Body"]):
            command = node.get("Cmd") or {}
            words = [literal(word) for word in command.get("Args", [])]
            if command.get("Type") == "CallExpr" and words and (words[0] or "").startswith("kg_") and None not in words:
                body = next((_text(each.get("Hdoc")) for each in node.get("Redirs") or [] if each.get("Hdoc")), None)
                said = tuple(word for word in words[1:] if word is not None)
                found.append(Statement(line(command), function["Name"]["Value"], words[0] or "", said, body))
    return tuple(sorted(found, key=lambda statement: statement.line))


def variables_of(tree: Node) -> dict[str, str]:
    """What the head of such a script sets for good."""
    found: dict[str, str] = {}
    for statement in tree.get("Stmts", []):
        command = statement.get("Cmd") or {}
        if command.get("Type") == "DeclClause" and command["Variant"]["Value"] == "readonly":
            for assign in command.get("Args") or []:
                value = literal(assign.get("Value"))
                if assign.get("Name") and value is not None:
                    found[assign["Name"]["Value"]] = value
    return found


def _text(document: Node | None) -> str:
    return "".join(part.get("Value", "") for part in (document or {}).get("Parts", []))


def operations(
    statements: Sequence[Statement], variables: Mapping[str, str]
) -> tuple[list[Operation], list[Kept], list[Finding]]:
    """The operations in their order, what `persist` does, and what is wrong with either."""
    reader = _Reader(variables)
    for statement in statements:
        reader.read(statement)
    reader.judge()
    return reader.operations, reader.kept, sorted(set(reader.found))


class _Reader:
    def __init__(self, variables: Mapping[str, str]) -> None:
        self.lab = variables.get("KG_LAB", "")
        self.run, self.var = variables.get("KG_RUN", ""), variables.get("KG_VAR", "")
        self.dsl = variables.get("KG_DSL", "")
        self.programs = {variables.get("KG_QEMU", "")} - {""}
        self.operations: list[Operation] = []
        self.kept: list[Kept] = []
        self.found: list[Finding] = []
        self.at = self.text = ""
        self.written: set[str] = set()
        self.made: set[tuple[str, str]] = set()
        self.chains: set[tuple[str, str]] = set()
        self.helpers: dict[str, list[Finding]] = {}

    def say(self, where: int, message: str, rule: str = "lab-command") -> None:
        self.found.append(Finding(where, rule, message))

    def read(self, statement: Statement) -> None:
        words = statement.words
        match statement.name:
            case "kg_from":
                if len(words) not in (2, 3) or not words[0].isdecimal():
                    return self.malformed(statement)
                self.at = f"{words[2] if len(words) == 3 else self.dsl}:{words[0]}"
                self.text = words[1]
            case "kg_op":
                if len(words) not in (5, 6) or not (words[0].isdecimal() and words[1].isdecimal()):
                    return self.malformed(statement)
                number, within, kind, name, _, *rest = words
                last = self.operations[-1].number if self.operations else 0
                if (
                    int(number) != last + 1
                    or not re.fullmatch(r"[a-z0-9-]+", kind)
                    or (kind == "guest" and not NAME.fullmatch(name))
                ):
                    self.malformed(statement)
                self.operations.append(
                    Operation(int(number), int(within), statement.line, kind, name, self.at, self.text, bool(rest))
                )
            case "kg_do" | "kg_undo":
                if not self.operations or not words:
                    return self.malformed(statement)
                self.command(statement)
            case "kg_boot":
                self.keep(statement)
            case "kg_look":
                if not _begins(_inside(words)[1], LOOKS):
                    self.say(statement.line, f"`{_shown(words)}` is not a command that only shows")
            case "kg_probe" if words[:1] in (("port",), ("bridged",), ("bridge",), ("brport",)):
                if not all(word == HOST or NAME.fullmatch(word) for word in words):
                    self.malformed(statement)  # files are called by these
            case "kg_probe" | "kg_need" if not words:
                self.malformed(statement)
        return None

    def keep(self, statement: Statement) -> None:
        match statement.words:
            case ("file", ("whole" | "block" | "rules") as how, mode, path) if re.fullmatch(r"0?[0-7]{3}", mode):
                where, text = path, f"{path}, mode {mode}" + ("" if how == "whole" else f", the lab's {how} in it")
            case ("link", path, target) if LINKED.fullmatch(target) or KEPT.fullmatch(target):
                where, text = path, f"{path}, a link to {target}"
            case ("reload", *words) if " ".join(words) in RELOADS:
                where, text = "", " ".join(words)
            case ("bridge", name) | ("rival", _, name) if NAME.fullmatch(name):
                return None
            case ("cannot", _) | ("reader", _, *_):
                return None
            case _:
                return self.malformed(statement)
        if where and (not KEPT.fullmatch(where) or ".." in where):
            self.say(statement.line, f"`{where}` is not a file that a host's boot reads", "undeclared-write")
        self.kept.append(Kept(statement.line, self.at, text))
        return None

    def malformed(self, statement: Statement) -> None:
        self.say(statement.line, f"`{statement.name} {_shown(statement.words)}` is not such a statement", "stray-code")

    def command(self, statement: Statement) -> None:
        space, words = _inside(statement.words)
        undoes = statement.name == "kg_undo"
        kind = self.kind(words)
        if kind is None:
            self.say(statement.line, f"`{_shown(words)}` is not a command of labs", "unknown-command")
            kind = "unknown"
        command = Command(statement.line, space, words, kind, statement.body, undoes)
        self.operations[-1].commands.append(command)
        if undoes:
            return
        match words:
            case ("ip", "link", "add", *rest):
                inside = space
                if "netns" in rest[: rest.index("type") if "type" in rest else None]:
                    inside = rest[rest.index("netns") + 1]
                for key, name in pairwise(rest):
                    if key == "name":
                        self.made.add((inside, name))
            case ("ip", "link", "set", "dev", name, "netns", target) if (space, name) in self.made:
                self.made.add((target, name))
            case ("ip", "link", "set", "dev", name, "name", new) if (space, name) in self.made:
                self.made.add((space, new))
            case ("brctl", "addbr", name):
                self.made.add((space, name))
            case ("ip", "netns", "add", name):
                self.made.add(("netns", name))
            case ("iptables", "-t", table, "-N", chain):
                self.chains.add((f"{space} {table}", chain))
            case ("kg_write", _, path):
                self.written.add(path)
            case ("ln", "-s", target, link) if target in self.programs and link in QEMU_LINKS:
                self.programs.add(link)
                self.written.add(link)

    def kind(self, words: Sequence[str]) -> str | None:
        if words and words[0] in self.programs:
            return COMMANDS["QEMU"]
        prefix = _begins(words, COMMANDS)
        return None if prefix is None or prefix == "QEMU" else COMMANDS[prefix]

    # What a command of a lab is about: all of it is the lab's own. Judged at the end, when it is known what that is.

    def judge(self) -> None:
        for operation in self.operations:
            for command in operation.commands:
                for complaint in self.complaints(command):
                    self.say(command.line, f"`{_shown(command.words)}`: {complaint}")

    def complaints(self, command: Command) -> Iterator[str]:
        space, words = command.space, command.words
        if space != HOST and ("netns", space) not in self.made:
            yield f"the namespace `{space}` is not one that the lab makes"
        match words:
            case ("ip", "link", "delete", "dev", name) | ("brctl", "delbr", name):
                if (space, name) not in self.made:
                    yield f"`{name}` is not a link that the lab makes"
            case ("ip", "link", "delete", *_):
                yield "takes away more than one link"
            case ("ip", "netns", "delete", name) if ("netns", name) not in self.made:
                yield f"`{name}` is not a namespace that the lab makes"
            case ("iptables", "-t", table, *rest):
                yield from self.firewall(f"{space} {table}", rest)
            case ("sysctl", "-q", "-w", setting):
                key, _, value = setting.partition("=")
                yield from self.sysctl(key, value)
            case ("sysctl", *_):
                yield "sets more than one thing"
            case ("kg_sysctl", key, value):
                yield from self.sysctl(key, value)
            case ("kg_sysctl_back", key):
                yield from self.sysctl(key, "0")
            case ("awk", *rest):
                if len(rest) != 1 or not HAIRPIN.fullmatch(rest[0]):
                    yield "not the program for awk that labs have"
            case ("kg_write", mode, path):
                if not re.fullmatch(r"0?[0-7]{3}", mode) or not self.is_own(path):
                    yield "writes outside the lab's own folders"
                yield from self.helper(command, path)
            case ("rm", "-f", path):
                if not self.is_own(path) and path not in self.written:
                    yield "removes a file that is not the lab's own"
            case ("rm", *_):
                yield "removes more than one file"
            case ("kg_stop", *paths):
                if not paths or not all(self.is_own(path) for path in paths):
                    yield "the files of a process of the lab are in its own folders"
            case ("ln", "-s", target, link):
                if link not in QEMU_LINKS or target not in self.programs:
                    yield "the one link that labs make is that to QEMU"
            case ("kg_uplink" | "kg_uplink_back", *names):
                if len(names) != 2 or not all(map(NAME.fullmatch, names)):
                    yield "not a NIC and a bridge"
            case ("qemu-img", "create", *rest):
                if not _creates_image(rest):
                    yield "not an image in a whole path"
            case ("dnsmasq", *rest):
                yield from self.dnsmasq(rest)
            case (program, *rest) if program in self.programs:
                yield from self.qemu(rest)
            case (name, *_) if name.startswith("kg_"):
                yield "not the words that it takes"

    def is_own(self, path: str) -> bool:
        return bool(self.run and self.var) and path.startswith((f"{self.run}/", f"{self.var}/")) and ".." not in path

    def firewall(self, table: str, words: Sequence[str]) -> Iterator[str]:
        match words:
            case (("-N" | "-F" | "-X"), chain) | ("-A", chain, *_):
                if (table, chain) not in self.chains or not chain.startswith("kg-"):
                    yield f"`{chain}` is not a chain of the lab's own"
            case ("-I", _, "1", *rest) | ("-D", _, *rest):
                mark = f"kvmgen:{self.lab}"
                if rest[:-1] != ["-m", "comment", "--comment", mark, "-j"] or (table, rest[-1]) not in self.chains:
                    yield "not the jump to a chain of the lab's own, with its mark"
            case _:
                yield "changes rules that are not the lab's own"

    def sysctl(self, key: str, value: str) -> Iterator[str]:
        if not SYSCTLS.fullmatch(key) or not value.isdecimal():
            yield f"`{key}` is not a setting that labs change"

    def dnsmasq(self, words: Sequence[str]) -> Iterator[str]:
        for word in words:
            name, _, value = word.partition("=")
            if not name.startswith("--") or name[2:] not in DNSMASQ:
                yield f"`{word}` is not an option that labs use"
            elif (name in ("--pid-file", "--dhcp-leasefile") and not self.is_own(value)) or (
                name == "--conf-file" and value != "/dev/null"
            ):
                yield f"`{word}` is not in the lab's own folders"

    def qemu(self, words: Sequence[str]) -> Iterator[str]:
        for option, value in zip(words, [*words[1:], ""], strict=True):
            if option == "-pidfile" and not self.is_own(value):
                yield "its pid file is not in the lab's own folders"
            if option not in ("-netdev", "-net"):
                continue
            for key, path in qemu_pairs(value).items():
                if key in ("script", "downscript") and path != "no" and path not in self.written:
                    yield f"`{path}` is not a script that the lab writes"

    def helper(self, command: Command, path: str) -> Iterator[str]:
        """A script that the lab writes for QEMU is read like any other."""
        body = command.body or ""
        if body.startswith("#!"):
            if body not in self.helpers:
                self.helpers[body] = tree_findings(body, kind="helper")[0]
            for found in self.helpers[body]:
                self.found.append(
                    Finding(command.line + found.line, found.rule, f"in the script {path}: {found.message}")
                )
        elif command.words[1] not in ("0600", "0644"):
            yield "may be run and is no script"


def _inside(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The namespace that a command runs in, and the command."""
    if tuple(words[:3]) == ("ip", "netns", "exec") and len(words) > 4:
        return words[3], tuple(words[4:])
    return HOST, tuple(words)


def _begins(words: Sequence[str], prefixes: Sequence[str] | Mapping[str, str]) -> str | None:
    """The prefix by which the words begin."""
    return next((" ".join(words[:n]) for n in (1, 2, 3, 4) if " ".join(words[:n]) in prefixes), None)


def _creates_image(words: Sequence[str]) -> bool:
    """Whether `-q -f FORMAT [-b BASE -F FORMAT] PATH [SIZE]`."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        rest = rest[1:] if rest[0] == "-q" else rest[2:]
    return 1 <= len(rest) <= 2 and rest[0].startswith("/")


def image_of(words: Sequence[str]) -> str:
    """The image that `qemu-img create` of a lab makes."""
    return next((word for word in reversed(words) if word.startswith("/")), "")


def qemu_pairs(value: str) -> dict[str, str]:
    """The pairs of a list of QEMU's options, in which a doubled comma is a comma."""
    pairs = (part.partition("=") for part in re.findall(r"(?:[^,]|,,)+", value))
    return {key: text.replace(",,", ",") for key, _, text in pairs}


def _shown(words: Sequence[str]) -> str:
    text = " ".join(words)
    return text if len(text) <= 80 else f"{text[:77]}..."
