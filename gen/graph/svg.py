"""A Topology in, one self-contained SVG out: readable on light and dark, and each part findable by its key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from gen.graph.layout import Edge, Size, Way, layout
from gen.graph.topology import Cable, Topology, Vertex

_CHAR, _LINE = 7.3, 15.0
"""Width of a character and height of a line of 12 px monospace, in pixels; labels are 11 px and fit too."""
_PADDING = 10.0
_MARGIN = 12.0

STYLE = """\
.kg { font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.kg { --ink: #1b1f24; --paper: #fff; --soft: #57606a; --mark: #cf222e; }
.kg { --lan: #ddf4ff; --host: #eaeef2; --bridge: #fff8c5; --router: #ffe2cc; --namespace: #f0e5ff; --guest: #dafbe1; }
@media (prefers-color-scheme: dark) {
  .kg { --ink: #e6edf3; --paper: #0d1117; --soft: #9da7b3; --mark: #ff7b72; }
  .kg { --lan: #0c2d48; --host: #21262d; --bridge: #3b2e04; --router: #4a2506; --namespace: #2e1f4d; --guest: #0f3d1e; }
}
.kg text { fill: var(--ink); text-anchor: middle; }
.kg .name { font-weight: 700; }
.kg .note, .kg .end { fill: var(--soft); font-size: 11px; }
.kg .end { paint-order: stroke; stroke: var(--paper); stroke-width: 4; }
.kg .box { stroke: var(--ink); }
.kg .wire { stroke: var(--soft); stroke-width: 1.5; fill: none; }
.kg .paper { fill: var(--paper); }
.kg .new .box, .kg .new .wire { stroke: var(--mark); stroke-width: 3; }
.kg .absent { visibility: hidden; }
"""


def svg(topology: Topology, *, shown: Collection[str] | None = None, new: Collection[str] = ()) -> str:
    """The drawing. With `shown`, what is not among these keys keeps its place but is not seen; `new` is marked."""
    boxes = {vertex.key: _box_size(vertex) for vertex in topology.vertices}
    placed = layout(boxes, [Edge(cable.left, cable.right, _label_size(cable.texts)) for cable in topology.cables])

    def classes(key: str, kind: str) -> str:
        marks = [kind]
        marks += ["absent"] if shown is not None and key not in shown else []
        marks += ["new"] if key in new else []
        return f'class="{" ".join(marks)}" data-key="{escape(key)}"'

    width, height = placed.size[0] + 2 * _MARGIN, placed.size[1] + 2 * _MARGIN
    title = f"Topology of the lab {topology.name}"
    lines = [
        f'<svg class="kg" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        '<rect class="paper" width="100%" height="100%"/>',
        f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">',
    ]
    for cable, way in zip(topology.cables, placed.ways, strict=True):
        lines += [f"<g {classes(cable.key, 'cable')}>", *_cable(cable, way), "</g>"]
    for vertex in topology.vertices:
        lines += [
            f"<g {classes(vertex.key, vertex.kind)}>",
            *_vertex(vertex, boxes[vertex.key], placed.boxes[vertex.key]),
            "</g>",
        ]
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"


def _box_size(vertex: Vertex) -> Size:
    texts = (vertex.name, *vertex.notes)
    return max(map(len, texts)) * _CHAR + 2 * _PADDING, len(texts) * _LINE + 2 * _PADDING


def _label_size(texts: Sequence[str]) -> Size:
    return (max(map(len, texts)) * _CHAR, len(texts) * _LINE) if texts else (0.0, 0.0)


def _cable(cable: Cable, way: Way) -> list[str]:
    ends = " - ".join(cable.ports)
    lines = [f'<path class="wire" d="{way.path}"/>', f"<title>{escape(ends or cable.key)}</title>"]
    x, y = way.label
    _, height = _label_size(cable.texts)
    return lines + _texts(cable.texts, x, y - height / 2, ["end"] * len(cable.texts))


def _vertex(vertex: Vertex, size: Size, middle: tuple[float, float]) -> list[str]:
    (width, height), (x, y) = size, middle
    left, top = x - width / 2, y - height / 2
    radius = {"bridge": 2.0, "lan": height / 2, "namespace": 10.0, "router": 10.0}.get(vertex.kind, 4.0)
    place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}"'
    texts = (vertex.name, *vertex.notes)
    return [
        f"<title>{escape(f'{vertex.kind} {vertex.name}')}</title>",
        f'<rect class="box" style="fill:var(--{vertex.kind})" {place}/>',
        *_texts(texts, x, top + _PADDING, ["name", *["note"] * len(vertex.notes)]),
    ]


def _texts(texts: Sequence[str], x: float, top: float, classes: Sequence[str]) -> list[str]:
    return [
        f'<text class="{kind}" x="{x:.1f}" y="{top + (index + 0.75) * _LINE:.1f}">{escape(text)}</text>'
        for index, (text, kind) in enumerate(zip(texts, classes, strict=True))
    ]
