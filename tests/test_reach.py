"""Who reaches whom, foretold from the lab alone; tests/live/test_reached.py holds the same against the kernel."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gen import driver
from gen.diagnostics import Diagnostics, render
from gen.reach import Assumptions, connect, converse, try_to_reach
from gen.reach.conversation import Conversation
from gen.reach.linux import Protocol
from gen.reach.matrix import Matrix, matrix
from gen.render.reach import matrix_json, matrix_text, trace_json, trace_text
from gen.source import Source
from tests.test_cases import LABS

HOST = "host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 } }\n"
THREE = """
network br-a isolated
network br-b isolated
router r1 { nic a on br-a { address 10.1.0.1/24 }  nic b on br-b { address 10.2.0.1/24 } }
namespace left  { nic e on br-a { address 10.1.0.2/24 }  route default via 10.1.0.1 }
namespace right { nic e on br-b { address 10.2.0.2/24 }  route default via 10.2.0.1 }
namespace deaf  { nic e on br-b { address 10.2.0.3/24 } }
"""


def ask(
    text: str, source: str, target: str, protocol: Protocol = "icmp", port: int = 0, assumed: Assumptions | None = None
) -> Conversation:
    """What becomes of it when the source speaks to a machine or an address."""
    diagnostics = Diagnostics()
    try:
        lab = driver.analyse(Source("lab.dsl", text), diagnostics)
    except driver.Stopped:
        pytest.fail(render(diagnostics))
    if target[0].isdigit():
        address = int.from_bytes(bytes(map(int, target.split("."))), "big")
        machines = connect(lab, assumed, [address])
    else:
        machines = connect(lab, assumed)
        tried = try_to_reach(machines, source, target, protocol, port)
        assert tried is not None
        address = tried[0]
    return converse(machines.by_name[source], address, protocol, port, steps=True)


def all_of(text: str) -> Matrix:
    return matrix(connect(driver.analyse(Source("lab.dsl", text), Diagnostics())))


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_what_the_labs_expect_is_foretold(path: Path) -> None:
    lab = driver.analyse(Source.read(str(path)), Diagnostics())
    machines = connect(lab, targets=[int(expect.address) for expect in lab.expects if expect.address])
    for expect in lab.expects:
        protocol, port = expect.protocol or "icmp", expect.port or 0
        if expect.target is None:
            found = converse(machines.by_name[expect.source], int(expect.address or 0), protocol, port)
        else:
            tried = try_to_reach(machines, expect.source, expect.target, protocol, port)
            assert tried is not None
            found = tried[1]
        assert found.reached is expect.reaches or not found.certain, f"{expect.at.text}: {found.why}"


def test_an_answer_needs_a_way_back() -> None:
    assert ask(THREE, "left", "right").reached
    found = ask(THREE, "left", "deaf")
    assert (found.reached, found.answered_by, found.ended) == (False, "deaf", "deaf")
    assert found.why == "deaf has no route to 10.1.0.2"


def test_a_namespace_does_not_forward() -> None:
    found = ask(THREE.replace("router r1", "namespace r1"), "left", "right")
    assert found.why == "r1 does not forward, and 10.2.0.2 is not its own"


def test_a_namespace_that_is_taken_for_a_gateway_is_told_not_to_forward() -> None:
    """A new namespace takes ip_forward over from a host that may forward."""
    text = "network br0 isolated\nnamespace a { nic e on br0 { address 10.0.0.1/24 } }\n"
    text += "namespace b { nic e on br0 { address 10.0.0.2/24 }  route default via 10.0.0.1 }\n"
    script = driver.build(Source("lab.dsl", text), Diagnostics()).script
    assert re.findall(r"kg_do ip netns exec (\w+) sysctl .*ip_forward=0", script) == ["a"]


def test_a_discarded_route_is_where_the_packet_ends() -> None:
    text = THREE.replace("router r1 {", "router r1 { route 10.2.0.2/32 discard;")
    found = ask(text, "left", "right")
    assert found.at is not None and found.at.text == "route 10.2.0.2/32 discard"


def test_strict_reverse_path_filtering_drops_what_comes_by_another_way() -> None:
    text = """
    router r { loopback 10.9.0.1/32; route 10.9.0.2/32 via 10.0.1.2 }
    router s { loopback 10.9.0.2/32; route 10.9.0.1/32 via 10.0.2.1 }
    link r.a 10.0.1.1/30 - s.a 10.0.1.2/30
    link r.b 10.0.2.1/30 - s.b 10.0.2.2/30
    """
    assert ask(text, "r", "10.9.0.2").reached
    text = text.replace("route 10.9.0.2/32 via 10.0.1.2", "route 10.9.0.2/32 via 10.0.1.2 src 10.9.0.1")
    assert ask(text, "r", "10.9.0.2").reached
    found = ask(text, "r", "10.9.0.2", assumed=Assumptions(rp_filter=1))
    assert found.why is not None and found.why.endswith("(rp_filter: s would answer 10.9.0.1 by b)")
    assert ask(text, "r", "10.9.0.2", assumed=Assumptions(rp_filter=2)).reached


def test_snat_brings_the_answer_back_and_a_foreign_one_is_not_taken() -> None:
    text = THREE.replace("router r1 {", "router r1 { nat all via b;")
    found = ask(text, "left", "deaf")
    assert found.reached
    assert found.way_there[-1].packet.source == int.from_bytes(bytes((10, 2, 0, 1)), "big")


def test_a_published_port_leads_inside_for_all_and_other_ports_do_not() -> None:
    text = HOST + "network br0 nat { address 10.30.0.254/24  publish tcp 192.168.0.162:2222 to web:22 }\n"
    text += "vm web { nic on br0 { address 10.30.0.1/24 } }\nvm other { nic on br0 { address 10.30.0.2/24 } }\n"
    for source in "web", "other", "host", "*lan", "*outside":
        assert ask(text, source, "192.168.0.162", "tcp", 2222).answered_by == "web", source
        assert ask(text, source, "192.168.0.162", "tcp", 2222).reached, source
        assert ask(text, source, "192.168.0.162", "tcp", 22).answered_by == "host", source
    found = ask(text, "*lan", "web")
    assert not found.reached and not found.certain  # the LAN may have a route there, but the host would drop it


def test_isolated_networks_stay_apart_where_the_host_forwards_for_others() -> None:
    text = HOST + "network br0 isolated { address 10.1.0.254/24 }\nnetwork br1 routed { address 10.2.0.254/24 }\n"
    text += (
        "vm a { nic on br0 { address 10.1.0.1/24  gateway 10.1.0.254 } }\nvm b { nic on br1 { address 10.2.0.1/24 } }\n"
    )
    found = ask(text, "a", "b")
    assert found.why is not None and found.why.startswith("FORWARD of host drops it: the rule -i br0 -j DROP")
    assert found.at is not None and found.at.line == 2
    assert ask(text, "host", "a").reached


def test_a_loop_ends_with_the_time_to_live() -> None:
    text = "router r { route 10.8.0.0/16 via 10.0.0.2; route 10.8.1.0/24 discard }\n"
    text += "router s { route default via 10.0.0.1 }\nlink r.a 10.0.0.1/30 - s.a 10.0.0.2/30\n"
    text += "namespace a { route default via 10.0.1.1 }\nlink a.e 10.0.1.2/30 - r.b 10.0.1.1/30\n"
    assert ask(text, "a", "10.8.0.1").why == "it goes round in circles until its TTL ends"


def test_bridged_frames_fix_a_flow_before_the_host_could_hide_it() -> None:
    """With bridge-nf the host's conntrack has seen the packet, unchanged, before it comes to be routed."""
    text = HOST + "network br0 nat { address 10.0.0.254/24 }\n"
    text += "router r { nic e on br0 { address 10.0.0.1/24 }  route default via 10.0.0.254 }\n"
    text += "vm a { nic on br0 { address 10.0.0.2/24  gateway 10.0.0.1 } }\n"
    assert ask(text, "a", "203.0.113.7").reached
    assert not ask(text, "a", "203.0.113.7", assumed=Assumptions(bridge_nf=True)).reached


def test_a_thousand_guests_that_are_alike_are_one_row() -> None:
    text = "network br0 nat { address 10.0.0.1/16  via ens33  dhcp on }\n"
    text += "for i in 1..1000 { vm g$i { nic on br0 { address auto } } }\n"
    found = all_of(text)
    assert [len(group.members) for group in found.groups] == [1, 1000]
    assert all(cell.found is not None and cell.found.reached for cell in found.cells)


def test_guests_that_a_rule_or_route_tells_apart_are_not_alike() -> None:
    text = HOST + "network br0 nat { address 10.0.0.254/24  publish tcp 192.168.0.162:80 to b:80 }\n"
    text += "router r { nic e on br0 { address 10.0.0.253/24 }  route 10.0.0.4/32 discard }\n"
    text += "".join(f"vm {name} {{ nic on br0 {{ address 10.0.0.{n}/24 }} }}\n" for n, name in enumerate("abcd", 1))
    assert [group.members for group in all_of(text).groups][2:6] == [("a", "c"), ("b",), ("d",), ("*lan",)]


def test_groups_give_what_every_pair_would() -> None:
    for path in LABS:
        machines = connect(driver.analyse(Source.read(str(path)), Diagnostics()))
        grouped = {
            (source, target): cell.found is not None and cell.found.reached
            for cell in matrix(machines).cells
            for source in cell.source.members
            for target in cell.target.members
        }
        for source in machines.by_name:
            for target in machines.by_name:
                if source != target:
                    tried = try_to_reach(machines, source, target)
                    assert grouped[source, target] is (tried is not None and tried[1].reached), (path, source, target)


def test_the_matrix_is_a_row_for_each_machine_and_the_reasons() -> None:
    text = matrix_text(all_of(THREE), "icmp", 0)
    assert "\n3 left   . +   + .\n" in text
    assert "left to deaf and 1 more: deaf has no route to 10.1.0.2\n" in text
    found = json.loads(matrix_json(all_of(THREE), "icmp", 0))
    assert found["groups"] == [["host"], ["r1"], ["left"], ["right"], ["deaf"]]
    assert {"from": 2, "to": 3, "address": "10.2.0.2", "reached": True, "certain": True, "why": None} in found["cells"]


def test_a_trace_tells_both_ways_and_where_it_ends() -> None:
    found = ask(THREE, "left", "10.2.0.3", "tcp", 80)
    text = trace_text("left", "deaf", (10 << 24) + (2 << 16) + 3, found, "tcp", 80)
    assert text.splitlines()[0] == "left does not reach deaf (10.2.0.3) by tcp 80"
    assert "  r1    10.1.0.2:40000 > 10.2.0.3:80  forwards from a to b, route 10.2.0.0/24 dev b\n" in text
    assert text.endswith("it ends there: deaf has no route to 10.1.0.2  [line 7]\n")
    found_json = json.loads(trace_json("left", "deaf", (10 << 24) + (2 << 16) + 3, found, "tcp", 80))
    assert (found_json["reached"], found_json["line"], found_json["there"][0]["machine"]) == (False, 7, "left")
