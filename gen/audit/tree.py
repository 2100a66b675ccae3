"""A bash script in, its syntax tree out, as shfmt reads it: what the audits of a script walk over."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
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


def literal(word: object) -> str | None:
    """The text of a word in which nothing is expanded, without its quotes; None for any other."""
    if not isinstance(word, dict):
        return None
    text = ""
    for part in word.get("Parts", []):
        if part["Type"] == "DblQuoted":
            inner = literal(part)
            if inner is None:
                return None
            text += inner
        elif part["Type"] in ("Lit", "SglQuoted"):
            text += part.get("Value", "")
        else:
            return None
    return text
