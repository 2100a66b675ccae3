"""A Topology in, Graphviz's language out: for `dot -Tpdf` and the like, and for the layout of our own drawing."""

from __future__ import annotations

from gen.graph.topology import Topology

_SHAPES = {
    "lan": "ellipse",
    "host": "house",
    "bridge": "box",
    "router": "hexagon",
    "namespace": "box",
    "guest": "box3d",
}


def dot(topology: Topology) -> str:
    """The graph, from left to right."""
    lines = [
        f"graph {quoted(topology.name)} {{",
        "    rankdir=LR",
        '    node [fontname="monospace" fontsize=11]',
        '    edge [fontname="monospace" fontsize=10]',
    ]
    for vertex in topology.vertices:
        label = quoted("\n".join((vertex.name, *vertex.notes)))
        lines.append(f"    {quoted(vertex.key)} [shape={_SHAPES[vertex.kind]} label={label}]")
    for cable in topology.cables:
        label = quoted("\n".join(cable.texts))
        lines.append(f"    {quoted(cable.left)} -- {quoted(cable.right)} [label={label}]")
    return "\n".join(lines) + "\n}\n"


def quoted(text: str) -> str:
    """A double-quoted ID. In labels a backslash starts an escape, so it is doubled; a line ends with `\\n`."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
