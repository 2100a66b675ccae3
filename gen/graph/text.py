"""A Topology in, a tree of lines for a terminal out: each cable once, from the outside inwards."""

from __future__ import annotations

from collections.abc import Iterator

from gen.graph.topology import Cable, Topology, Vertex


def text(topology: Topology) -> str:
    """The drawing. Each vertex hangs where it is nearest to the outside; further cables name it by `see`."""
    vertices = {vertex.key: vertex for vertex in topology.vertices}
    nearest: dict[str, Cable] = {}
    # Vertices stand in the order of a search by breadth, so the first cable from a seen one is the nearest.
    for vertex in topology.vertices:
        for cable in topology.cables:
            if cable.left == vertex.key and cable.right != vertex.key:
                nearest.setdefault(cable.right, cable)
    hanging: dict[str, list[Cable]] = {}
    for cable in topology.cables:
        hanging.setdefault(cable.left, []).append(cable)

    def below(key: str, indent: str) -> Iterator[str]:
        cables = hanging.get(key, [])
        yield from (f"{indent}{'│  ' if cables else '   '}{note}" for note in vertices[key].notes)
        for index, cable in enumerate(cables):
            last = index == len(cables) - 1
            label = " - ".join(cable.texts)
            entry = f"{indent}{'└─ ' if last else '├─ '}{label}{': ' if label else ''}"
            if nearest.get(cable.right) is cable:
                yield entry + _title(vertices[cable.right])
                yield from below(cable.right, f"{indent}{'   ' if last else '│  '}")
            else:
                yield f"{entry}see {_title(vertices[cable.right])}"

    lines = []
    for vertex in topology.vertices:
        if vertex.key not in nearest:
            lines += [_title(vertex), *below(vertex.key, "")]
    return "\n".join(lines) + "\n"


def _title(vertex: Vertex) -> str:
    return vertex.name if vertex.kind in ("host", "lan") else f"{vertex.kind} {vertex.name}"
