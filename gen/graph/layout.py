"""Sizes of boxes and labels in, their places out: by Graphviz where it is installed, else by columns of our own.

Lengths are in CSS pixels, y grows downwards, and a place is the middle of what stands there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Size = tuple[float, float]

_COLUMN_GAP, _ROW_GAP = 60.0, 24.0


@dataclass(frozen=True, slots=True)
class Edge:
    """A cable to lay: the keys of its ends, and the size of its label ((0, 0): none)."""

    left: str
    right: str
    label: Size


@dataclass(frozen=True, slots=True)
class Way:
    """Where a cable runs: an SVG path, and the middle of its label."""

    path: str
    label: Point


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of the whole, the middle of each box by key, and each edge's way in the order given."""

    size: Size
    boxes: dict[str, Point]
    ways: list[Way]


def layout(boxes: Mapping[str, Size], edges: Sequence[Edge]) -> Layout:
    """Lay out from left to right; the boxes are in the order from the outside inwards."""
    return (_by_graphviz(boxes, edges) if shutil.which("dot") else None) or by_columns(boxes, edges)


def _by_graphviz(boxes: Mapping[str, Size], edges: Sequence[Edge]) -> Layout | None:
    """Graphviz's own places (dot(1)): it works in points of 1/72 inch, which we take as pixels; None if it fails."""
    number = {key: index for index, key in enumerate(boxes)}
    lines = ["graph { rankdir=LR nodesep=0.25 ranksep=0.35", 'node [shape=box fixedsize=true label=""]']
    lines += [
        f"{number[key]} [width={width / 72:.4f} height={height / 72:.4f}]" for key, (width, height) in boxes.items()
    ]
    for index, edge in enumerate(edges):
        # A table of a fixed size: the fonts of this machine do not count.
        width, height = edge.label
        table = (
            f'<table border="0" fixedsize="true" width="{width:.0f}" height="{height:.0f}"><tr><td></td></tr></table>'
        )
        label = f" label=<{table}>" if width else ""
        lines.append(f"{number[edge.left]} -- {number[edge.right]} [id={index}{label}]")
    drawn = subprocess.run(
        ["dot", "-Tjson"], input="\n".join([*lines, "}"]), capture_output=True, text=True, check=False
    )
    if drawn.returncode != 0:
        return None
    graph = json.loads(drawn.stdout)
    _, _, width, height = map(float, graph["bb"].split(","))

    def point(text: str) -> Point:
        x, y = map(float, text.split(","))
        return x, height - y

    places = {int(each["name"]): point(each["pos"]) for each in graph.get("objects", [])}
    ways = []
    for each in sorted(graph.get("edges", []), key=lambda each: int(each["id"])):
        first, *rest = (f"{x:.1f},{y:.1f}" for x, y in map(point, each["pos"].split()))
        ways.append(Way(f"M{first} C{' '.join(rest)}", point(each["lp"]) if "lp" in each else (0, 0)))
    return Layout((width, height), {key: places[number[key]] for key in boxes}, ways)


def by_columns(boxes: Mapping[str, Size], edges: Sequence[Edge]) -> Layout:
    """A column for each step from the outside, rows by the mean of the neighbours' rows, straight cables."""
    column: dict[str, int] = {}
    for key in boxes:
        before = [column[edge.left] for edge in edges if edge.right == key and edge.left in column]
        column[key] = min(before) + 1 if before else 0
    columns = [[key for key in boxes if column[key] == index] for index in range(max(column.values(), default=-1) + 1)]
    places: dict[str, Point] = {}
    left = 0.0
    for keys in columns:
        inner = [edge.label[0] for edge in edges if edge.right in keys]
        left += max(inner, default=0.0) + (_COLUMN_GAP if left else 0.0)
        keys.sort(
            key=lambda key: _mean([places[edge.left][1] for edge in edges if edge.right == key and edge.left in places])
        )
        width = max(boxes[key][0] for key in keys)
        top = 0.0
        for key in keys:
            height = max(boxes[key][1], *(edge.label[1] for edge in edges if edge.right == key), 0.0)
            places[key] = left + width / 2, top + height / 2
            top += height + _ROW_GAP
        left += width
    height = max((y + boxes[key][1] / 2 for key, (_, y) in places.items()), default=0.0)
    return Layout((left, height), places, [_straight(places[edge.left], places[edge.right]) for edge in edges])


def _straight(start: Point, end: Point) -> Way:
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    return Way(f"M{start[0]:.1f},{start[1]:.1f} L{end[0]:.1f},{end[1]:.1f}", middle)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
