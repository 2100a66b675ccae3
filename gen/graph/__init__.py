"""A checked Lab in, its topology drawn out: as SVG, Mermaid, Graphviz's dot, or lines for a terminal."""

from __future__ import annotations

from typing import Literal

from gen.graph.topology import topology
from gen.model import Lab

Style = Literal["text", "svg", "mermaid", "dot"]


def graph(lab: Lab, style: Style) -> str:
    """The whole drawing."""
    drawn = topology(lab)
    if style == "svg":
        from gen.graph.svg import svg

        return svg(drawn)
    if style == "mermaid":
        from gen.graph.mermaid import mermaid

        return mermaid(drawn)
    if style == "dot":
        from gen.graph.dot import dot

        return dot(drawn)
    from gen.graph.text import text

    return text(drawn)
