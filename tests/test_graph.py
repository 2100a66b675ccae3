"""The topology as a picture: everything that the lab has is drawn, in every format, and nothing covers anything."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.diagnostics import Diagnostics
from gen.driver import analyse
from gen.graph import graph
from gen.graph.dot import dot
from gen.graph.layout import Edge, Layout, Size, by_columns, layout
from gen.graph.mermaid import mermaid
from gen.graph.svg import svg
from gen.graph.topology import Cable, Topology, Vertex, topology
from gen.model import Lab
from gen.source import Source
from tests.passes import lab_of
from tests.test_cli import run

EVERY_LAB = pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "labs").glob("*.dsl")), ids=lambda p: p.stem
)
SVG = "{http://www.w3.org/2000/svg}"

ROUTED = """
    host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 } }
    network br-ex bridged { uplink ens33 }
    network br-in isolated
    router r1 {
        nic rinr on br-in { address 10.10.10.254/24 }
        nic rexr on br-ex { address 192.168.0.200/16 }
        route default via 192.168.0.1
        nat 10.10.10.0/24 via rexr
        publish tcp 192.168.0.200:2222 to b:22
    }
    namespace a { nic eth0 on br-in { address 10.10.10.1/24 } }
    namespace b { nic eth0 on br-in { address 10.10.10.2/24 } }
    link a.c 10.99.0.1/30 - b.c 10.99.0.2/30
"""


def read(path: Path) -> Lab:
    return analyse(Source.read(str(path)), Diagnostics())


def texts(drawing: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawing).iter(f"{SVG}text")]


def test_the_text_form_is_a_tree_from_the_outside_inwards() -> None:
    assert graph(lab_of(dedent(ROUTED)), "text") == dedent("""\
        LAN at ens33
        │  192.168.0.0/16
        │  gateway 192.168.0.1
        └─ ens33: bridge br-ex
           │  bridged
           ├─ 192.168.0.162/16: host
           └─ rexr 192.168.0.200/16: router r1
              │  NAT 10.10.10.0/24 via rexr to 192.168.0.200
              │  tcp 192.168.0.200:2222 to b:22
              │  default via 192.168.0.1
              └─ rinr 10.10.10.254/24: bridge br-in
                 │  isolated
                 ├─ eth0 10.10.10.1/24: namespace a
                 │  └─ c 10.99.0.1/30 - c 10.99.0.2/30: see namespace b
                 └─ eth0 10.10.10.2/24: namespace b
        """)


def test_mermaid_draws_the_same() -> None:
    lab = lab_of("namespace a\nnamespace b\nlink a.eth0 10.99.0.1/24 - b.eth0 10.99.0.2/24\n")
    assert graph(lab, "mermaid") == dedent("""\
        flowchart LR
            v0(["a"])
            v1(["b"])
            v0 ---|"eth0 10.99.0.1/24<br>eth0 10.99.0.2/24"| v1
        """)


@EVERY_LAB
def test_every_object_and_every_end_of_a_cable_is_in_the_picture(path: Path) -> None:
    lab = read(path)
    found = texts(graph(lab, "svg"))
    names = [each.name for each in lab.networks] + [each.name for each in lab.nodes] + [each.name for each in lab.vms]
    assert set(names) <= set(found)
    for node in lab.nodes:
        for nic in node.nics:
            assert " ".join([nic.name, *(str(address.interface) for address in nic.addresses)]) in found
    for card in (nic for vm in lab.vms for nic in vm.nics if nic.tap is not None):
        assert f"{card.tap} {card.address or ''}".strip() in found


@EVERY_LAB
def test_drawing_twice_gives_the_same_bytes(path: Path) -> None:
    assert graph(read(path), "svg") == graph(read(path), "svg")


EVERY_LAYOUT = pytest.mark.parametrize("laid_out", [layout, by_columns])


def assert_apart(drawn: Topology, laid_out: Callable[[dict[str, Size], list[Edge]], Layout]) -> None:
    """No box covers another."""
    sizes = {vertex.key: (100.0 + 7 * len(vertex.name), 20.0 + 15 * len(vertex.notes)) for vertex in drawn.vertices}
    places = laid_out(sizes, [Edge(cable.left, cable.right, (90.0, 15.0)) for cable in drawn.cables]).boxes
    for one, other in combinations(sizes, 2):
        apart = [abs(places[one][axis] - places[other][axis]) for axis in (0, 1)]
        assert any(apart[axis] >= (sizes[one][axis] + sizes[other][axis]) / 2 - 1 for axis in (0, 1)), (one, other)


@EVERY_LAB
@EVERY_LAYOUT
def test_no_box_covers_another(path: Path, laid_out: Callable[[dict[str, Size], list[Edge]], Layout]) -> None:
    assert_apart(topology(read(path)), laid_out)


@EVERY_LAYOUT
def test_forty_nodes_stay_apart_too(laid_out: Callable[[dict[str, Size], list[Edge]], Layout]) -> None:
    lab = "network core isolated { address 10.0.0.254/16 }\nfor h in 1..40 {\n"
    lab += "namespace h$h { nic eth0 on core { address 10.0.1.$h/16 } }\n}\n"
    assert_apart(topology(lab_of(lab)), laid_out)


@EVERY_LAB
def test_graphviz_reads_what_dot_prints(path: Path) -> None:
    done = subprocess.run(
        ["dot", "-Tplain"], input=graph(read(path), "dot"), text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\nnode ") == len(topology(read(path)).vertices)


def test_a_step_of_a_lesson_marks_what_is_new_and_hides_what_is_to_come() -> None:
    drawn = topology(lab_of("namespace a\nnamespace b\nlink a.eth0 - b.eth0\n"))
    root = ElementTree.fromstring(svg(drawn, shown={"node:a", "node:b"}, new={"node:b"}))
    classes = {group.get("data-key"): group.get("class") for group in root.iter(f"{SVG}g") if group.get("data-key")}
    assert classes == {"a/eth0 - b/eth0": "cable absent", "node:a": "namespace", "node:b": "namespace new"}


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_no_name_can_break_out_of_its_place(name: str) -> None:
    hostile = Topology(
        name, (Vertex("a", "host", name), Vertex("b", "guest", name, (name,))), (Cable("c", "a", "b", name),)
    )
    assert texts(svg(hostile)).count(name) == 4
    assert mermaid(hostile).count("\n") == 4
    printed = subprocess.run(["dot", "-Tcanon"], input=dot(hostile), text=True, capture_output=True, check=False)
    assert printed.returncode == 0, printed.stderr


def test_without_graphviz_the_picture_is_laid_out_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = texts(graph(lab_of(dedent(ROUTED)), "svg"))
    assert "r1" in found


def test_graph_prints_the_picture_and_a_bad_lab_prints_none(tmp_path: Path) -> None:
    (tmp_path / "good.dsl").write_text("namespace a\n")
    (tmp_path / "bad.dsl").write_text("namspace a\n")
    good, bad = (run("graph", name, "--format", "svg", cwd=tmp_path) for name in ("good.dsl", "bad.dsl"))
    assert (good.returncode, texts(good.stdout)) == (0, ["a"])
    assert (bad.returncode, bad.stdout) == (1, "")
