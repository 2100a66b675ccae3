"""A syntax tree in, what must not stand in a script out: the rules by which `kvmgen audit` accepts or refuses.

The rules say what may be there; all else is a finding. What they cannot see is what text becomes when a tree of allowed
commands passes it on: so a runtime that is not this kvmgen's own is a finding in itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gen.audit import bash41
from gen.audit.allowed import (
    BUILTINS,
    ENVIRONMENT,
    HELPER_PROGRAMS,
    KEEPERS,
    LAB_FUNCTION,
    NAME,
    PASS_ON,
    PLACES,
    PROGRAMS,
    RUNS,
    SPLITS,
    STARTED_WITH,
    STATEMENTS,
    WRITERS,
    WRITES,
)
from gen.audit.tree import Node, Unreadable, line, literal, syntax_tree, walk

RULES: Mapping[str, str] = {
    "not-bash": "the text cannot be read as bash",
    "edited": "the script is not as it was built: its seal, a sha256 of all other lines, does not hold",
    "unknown-runtime": "the runtime is not that of this kvmgen, so it is not known what it makes of its words",
    "unknown-command": "a command that is not on the list of those that scripts run",
    "undefined-function": "a call to a function that is not there",
    "redefined": "a function that is defined twice, or whose name is that of a command",
    "code-from-text": "text is run as code: eval, source, bash -c, a handler or command that is put together",
    "backticks": "a command substitution in backticks",
    "indirect": "a variable whose name is in another variable",
    "unquoted": "an expansion that is split into words, and matched with files",
    "undeclared-write": "a write outside the lab's own folders",
    "environment": "a variable that other programs obey, or that is not named as the script's own",
    "stray-code": "code that runs where a script of kvmgen has none",
    "unusual": "a construct of bash that scripts of kvmgen do not use",
    "newer-bash": "syntax that bash 4.1 does not have",
    "lab-command": "a command of the lab that does more than labs do",
}
"""What each code of a finding means. A code `SC...` is shellcheck's."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is wrong, at a line of the script; `rule` is a key of RULES, or a code of shellcheck's."""

    line: int
    rule: str
    message: str


Kind = Literal["script", "helper"]


def tree_findings(
    text: str, defined: frozenset[str] = frozenset(), kind: Kind = "script"
) -> tuple[list[Finding], Node | None]:
    """All findings, and the tree where there is one. Raises tree.ShfmtMissing.

    `defined` are functions that are there though not in the text; a `helper` is a script that a lab writes for QEMU.
    """
    try:
        tree = syntax_tree(text)
    except Unreadable as error:
        return [Finding(_place(str(error)), "not-bash", str(error))], None
    try:
        reader = _Reader(text.encode("utf-8", "surrogateescape"), defined, kind)
        reader.file(tree)
        found = set(reader.found)
    except RecursionError:
        return [Finding(1, "not-bash", "nested too deeply to be read")], None
    found |= {Finding(each.line, "newer-bash", f"{each.message} (bash {each.since})") for each in bash41.of_tree(tree)}
    return sorted(found), tree


def _place(said: str) -> int:
    match = re.search(r":(\d+):\d+:", said)
    return int(match[1]) if match else 1


_VALUE, _WORD, _PATTERN = "value", "word", "pattern"  # how bash reads a word: as it is, split, or as a pattern


@dataclass
class _Reader:
    source: bytes
    defined: frozenset[str]
    kind: Kind
    function: str = ""
    found: list[Finding] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)

    def say(self, node: Node, rule: str, message: str) -> None:
        self.found.append(Finding(line(node), rule, message))

    def text(self, node: Node) -> str:
        part = self.source[node["Pos"]["Offset"] : node["End"]["Offset"]].decode("utf-8", "replace")
        return part if len(part) <= 60 else f"{part[:57]}..."

    # Statements

    def file(self, tree: Node) -> None:
        self.functions |= self.defined
        for node in walk(tree):
            if node.get("Type") == "FuncDecl":
                self.functions.add(node["Name"]["Value"])
        for node in walk(tree):
            for comment in node.get("Comments") or node.get("Last") or []:
                if not comment.get("Text", "").isprintable():
                    where = comment.get("Hash", {}).get("Line", 0)
                    self.found.append(Finding(where, "unusual", "a comment that does not show all that it holds"))
        statements = tree.get("Stmts", [])
        for index, statement in enumerate(statements):
            command = statement.get("Cmd") or {}
            if self.kind == "script" and command.get("Type") != "FuncDecl":
                self.top_level(statement, last=index == len(statements) - 1)
            self.statement(statement)
        seen: set[str] = set(self.defined)
        for node in sorted((n for n in walk(tree) if n.get("Type") == "FuncDecl"), key=line):
            name = node["Name"]["Value"]
            if name in seen:
                self.say(node, "redefined", f"the function `{name}` is defined twice")
            elif not name.startswith("kg_"):
                self.say(node, "redefined", f"the function `{name}` takes the place of whatever has this name")
            seen.add(name)

    def top_level(self, statement: Node, last: bool) -> None:
        command = statement.get("Cmd") or {}
        shown = self.text(statement)
        match command.get("Type"):
            case "CallExpr" if not command.get("Args"):
                fine = all(self.is_plain(assign) for assign in command.get("Assigns", []))
            case "DeclClause":
                fine = all(self.is_plain(assign) for assign in command.get("Args", []))
            case "CallExpr":
                fine = shown in ("set -u", "umask 077")
            case "CaseClause":
                fine = shown.startswith("case ${BASH_VERSION:-} in\n")
            case "Block":
                fine = last and [self.text(each) for each in command["Stmts"]] == ['kg_main "$@"', "exit"]
            case _:
                fine = False
        if not fine or statement.get("Background") or statement.get("Redirs"):
            self.say(statement, "stray-code", "runs as soon as the script is read, outside all functions")

    @staticmethod
    def is_plain(assign: Node) -> bool:
        """Whether the assignment sets nothing but literal text."""
        values = [assign.get("Value")] if assign.get("Value") else []
        values += [element.get("Value") for element in (assign.get("Array") or {}).get("Elems") or []]
        return all(literal(value) is not None for value in values)

    def statements(self, nodes: object) -> None:
        for node in nodes if isinstance(nodes, list) else []:
            self.statement(node)

    def statement(self, node: Node) -> None:
        if node.get("Coprocess") or node.get("Disown"):
            self.say(node, "unusual", "a coprocess")
        for redirect in node.get("Redirs") or []:
            self.redirect(redirect)
        command = node.get("Cmd")
        if command is not None:
            self.command(command)

    def lab_statement(self, node: Node) -> None:
        """In the lab's part there is nothing but calls with literal words."""
        command = node.get("Cmd") or {}
        words = [literal(word) for word in command.get("Args", [])]
        documents = [each for each in node.get("Redirs") or [] if each.get("Op") == "<<" and self.is_quoted(each)]
        plain = not (node.get("Background") or node.get("Negated")) and documents == (node.get("Redirs") or [])
        if command.get("Type") == "CallExpr" and not command.get("Args"):
            names = [(each.get("Name") or {}).get("Value") for each in command.get("Assigns", [])]
            plain &= self.function == "kg_guests" and names == ["KG_VMS"]
            plain &= all(self.is_list_of_names(each) for each in command["Assigns"])
        else:
            plain &= command.get("Type") == "CallExpr" and not command.get("Assigns") and None not in words
            statements = STATEMENTS.get(self.function, STATEMENTS["kg_section"])
            plain &= bool(words) and (words[0] in statements or self.calls_section(words))
        if not plain:
            self.say(node, "stray-code", f"`{self.function}` holds nothing but the lab's statements with literal words")

    @staticmethod
    def is_list_of_names(assign: Node) -> bool:
        elements = (assign.get("Array") or {}).get("Elems") or []
        names = [NAME.fullmatch(literal(element.get("Value")) or "") for element in elements]
        indices = [literal(element.get("Index")) or "" for element in elements]
        return not assign.get("Value") and all(names) and all(index.isdecimal() for index in indices)

    def calls_section(self, words: list[str | None]) -> bool:
        return words == [":"] or (
            self.function == "kg_operations" and len(words) == 1 and bool(LAB_FUNCTION.fullmatch(words[0] or ""))
        )

    @staticmethod
    def is_quoted(redirect: Node) -> bool:
        parts = (redirect.get("Word") or {}).get("Parts", [])
        return any(part.get("Type") in ("SglQuoted", "DblQuoted") for part in parts)

    def command(self, node: Node) -> None:
        match node.get("Type"):
            case "CallExpr":
                self.assignments(node.get("Assigns"))
                if node.get("Args"):
                    self.call(node)
            case "DeclClause":
                self.declaration(node)
            case "FuncDecl":
                outer, self.function = self.function, node["Name"]["Value"]
                if outer:
                    self.say(node, "unusual", "a function inside a function")
                if LAB_FUNCTION.fullmatch(self.function):
                    for each in (node["Body"].get("Cmd") or {}).get("Stmts") or [node["Body"]]:
                        self.lab_statement(each)
                self.statement(node["Body"])
                self.function = outer
            case "Block" | "Subshell":
                self.statements(node.get("Stmts"))
            case "IfClause":
                self.branch(node)
            case "WhileClause":
                self.statements(node.get("Cond"))
                self.statements(node.get("Do"))
            case "ForClause":
                self.loop(node)
            case "CaseClause":
                self.word(node["Word"], _VALUE)
                for item in node.get("Items") or []:
                    for pattern in item.get("Patterns") or []:
                        self.word(pattern, _PATTERN)
                    self.statements(item.get("Stmts"))
            case "BinaryCmd":
                self.statement(node["X"])
                self.statement(node["Y"])
            case "TestClause" | "ArithmCmd":
                self.expression(node.get("X"))
            case other:
                self.say(node, "unusual", f"a {other}, which scripts of kvmgen do not have")
                for child in walk(node):
                    if child is not node and child.get("Cmd"):
                        self.statement(child)

    def branch(self, node: Node | None) -> None:
        while node:
            self.statements(node.get("Cond"))
            self.statements(node.get("Then"))
            node = node.get("Else")

    def loop(self, node: Node) -> None:
        if node.get("Select"):
            self.say(node, "unusual", "a select loop")
        head = node.get("Loop") or {}
        if head.get("Type") == "WordIter":
            self.sets(head, (head.get("Name") or {}).get("Value"))
            for word in head.get("Items") or []:
                self.word(word, _WORD)
        else:
            for key in ("Init", "Cond", "Post"):
                self.expression(head.get(key))
        self.statements(node.get("Do"))

    # Words

    def expression(self, node: object) -> None:
        """Tests and arithmetic: words are not split there."""
        if isinstance(node, list):
            for each in node:
                self.expression(each)
        elif isinstance(node, dict):
            if "Parts" in node:
                self.word(node, _VALUE)
            else:
                for key, child in node.items():
                    if key not in ("Pos", "End"):
                        self.expression(child)

    def word(self, node: Node | None, how: str) -> None:
        if node is None:
            return
        for part in node.get("Parts") or []:
            self.part(part, how)

    def part(self, part: Node, how: str) -> None:
        match part.get("Type"):
            case "Lit" | "SglQuoted":
                if self.kind == "script" and not LAB_FUNCTION.fullmatch(self.function):
                    self.inert(part)
            case "DblQuoted":
                for inner in part.get("Parts") or []:
                    self.part(inner, _VALUE)
            case "ParamExp":
                self.expansion(part, how)
            case "CmdSubst":
                if part.get("Backquotes"):
                    self.say(part, "backticks", "a command substitution in backticks: $( ) nests and quotes")
                if how == _WORD:
                    self.say(part, "unquoted", f"`{self.text(part)}` is split into words")
                self.statements(part.get("Stmts"))
            case "ProcSubst":
                self.statements(part.get("Stmts"))
            case "ArithmExp":
                self.expression(part.get("X"))
            case "ExtGlob":
                if how == _WORD:
                    self.say(part, "unusual", "a pattern of extglob")
            case other:
                self.say(part, "unusual", f"a {other}, which scripts of kvmgen do not have")

    def inert(self, part: Node) -> None:
        """A text with a command in it does nothing, until arithmetic or a prompt expands it."""
        if re.search(r"\$\(|\[`", re.sub(r"\\([$`])", r"\1", part.get("Value", ""))):
            self.say(part, "code-from-text", f"the text `{self.text(part)}` would be run by arithmetic")

    def expansion(self, node: Node, how: str) -> None:
        name = (node.get("Param") or {}).get("Value", "")
        subscript = node.get("Index")
        every = literal(subscript) in ("@", "*")
        if (node.get("Excl") and not every) or node.get("Names") or node.get("NestedParam") or node.get("Flags"):
            self.say(node, "indirect", f"`{self.text(node)}` expands a variable that is named in another")
        operation = node.get("Exp") or {}
        replacement = operation.get("Word")
        if how == _WORD and not (
            node.get("Length") or name in ("#", "?", "$", "!") or self.is_guard(operation) or self.splits(node)
        ):
            self.say(node, "unquoted", f"`{self.text(node)}` is split into words, and matched with files")
        if not every:
            self.expression(subscript)
        self.expression(node.get("Slice"))
        for word in (node.get("Repl") or {}).get("Orig"), (node.get("Repl") or {}).get("With"):
            self.word(word, _PATTERN)
        if operation.get("Op") in ("=", ":="):
            self.sets(node, name)
        if isinstance(replacement, dict):
            # Inside an unquoted ${a+...} the quotes of its word decide.
            self.word(replacement, how if operation.get("Op") in ("+", ":+", "-", ":-") else _PATTERN)

    @staticmethod
    def is_guard(operation: Node) -> bool:
        """`${a[@]+"${a[@]}"}`: the one way to expand an array that may be empty, in bash 4.1."""
        parts = (operation.get("Word") or {}).get("Parts") or []
        return operation.get("Op") in ("+", ":+") and [part.get("Type") for part in parts] == ["DblQuoted"]

    def splits(self, node: Node) -> bool:
        return self.text(node) in SPLITS.get(self.function, ())

    # Assignments

    def assignments(self, nodes: list[Node] | None) -> None:
        for node in nodes or []:
            name = (node.get("Name") or {}).get("Value")
            self.sets(node, name, literal(node["Value"]) if node.get("Value") else "")
            if (
                name is not None
                and name in KEEPERS
                and not re.fullmatch(KEEPERS[name], self.text(node["Value"]) if node.get("Value") else "''")
            ):
                self.say(node, "undeclared-write", f"`{self.text(node)}`: not a place of the lab's own")
            self.word(node.get("Value"), _VALUE)
            self.expression(node.get("Index"))
            for element in (node.get("Array") or {}).get("Elems") or []:
                self.word(element.get("Value"), _WORD)
                self.expression(element.get("Index"))

    def sets(self, node: Node, name: str | None, value: str | None = None) -> None:
        if name is None or re.fullmatch(r"KG_[A-Z0-9_]+|[a-z][a-z0-9_]*|_|REPLY|IFS", name):
            return
        if (self.kind == "script" and value in ENVIRONMENT.get(name, ())) or (name, value) == (
            "PATH",
            *ENVIRONMENT["PATH"],
        ):
            return
        self.say(node, "environment", f"the variable `{name}` is set{'' if value is None else f' to `{value}`'}")

    def declaration(self, node: Node) -> None:
        if node["Variant"]["Value"] not in ("local", "declare", "readonly", "export"):
            self.say(node, "unusual", f"`{node['Variant']['Value']}`, which scripts of kvmgen do not use")
        for argument in node.get("Args") or []:
            if not argument.get("Naked"):
                self.assignments([argument])
            elif argument.get("Name"):
                self.sets(argument, argument["Name"]["Value"], "")
            else:
                option = literal(argument.get("Value")) or ""
                if not re.fullmatch(r"-[aAnr]", option):
                    self.say(argument, "indirect", f"`{self.text(argument)}`: what is declared is not written here")

    # Commands

    def call(self, node: Node) -> None:
        words = node["Args"]
        for word in words[1:]:
            self.word(word, _WORD)
        first = literal(words[0])
        if first is None:
            # What is run is a variable: only where that is known, and known to be safe from splitting.
            for part in words[0].get("Parts") or []:
                if self.text(words[0]) not in RUNS.get(self.function, ()):
                    self.part(part, _WORD)
        self.runs(node, words)

    def runs(self, node: Node, words: list[Node]) -> None:
        """The command that these words are, which may hand on to another."""
        if not words:
            return None
        name = literal(words[0])
        if name is None:
            if self.text(words[0]) not in RUNS.get(self.function, ()):
                self.say(node, "code-from-text", f"the command is what `{self.text(words[0])}` holds")
            return None
        rest = words[1:]
        said = [literal(word) for word in rest]
        if LAB_FUNCTION.fullmatch(self.function):  # lab_statement judges the rest
            if name.startswith("kg_") and name not in self.functions:
                self.say(node, "undefined-function", f"there is no function `{name}`")
            return None
        if self.kind == "helper":
            if name != "exec" and name not in HELPER_PROGRAMS:
                self.say(node, "unknown-command", f"`{name}` is not a command of such a script")
            return self.runs(node, rest) if name == "exec" else None
        if name.startswith("kg_"):
            if name not in self.functions:
                self.say(node, "undefined-function", f"there is no function `{name}`")
            elif name in PASS_ON and len(rest) > PASS_ON[name]:
                target = rest[PASS_ON[name]]
                if not (literal(target) or "").startswith("kg_") and self.text(target) != '"$@"':
                    self.runs(node, rest[PASS_ON[name] :])
            return None
        match name:
            case "eval" | "source" | ".":
                self.say(node, "code-from-text", f"`{name}` runs text as code")
            case "bash" | "/bin/bash" | "sh" | "/bin/sh":
                program = self.text(rest[0]) if rest else ""
                fine = program in ('"${KG_COPY}"', '"$0"') or said == ["--norc", "-i"]
                if name != "/bin/bash" or not fine:
                    self.say(node, "code-from-text", f"`{self.text(node)}` runs text as code")
            case "trap":
                self.handler(node, rest)
            case "exec":
                self.runs(node, rest)
            case "setsid":
                self.runs(node, rest)
            case "timeout":
                self.runs(node, rest[1:])
            case "nsenter" | "unshare" | "xargs":
                options = next((each for each in STARTED_WITH[name] if said[: len(each)] == [*each]), None)
                if options is None:
                    self.say(node, "unknown-command", f"`{self.text(node)}` is not how scripts of kvmgen use {name}")
                self.runs(node, rest[len(options or ()) :])
            case "systemctl" if said != ["is-system-running"]:
                self.say(node, "unknown-command", f"`{self.text(node)}` does more than ask how the host is")
            case "iptables-restore" if said == ["--test"]:
                pass
            case "ip" if said[:2] == ["netns", "exec"]:
                self.runs(node, rest[3:])
            case "printf" | "read" | "unset" | "mapfile" | "wait" | "kill" | "type" | "set" | "umask":
                self.builtin(node, name, rest, said)
            case _ if name in WRITERS:
                self.writer(node, name, rest)
            case _ if name in BUILTINS or name in PROGRAMS:
                pass
            case _:
                self.say(node, "unknown-command", f"`{name}` is not a command that scripts run")
        return None

    def handler(self, node: Node, words: list[Node]) -> None:
        """trap: its handler is code, so it is read as such."""
        code = literal(words[0]) if words else None
        if code is None:
            self.say(node, "code-from-text", "the handler of a trap that is not written out")
        elif re.fullmatch(r"|-|:|exit|kg_leave [0-9]+|KG_SIGNAL=[0-9]+|kg_leave_console|-[lp]", code):
            pass
        elif code != 'kill "${screen}"; exit':
            self.say(node, "code-from-text", f"the handler of a trap, `{code}`")

    def builtin(self, node: Node, name: str, words: list[Node], said: list[str | None]) -> None:
        """Those that set a variable that is named in a word, or the shell's own ways."""
        names: list[str | None] = []
        if name == "printf":
            names = said[1:2] if said[:1] == ["-v"] else []
        elif name in ("read", "mapfile"):
            names = list(_operands(said, "nNtpudiaCcOs" if name == "mapfile" else "nNtpudi"))
            if name == "mapfile" and "-C" in said:
                self.say(node, "code-from-text", "`mapfile -C` runs text as code")
        elif name == "unset":
            names = [word if word is not None else self.subscripted(words[i]) for i, word in enumerate(said)]
        elif name == "set" and said and said[0] not in ("--", "-f", "+f", "-u") and said != ["-o", "pipefail"]:
            self.say(node, "unusual", f"`{self.text(node)}` changes how bash works")
        elif name == "umask" and said != ["077"]:
            self.say(node, "unusual", f"`{self.text(node)}`: files become those of others")
        for each in names:
            if each is None or not re.fullmatch(r"(KG_[A-Z0-9_]+|[a-z_]+|REPLY)(\[[A-Za-z0-9_]*\]?)?", each):
                self.say(node, "environment", f"`{self.text(node)}` sets a variable that is not the script's own")

    def subscripted(self, word: Node) -> str | None:
        """`KG_CHOSEN[`, of a word such as "KG_CHOSEN[${n}]"."""
        parts = word.get("Parts") or []
        inner = parts[0].get("Parts") or [] if len(parts) == 1 and parts[0].get("Type") == "DblQuoted" else []
        first = inner[0].get("Value", "") if inner and inner[0].get("Type") == "Lit" else ""
        return first if first.endswith("[") else None

    # Writes

    def redirect(self, node: Node) -> None:
        operator, target = node.get("Op", ""), node.get("Word") or {}
        if operator in ("<<", "<<-"):
            if not self.is_quoted(node):
                self.word(node.get("Hdoc"), _VALUE)
            return
        self.word(target, _WORD)
        text = literal(target)
        if operator in (">&", "<&") and text is not None and re.fullmatch(r"\d|-", text):
            return
        if operator in ("<", "<<<"):
            if (text or self.text(target).strip('"')).startswith(("/dev/tcp", "/dev/udp")):
                self.say(node, "undeclared-write", f"`{self.text(node)}` speaks to the network")
            return
        if [part.get("Type") for part in target.get("Parts") or []] == ["ProcSubst"]:
            return
        self.writes(node, target)

    def writes(self, node: Node, word: Node) -> None:
        text = self.text(word)
        declared = PLACES.fullmatch(text) or text in WRITES.get(self.function, ())
        if not declared or ".." in text:
            self.say(node, "undeclared-write", f"`{text}` is not a place where {self.function or 'this'} may write")

    def writer(self, node: Node, name: str, words: list[Node]) -> None:
        skip = WRITERS[name]
        said = [literal(word) for word in words]
        operands = [
            word
            for index, word in enumerate(words)
            if not (said[index] or "").startswith("-") and not (index > 0 and said[index - 1] == "-m")
        ]
        for word in operands[skip:]:
            self.writes(node, word)


def _operands(said: list[str | None], valued: str) -> Iterator[str | None]:
    """The words that are neither options nor the values of those in `valued`."""
    skip = False
    for word in said:
        if skip:
            skip = False
        elif word is not None and word.startswith("-") and len(word) > 1:
            skip = word[-1] in valued
        else:
            yield word
