"""A bash script in, its syntax tree out, as shfmt reads it: what the audits of a script walk over."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from gen.audit.program import find

Node = dict[str, Any]
"""A node of shfmt's tree: its fields by name; `Pos` has the line."""


class ShfmtMissing(Exception):
    """There is no shfmt beside this Python nor on the PATH."""


class Unreadable(Exception):
    """The script is not bash; the text says where and why."""


def syntax_tree(script: str) -> Node:
    """The tree of the whole script. Raises ShfmtMissing, or Unreadable."""
    program = find("shfmt")
    if program is None:
        raise ShfmtMissing
    command = [program, "--language-dialect", "bash", "--to-json"]
    text = script.encode("utf-8", "surrogateescape")
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    if done.returncode != 0:
        raise Unreadable(done.stderr.decode("utf-8", "replace").strip() or f"shfmt failed: {done.returncode}")
    try:
        tree: Node = json.loads(done.stdout)
    except RecursionError:
        raise Unreadable("1:1: nested too deeply to be read") from None
    return tree


def walk(node: object) -> Iterator[Node]:
    """The node and all below it, in no certain order; places are no nodes."""
    left = [node]
    while left:
        each = left.pop()
        if isinstance(each, list):
            left += each
        elif isinstance(each, dict) and "Col" not in each:
            yield each
            left += [child for child in each.values() if isinstance(child, dict | list)]


def line(node: Node) -> int:
    """The line on which a node begins; 0 for one without a place."""
    place: Node = node.get("Pos", {})
    return int(place.get("Line", 0))


def written(word: object) -> str | None:
    """A word in which nothing is expanded, without its quotes but with its backslashes; None for any other."""
    return _join(word, lambda part, quoted: str(part.get("Value", "")))


def literal(word: object) -> str | None:
    """The text that such a word stands for; None for any other."""
    return _join(word, _meant)


def _join(word: object, read: Callable[[Node, bool], str], quoted: bool = False) -> str | None:
    if not isinstance(word, dict):
        return None
    text = ""
    for part in word.get("Parts", []):
        if part["Type"] == "DblQuoted" and not part.get("Dollar"):
            inner = _join(part, read, quoted=True)
            if inner is None:
                return None
            text += inner
        elif part["Type"] in ("Lit", "SglQuoted"):
            text += read(part, quoted)
        else:
            return None
    return text


def _meant(part: Node, quoted: bool) -> str:
    text = str(part.get("Value", ""))
    if part["Type"] == "Lit":
        return re.sub(r'\\([$`"\\])|\\\n' if quoted else r"\\(.)|\\\n", lambda found: found[1] or "", text)
    if part.get("Dollar"):
        raw = _ANSI_C.sub(_unescaped, text.encode("utf-8", "surrogateescape"))
        return raw.decode("utf-8", "surrogateescape")
    return text


# bash(1), "QUOTING", $'...'
_ANSI_C = re.compile(
    rb"\\([abeEfnrtv\\'\"?]|[0-7]{1,3}|x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|c.)", re.S
)
_NAMED = dict(zip(b"abeEfnrtv\\'\"?", b"\a\b\x1b\x1b\f\n\r\t\v\\'\"?", strict=True))


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    match code[:1]:
        case b"x":
            return bytes([int(code[1:], 16)])
        case b"u" | b"U":
            return chr(min(int(code[1:], 16), sys.maxunicode)).encode("utf-8", "surrogatepass")
        case b"c":
            return bytes([code[1] & 0x1F])
        case digit if digit.isdigit():
            return bytes([int(code, 8) & 0xFF])
    return bytes([_NAMED[code[0]]])
