"""A Topology in, a Mermaid flowchart out, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

from gen.graph.topology import Topology

_SHAPES = {
    "lan": ("((", "))"),
    "host": ("[/", "/]"),
    "bridge": ("[[", "]]"),
    "router": ("{{", "}}"),
    "namespace": ("([", "])"),
    "guest": ("[", "]"),
}


def mermaid(topology: Topology) -> str:
    """The flowchart, from left to right."""
    number = {vertex.key: f"v{index}" for index, vertex in enumerate(topology.vertices)}
    lines = ["flowchart LR"]
    for vertex in topology.vertices:
        before, after = _SHAPES[vertex.kind]
        label = "<br>".join(map(_escaped, (vertex.name, *vertex.notes)))
        lines.append(f'    {number[vertex.key]}{before}"{label}"{after}')
    for cable in topology.cables:
        label = "<br>".join(map(_escaped, cable.texts))
        line = f'---|"{label}"|' if label else "---"
        lines.append(f"    {number[cable.left]} {line} {number[cable.right]}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Text inside a quoted label: `#34;` is a quote (Mermaid's flowchart syntax, "Entity codes to escape")."""
    return "".join(char if char.isalnum() or char in " ._:/,'()+-" else f"#{ord(char)};" for char in text)
