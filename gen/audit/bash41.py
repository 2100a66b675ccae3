"""A script in, what bash 4.1 does not have or does otherwise than a newer bash out.

Scripts run on CentOS 6 (4.1.2), CentOS 7 (4.2.46) and all newer ones, and no old bash is at hand to try them: the
dialect is held by a walk over the syntax tree. Versions and reasons are those of bash's own CHANGES.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gen.audit.tree import Node, line, syntax_tree, walk, written


@dataclass(frozen=True, slots=True)
class Finding:
    """A construct at a line of the script; `since` is the bash that brought or changed it."""

    line: int
    since: str
    message: str


def findings(script: str) -> list[Finding]:
    """All findings, in the order of the lines. Raises tree.ShfmtMissing or tree.Unreadable."""
    return of_tree(syntax_tree(script))


def of_tree(tree: Node) -> list[Finding]:
    """The same, of a tree that is there already."""
    found = [finding for node in walk(tree) for finding in _of_node(node)]
    found += _empty_arrays(tree)
    return sorted(set(found), key=lambda finding: (finding.line, finding.message))


NEWER_VARIABLES = {
    "BASH_ARGV0": "5.0",
    "BASH_COMPAT": "4.3",
    "BASH_MONOSECONDS": "5.3",
    "CHILD_MAX": "4.3",
    "EPOCHREALTIME": "5.0",
    "EPOCHSECONDS": "5.0",
    "EXECIGNORE": "4.4",
    "FUNCNEST": "4.2",
    "PS0": "4.4",
    "SRANDOM": "5.1",
}

NEWER_OPTIONS = {
    ("declare", "g"): "4.2",
    ("declare", "n"): "4.3",
    ("declare", "I"): "5.1",
    ("local", "-"): "4.4",
    ("cd", "e"): "4.2",
    ("cd", "@"): "4.3",
    ("unset", "n"): "4.3",
    ("wait", "n"): "4.3",
    ("wait", "f"): "5.0",
    ("wait", "p"): "5.1",
    ("mapfile", "d"): "4.4",
    ("kill", "L"): "4.4",
    ("test", "v"): "4.2",
    ("test", "R"): "4.3",
    ("read", "E"): "5.3",
}
"""Command and option letter; `declare` stands for its kin."""

NEWER_SHOPTS = {
    "compat41": "4.2",
    "lastpipe": "4.2",
    "complete_fullquote": "4.3",
    "direxpand": "4.3",
    "globasciiranges": "4.3",
    "inherit_errexit": "4.4",
    "assoc_expand_once": "5.0",
    "localvar_inherit": "5.0",
    "localvar_unset": "5.0",
    "progcomp_alias": "5.0",
    "globskipdots": "5.2",
    "noexpand_translation": "5.2",
    "patsub_replacement": "5.2",
    "varredir_close": "5.2",
}

_SAME_AS = {
    "typeset": "declare",
    "local": "declare",
    "readarray": "mapfile",
    "[": "test",
}
_UNICODE = re.compile(r"(?<!\\)(?:\\\\)*\\[uU][0-9A-Fa-f]")
_NEGATIVE_SUBSCRIPT = re.compile(r"\w+\[-\d+\]")


def _of_node(node: Node) -> Iterator[Finding]:
    match node.get("Type"):
        case "ParamExp":
            yield from _expansion(node)
        case "DeclClause":
            yield from _declaration(node)
        case "CallExpr":
            yield from _call(node)
        case "UnaryTest" if node["Op"] in ("-v", "-R"):
            since = NEWER_OPTIONS["test", node["Op"][1]]
            yield Finding(line(node), since, f"`{node['Op']}` in [[ ]]: a syntax error before; use [[ ${{NAME+set}} ]]")
        case "SglQuoted" if node.get("Dollar") and _UNICODE.search(node.get("Value", "")):
            yield Finding(line(node), "4.2", "`\\u` in $'...' stays as it is written")
        case "CmdSubst" if node.get("TempFile") or node.get("ReplyVar"):
            yield Finding(line(node), "5.3", "`${ command; }` is a bad substitution before")
        case _:
            pass
    if _is_negative(node.get("Index")):
        yield Finding(line(node), "4.2", "a negative subscript (assigned to: 4.3): use ${#a[@]} - 1")
    redirected = node.get("N")
    if isinstance(redirected, dict) and "[" in redirected.get("Value", ""):
        yield Finding(line(node), "4.3", "a redirection to {array[index]}")


def _expansion(node: Node) -> Iterator[Finding]:
    name = node["Param"]["Value"]
    if name in NEWER_VARIABLES:
        yield Finding(line(node), NEWER_VARIABLES[name], f"the variable {name} is empty before")
    if (node.get("Exp") or {}).get("Op") == "@":
        yield Finding(line(node), "4.4", "`${x@...}` is a bad substitution before: quote with a function")
    if _is_negative((node.get("Slice") or {}).get("Length")):
        yield Finding(line(node), "4.2", "a negative length of a slice is an error before: use ${x%?}")
    for part in ((node.get("Repl") or {}).get("With") or {}).get("Parts", []):
        if part["Type"] not in ("Lit", "SglQuoted", "DblQuoted"):
            yield Finding(
                line(node), "5.2", "`&` in an unquoted replacement is the match since: put it in double quotes"
            )


def _declaration(node: Node) -> Iterator[Finding]:
    command = node["Variant"]["Value"]
    flags = ""
    for argument in node.get("Args", []):
        word = written(argument.get("Value")) or ""
        if argument.get("Naked") and word[:1] in ("-", "+"):
            flags += word[1:]
            if word == "-":
                yield Finding(line(node), NEWER_OPTIONS["local", "-"], "`local -` is not a valid name before")
        elif argument.get("Naked") and set("aA") & set(flags) and command in ("declare", "local", "typeset"):
            yield Finding(
                line(node), "4.3", "an array without a value is unset to ${#a[@]} under set -u since: add =()"
            )
    yield from _options(node, _SAME_AS.get(command, command), command, [f"-{flags}"])


def _call(node: Node) -> Iterator[Finding]:
    words = [written(word) for word in node.get("Args", [])]
    for assignment in node.get("Assigns", []):
        name = (assignment.get("Name") or {}).get("Value")
        if name in NEWER_VARIABLES:
            yield Finding(line(node), NEWER_VARIABLES[name], f"the variable {name} means nothing before")
    while words and words[0] in ("builtin", "command", "exec"):
        words = words[1:]
    if not words or words[0] is None:
        return
    command, arguments = words[0], [word for word in words[1:] if word is not None]
    yield from _options(node, _SAME_AS.get(command, command), command, arguments)
    match command:
        case "printf" if any(re.search(r"%[-0-9.]*\([^)]*\)T", word) for word in arguments):
            yield Finding(line(node), "4.2", "`%(...)T` of printf: use date")
        case "shopt":
            for word in arguments:
                if word in NEWER_SHOPTS:
                    yield Finding(line(node), NEWER_SHOPTS[word], f"`shopt {word}` is an error before")
        case "exit" | "return" if arguments and arguments[0].startswith("-"):
            yield Finding(line(node), "4.3", f"`{command}` takes no negative number before")
        case "unset" if any(map(_NEGATIVE_SUBSCRIPT.fullmatch, arguments)):
            yield Finding(line(node), "4.3", "a negative subscript of unset")
    if command in ("printf", "echo") and any(map(_UNICODE.search, arguments)):
        yield Finding(line(node), "4.2", f"`\\u` of {command} stays as it is written")


def _options(node: Node, kind: str, command: str, arguments: list[str]) -> Iterator[Finding]:
    for word in arguments:
        if kind in ("test", "kill"):  # their words are one option each
            letters = word[1:] if len(word) == 2 and word[0] == "-" else ""
        elif re.fullmatch(r"-[A-Za-z@]+", word):
            letters = word[1:]
        else:
            break
        for letter in letters:
            if since := NEWER_OPTIONS.get((kind, letter)):
                yield Finding(line(node), since, f"`{command} -{letter}` is not there before")


def _is_negative(expression: object) -> bool:
    return isinstance(expression, dict) and expression.get("Type") == "UnaryArithm" and expression.get("Op") == "-"


def _empty_arrays(tree: Node) -> Iterator[Finding]:
    """Expansions of all elements (not of all indices) of an array that nothing keeps from being empty.

    Under `set -u` that ends the script before 4.4. What shows that somebody has thought of it is `${a[@]+"${a[@]}"}`,
    or, in the same function, a test of `${#a[@]}` or an assignment of elements.
    """
    nodes = list(walk(tree))
    inside: set[int] = set()
    for function in nodes:
        if function.get("Type") == "FuncDecl":
            body = list(walk(function["Body"]))
            inside |= {id(node) for node in body}
            yield from _empty_arrays_among(body)
    yield from _empty_arrays_among([node for node in nodes if id(node) not in inside])


def _empty_arrays_among(nodes: list[Node]) -> Iterator[Finding]:
    safe: set[str] = set()
    guarded: set[int] = set()
    for node in nodes:
        if node.get("Array", {}) and node["Array"].get("Elems") and node.get("Name"):
            safe.add(node["Name"]["Value"])
        if node.get("Type") != "ParamExp" or not _is_all(node):
            continue
        name = node["Param"]["Value"]
        if node.get("Length"):
            safe.add(name)
        if (node.get("Exp") or {}).get("Op") in ("+", ":+", "-", ":-"):
            guarded.add(id(node))
            word = node["Exp"].get("Word")
            guarded |= {id(each) for each in walk(word) if each.get("Param", {}).get("Value") == name}
    for node in nodes:
        if node.get("Type") == "ParamExp" and _is_all(node) and id(node) not in guarded and not node.get("Length"):
            name = node["Param"]["Value"]
            if name not in safe:
                message = f"`${{{name}[@]}}` of an empty array ends the script under set -u before: ${{{name}[@]+...}}"
                yield Finding(line(node), "4.4", message)


def _is_all(node: Node) -> bool:
    return not node.get("Excl") and written(node.get("Index")) in ("@", "*")
