"""The lab with every name looked up and every open value given out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import derive
from gen.bind import bind
from gen.codes import CODES
from gen.diagnostics import Diagnostics, render
from gen.expand import expand
from gen.model import Lab, LinkEnd, Network, Node, Route, Vm, VmNic
from gen.resolve import resolve
from gen.source import Source
from gen.syntax.parser import parse
from gen.vocabulary import Maybe, Term, grammar, keywords_in
from gen.vocabulary import Node as Pattern
from tests.passes import drawn, lab_of, resolve_text

LABS = Path(__file__).parent / "labs"


def ip(text: str) -> IPv4Address:
    return IPv4Address(text)


def network(lab: Lab, name: str) -> Network:
    return next(network for network in lab.networks if network.name == name)


def node(lab: Lab, name: str) -> Node:
    return next(node for node in lab.nodes if node.name == name)


def vm(lab: Lab, name: str) -> Vm:
    return next(vm for vm in lab.vms if vm.name == name)


def first_nic(lab: Lab, name: str) -> VmNic:
    return vm(lab, name).nics[0]


def mistakes(text: str) -> Diagnostics:
    return resolve_text(text)[1]


@pytest.fixture(scope="module")
def big() -> Lab:
    return lab_of((LABS / "language.dsl").read_text())


@pytest.mark.parametrize("path", sorted(LABS.glob("*.dsl")), ids=lambda path: path.stem)
def test_every_example_lab_resolves_without_an_error(path: Path) -> None:
    diagnostics = resolve_text(path.read_text(), path.name)[1]
    assert not diagnostics.has_errors, render(diagnostics)


# The big lab


def test_the_big_lab_has_everything_in_the_order_of_the_source(big: Lab) -> None:
    assert (big.name, big.target) == ("cirros-router", "centos7")
    assert [nic.name for nic in big.host] == ["ens33"]
    assert [(network.name, network.kind) for network in big.networks] == [
        ("br-ex", "bridged"),
        ("br-in", "isolated"),
        ("br-rt", "routed"),
        ("br-nt", "nat"),
    ]
    assert [(node.name, node.forwards) for node in big.nodes] == [("r1", True), ("a", False), ("b", False)]
    assert [vm.name for vm in big.vms] == ["cirros1", "cirros2", "installer"]
    assert len(big.expects) == 4


def test_a_nat_network_leaves_by_the_bridge_with_the_address_that_moved_there(big: Lab) -> None:
    assert (network(big, "br-nt").via, network(big, "br-nt").nat_to) == ("br-ex", ip("192.168.0.162"))


def test_a_routers_dhcp_serves_from_its_nic(big: Lab) -> None:
    dhcp = node(big, "r1").nics[0].dhcp
    assert dhcp is not None
    assert (dhcp.first, dhcp.last, dhcp.lease) == (ip("10.10.10.100"), ip("10.10.10.200"), 43200)
    assert dhcp.server == IPv4Interface("10.10.10.254/24")


def test_a_routers_snat_is_to_the_address_of_the_nic(big: Lab) -> None:
    (nat,) = node(big, "r1").nats
    assert (nat.source, nat.nic, nat.first, nat.last) == (
        IPv4Network("10.10.10.0/24"),
        "rexr",
        ip("192.168.0.200"),
        ip("192.168.0.200"),
    )


def test_published_targets_have_the_address_that_the_router_reaches(big: Lab) -> None:
    port, whole = node(big, "r1").publishes
    assert (port.target, port.target_address, port.port, port.target_port) == ("cirros1", ip("10.10.10.1"), 2222, 22)
    assert (whole.target, whole.target_address, whole.port) == ("cirros2", ip("10.10.10.100"), None)


def test_a_link_makes_the_nics_that_its_ends_name(big: Lab) -> None:
    (nic,) = node(big, "a").nics
    assert (nic.name, nic.network, nic.addresses[0].interface) == ("eth0", None, IPv4Interface("10.99.0.1/24"))
    assert [(link.left, link.right) for link in big.links] == [(LinkEnd("a", "eth0"), LinkEnd("b", "eth0"))]


def test_taps_macs_addresses_and_gateways_are_given_out(big: Lab) -> None:
    given, derived = first_nic(big, "cirros1"), first_nic(big, "cirros2")
    assert (given.tap, given.mac, given.address) == ("vf1.0", "52:54:00:11:22:33", IPv4Interface("10.10.10.1/24"))
    assert (derived.tap, derived.address) == ("cirros2.0", IPv4Interface("10.10.10.100/24"))
    assert derived.mac.startswith("52:54:00:")
    assert derived.mac_at is None
    assert given.gateway == derived.gateway == ip("10.10.10.254")


def test_the_user_network_has_no_tap(big: Lab) -> None:
    nic = vm(big, "installer").nics[1]
    assert (nic.network, nic.tap) == (None, None)
    assert [(forward.protocol, forward.port, forward.target_port) for forward in nic.forwards] == [("tcp", 2200, 22)]


# What is not said


def test_a_lab_is_called_after_its_file_and_is_for_debian() -> None:
    lab = lab_of("vm a", "labs/my first lab.dsl")
    assert (lab.name, lab.target) == ("my-first-lab", "debian12")


def test_an_empty_lab_has_a_name_too() -> None:
    assert lab_of("", "<stdin>").name == "stdin"


def test_a_vm_has_half_a_gibibyte_one_processor_and_virtio() -> None:
    machine = lab_of("network br isolated\nvm a { disk /a.img ; nic on br }").vms[0]
    assert (machine.memory, machine.cpus, machine.autostart, machine.vnc) == (512 * 2**20, 1, True, None)
    assert (machine.disks[0].bus, machine.disks[0].format, machine.nics[0].model) == ("virtio", "qcow2", "virtio")


@pytest.mark.parametrize(
    ("path", "format"),
    [("/a.qcow2", "qcow2"), ("/a.img", "qcow2"), ("/a", "qcow2"), ("/a.raw", "raw"), ("/a.ISO", "raw")],
)
def test_a_disks_format_is_told_by_its_suffix(path: str, format: str) -> None:
    assert lab_of(f"vm a {{ disk {path} }}").vms[0].disks[0].format == format


@pytest.mark.parametrize(
    ("host", "statements", "via", "nat_to"),
    [
        ("nic e0 { address 10.1.0.1/24 }", "", "e0", "10.1.0.1"),
        ("nic e0 { address 10.1.0.1/24 }\nnic e1 { gateway 10.2.0.1 }", "", "e1", None),
        ("nic e0 { address 10.1.0.1/24 }\nnic e1 { gateway 10.2.0.1 }", "via e0", "e0", "10.1.0.1"),
        ("nic e0 { address 10.1.0.1/24 }", "nat to 10.1.0.9", "e0", "10.1.0.9"),
        ("nic e0", "", "e0", None),
    ],
)
def test_a_nat_network_finds_its_way_out(host: str, statements: str, via: str, nat_to: str | None) -> None:
    found = lab_of(f"host {{\n{host}\n}}\nnetwork br nat {{ address 10.9.0.1/24 ; {statements} }}").networks[0]
    assert (found.via, found.nat_to) == (via, nat_to and ip(nat_to))


@pytest.mark.parametrize("via", ["", "via e1", "via br-ex"])
def test_an_uplink_that_became_a_port_is_its_bridge(via: str) -> None:
    lab = lab_of(
        "host {\nnic e0 { gateway 10.1.0.254 }\nnic e1 { address 10.2.0.1/24 }\n}\n"
        f"network br-ex bridged {{ uplink e1 }}\nnetwork br nat {{ {via} }}"
    )
    assert (network(lab, "br").via, network(lab, "br").nat_to) == ("br-ex", ip("10.2.0.1"))


def test_a_host_that_is_not_described_may_have_any_nic() -> None:
    lab = lab_of("network br-ex bridged { uplink e7 }\nnetwork br nat { via e8 }")
    assert (network(lab, "br-ex").uplink, network(lab, "br").via) == ("e7", "e8")


@pytest.mark.parametrize(
    ("address", "others", "expected"),
    [
        ("10.0.0.254/24", (), ("10.0.0.100", "10.0.0.200")),
        ("10.0.0.1/16", (), ("10.0.0.100", "10.0.0.200")),
        ("10.0.0.254/24", ("10.0.0.150",), ("10.0.0.1", "10.0.0.149")),
        ("10.0.0.150/24", (), ("10.0.0.1", "10.0.0.149")),
        ("10.0.0.1/29", (), ("10.0.0.2", "10.0.0.6")),
        ("10.0.0.1/29", ("10.0.0.3",), ("10.0.0.4", "10.0.0.6")),
        ("10.0.0.1/30", ("10.0.0.2",), None),
        ("10.0.0.1/31", (), None),
        ("10.0.0.1/32", (), None),
    ],
)
def test_dhcp_on_leases_the_usual_stretch_or_the_longest_free_one(
    address: str, others: tuple[str, ...], expected: tuple[str, str] | None
) -> None:
    found = derive.dhcp_range(IPv4Interface(address), map(ip, others))
    assert found == (expected and tuple(map(ip, expected)))


def test_dhcp_on_leaves_out_the_routers_on_the_network() -> None:
    lab = lab_of(
        "network br isolated { address 10.0.0.254/24  dhcp on }\nrouter r { nic e on br { address 10.0.0.120/24 } }"
    )
    dhcp = lab.networks[0].dhcp
    assert dhcp is not None
    assert (dhcp.first, dhcp.last) == (ip("10.0.0.121"), ip("10.0.0.253"))


def test_addresses_are_given_out_from_the_dhcp_range_first_and_never_one_that_is_named() -> None:
    lab = lab_of(
        "network br isolated { address 10.0.0.1/29  dhcp 10.0.0.4 - 10.0.0.5 }\n"
        "vm x { nic on br { address 10.0.0.5/29 } }\n"
        "for i in 1..3 {\n    vm v$i { nic on br { address auto } }\n}"
    )
    assert [str(first_nic(lab, f"v{i}").address) for i in (1, 2, 3)] == ["10.0.0.4/29", "10.0.0.2/29", "10.0.0.3/29"]


def test_the_subnet_of_a_bridged_network_is_that_of_its_uplink() -> None:
    lab = lab_of(
        "host {\nnic e0 { address 10.1.0.1/24  gateway 10.1.0.2 }\n}\n"
        "network br bridged { uplink e0 }\nvm a { nic on br { address auto } }"
    )
    nic = first_nic(lab, "a")
    assert (nic.address, nic.gateway) == (IPv4Interface("10.1.0.3/24"), ip("10.1.0.2"))


@pytest.mark.parametrize(
    ("networks", "gateway"),
    [
        ("network br routed { address 10.0.0.254/24 }", "10.0.0.254"),
        ("network br isolated { address 10.0.0.254/24 }", None),
        ("network br isolated\nrouter r { nic e on br { address 10.0.0.7/24 } }", "10.0.0.7"),
        ("network br isolated\nnamespace r { nic e on br { address 10.0.0.7/24 } }", None),
        (
            (
                "network br isolated\nrouter r { nic e on br { address 10.0.0.7/24 } }\n"
                "router s { nic e on br { address 10.0.0.8/24  dhcp on } }"
            ),
            "10.0.0.8",
        ),
        ("network br isolated\nrouter r { nic e on br { address 10.9.0.7/24 } }", None),
    ],
)
def test_a_guests_gateway_is_the_network_or_the_router_that_serves_it(networks: str, gateway: str | None) -> None:
    lab = lab_of(f"{networks}\nvm a {{ nic on br {{ address 10.0.0.9/24 }} }}")
    assert first_nic(lab, "a").gateway == (gateway and ip(gateway))


def test_a_guests_own_gateway_wins() -> None:
    lab = lab_of(
        "network br routed { address 10.0.0.254/24 }\nvm a { nic on br { address 10.0.0.9/24  gateway 10.0.0.3 } }"
    )
    assert first_nic(lab, "a").gateway == ip("10.0.0.3")


def test_a_published_guest_with_two_nics_is_reached_on_the_network_that_publishes() -> None:
    lab = lab_of(
        "network br-a isolated\nnetwork br-b nat { address 10.2.0.254/24  via e0 ; publish tcp 192.0.2.1:80 to web }\n"
        "vm web { nic on br-a { address 10.1.0.1/24 } ; nic on br-b { address 10.2.0.1/24 } }"
    )
    (publish,) = network(lab, "br-b").publishes
    assert (publish.target_address, publish.target_port) == (ip("10.2.0.1"), 80)


def test_a_published_namespace_behind_a_link_is_reached_over_that_link() -> None:
    lab = lab_of(
        "router r { publish 192.0.2.1 to a }\nnamespace a\nnamespace b\n"
        "link a.x 10.1.0.1/24 - b.x 10.1.0.2/24\nlink a.y 10.2.0.1/24 - r.y 10.2.0.2/24"
    )
    assert node(lab, "r").publishes[0].target_address == ip("10.2.0.1")


# Names


def test_derived_names_fit_and_differ() -> None:
    lab = lab_of(
        "network br isolated\nfor i in 1..300 {\n    vm a-guest-with-a-long-name-$i { nic on br }\n}\n"
        "router a-router-of-long-name { nic inside on br }\nvm short { nic on br }"
    )
    taps = [vm.nics[0].tap or "" for vm in lab.vms]
    names = [*taps, lab.nodes[0].nics[0].outer]
    assert len(set(names)) == len(names) == 302
    assert all(len(name) <= 15 for name in names)
    assert taps[-1] == "short.0"


def test_a_derived_name_gives_way_to_one_that_was_written() -> None:
    lab = lab_of("network br isolated\nvm a { nic on br }\nvm b { nic a.0 on br }")
    assert first_nic(lab, "b").tap == "a.0"
    assert first_nic(lab, "a").tap != "a.0"


def test_macs_are_stable_and_differ_among_labs_guests_and_nics() -> None:
    text = "network br isolated\nvm a { nic on br ; nic on br }\nvm b { nic on br }"
    macs = [nic.mac for name in ("one.dsl", "two.dsl") for vm in lab_of(text, name).vms for nic in vm.nics]
    assert len(set(macs)) == 6
    assert macs[:3] == [nic.mac for vm in lab_of(text, "one.dsl").vms for nic in vm.nics]


def test_a_derived_mac_gives_way_to_one_that_was_written() -> None:
    derived = derive.mac("lab", "a", 0, ())
    lab = lab_of(f"network br isolated\nvm a {{ nic on br }}\nvm b {{ nic on br {{ mac {derived} }} }}")
    assert first_nic(lab, "a").mac == derive.mac("lab", "a", 0, {derived}) != derived


def test_names_of_nodes_and_nics_may_have_dots() -> None:
    lab = lab_of("namespace r.1\nnamespace b\nlink r.1.eth0.5 - b.x")
    assert lab.links[0].left == LinkEnd("r.1", "eth0.5")


def test_a_declared_nic_takes_address_and_limit_from_its_link() -> None:
    lab = lab_of(
        "namespace a { nic x { address 10.0.0.1/24  mtu 1400 } }\nnamespace b { nic x { limit 1mbit } }\n"
        "link a.x 10.1.0.1/24 - b.x { limit 5mbit }"
    )
    left, right = node(lab, "a").nics[0], node(lab, "b").nics[0]
    assert [str(address.interface) for address in left.addresses] == ["10.0.0.1/24", "10.1.0.1/24"]
    assert (left.mtu, left.limit, right.limit) == (1400, 5_000_000, 1_000_000)


def test_two_bridges_are_joined_by_a_cable_with_named_ends() -> None:
    (link,) = lab_of("network br-a isolated\nnetwork br-b isolated\nlink br-a - br-b").bridge_links
    assert (link.left, link.right, link.left_end, link.right_end) == ("br-a", "br-b", "br-a-br-b", "br-b-br-a")


def test_a_route_has_a_gateway_or_a_nic_or_discards() -> None:
    lab = lab_of(
        "network br isolated\nrouter r {\nnic e on br\n"
        "route default via 10.0.0.1\nroute 10.1.0.0/16 dev e\nroute 10.2.0.0/16 discard\n}"
    )

    def way(route: Route) -> tuple[str, IPv4Address | None, str | None, bool]:
        return str(route.destination), route.gateway, route.nic, route.discard

    assert [way(route) for route in lab.nodes[0].routes] == [
        ("0.0.0.0/0", ip("10.0.0.1"), None, False),
        ("10.1.0.0/16", None, "e", False),
        ("10.2.0.0/16", None, None, True),
    ]


# Mistakes


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("vm a\nrouter a", "defined-twice", "a"),
        ("host {\nnic br0\n}\nnetwork br0 isolated", "defined-twice", "br0"),
        ("network br0 isolated\nvm a { nic br0 on br0 }", "defined-twice", "br0"),
        ("network br isolated\nrouter r { nic e on br ; nic e on br }", "defined-twice", "e"),
        ("network br isolated\nrouter r { nic lo on br }", "reserved-name", "lo"),
        ("router host", "reserved-name", "host"),
        ("vm a { nic on br }", "not-defined", "br"),
        ("router r { nic e on br }", "not-defined", "br"),
        ("host {\nnic e0\n}\nnetwork br bridged { uplink e1 }", "not-defined", "e1"),
        ("host {\nnic e0\n}\nnetwork br nat { via e1 }", "not-defined", "e1"),
        ("router r { route default dev e }", "not-defined", "e"),
        ("router r { nat all via e }", "not-defined", "e"),
        ("router r { bridge b { port e } }", "not-defined", "e"),
        ("router r { publish tcp 192.0.2.1:80 to web:80 }", "not-defined", "web"),
        ("expect a reaches host", "not-defined", "a"),
        ("expect host reaches a", "not-defined", "a"),
        ("namespace a\nlink a.x - b.x", "not-defined", "b"),
        ("network br isolated\nlink br - bra", "not-defined", "bra"),
        ("namespace a\nlink a.sixteen-bytes-xx - a.x", "long-interface-name", "x"),
        ("network br isolated\nnamespace a { nic x on br }\nlink a.x - a.y", "nic-cabled-twice", "a.x"),
        ("host {\nnic e0\nnic e1\n}\nnetwork br nat", "nat-without-way-out", "br"),
        ("network br nat { via br }", "nat-without-way-out", "br"),
    ],
)
def test_a_mistake_is_drawn_at_the_name(text: str, code: str, part: str) -> None:
    assert drawn(mistakes(text)) == [(code, part)]


def test_a_name_that_is_used_twice_is_drawn_with_its_first_use() -> None:
    (found,) = mistakes("vm a\nvm b\nvm a")
    assert found.label.span.line == 3
    assert [(label.span.line, label.text) for label in found.also] == [(1, "first used here")]


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    (found,) = mistakes("network br-inside isolated\nvm a { nic on br-insid }")
    assert found.help == ("did you mean `br-inside`?",)


def test_a_vm_at_the_end_of_a_link_is_told_to_use_a_network() -> None:
    (found,) = mistakes("vm a\nnamespace b\nlink a.x - b.x")
    assert found.help == ("a vm has no cable: give it a `nic on NETWORK`",)


def test_a_bridge_that_exists_may_be_described_in_host_too() -> None:
    lab_of("host {\nnic br0 { address 10.0.0.1/24 }\n}\nnetwork br0 isolated { external }")


def test_a_setting_of_dhcp_without_dhcp_is_a_warning() -> None:
    (found,) = mistakes("network br isolated { lease 1h }")
    assert (found.severity, found.code) == ("warning", "setting-without-dhcp")


RESOLVE_CODES = (
    "bridged-without-uplink",
    "defined-twice",
    "dhcp-range-unknown",
    "nat-without-way-out",
    "nic-cabled-twice",
    "nic-without-cable",
    "no-free-address",
    "no-subnet",
    "not-defined",
    "publish-ports",
    "publish-without-address",
    "reserved-name",
    "setting-without-dhcp",
    "wrong-network-kind",
)


@pytest.mark.parametrize("code", RESOLVE_CODES)
def test_the_examples_of_a_code_are_true(code: str) -> None:
    assert {found.code for found in mistakes(CODES[code].wrong)} == {code}
    assert not len(mistakes(CODES[code].right))


# Anything

WORDS = {
    "BRIDGE": ["br0", "br1"],
    "NETWORK": ["br0", "br1"],
    "NIC": ["e0", "e1", "lo"],
    "NIC|NETWORK": ["e0", "br0"],
    "NODE.NIC": ["a.e0", "r.1.e1", ".x"],
    "NAME[:PORT]": ["a", "b:22"],
    "CIDR": ["10.0.0.1/24", "10.0.0.3/31", "10.0.0.1", "0.0.0.0/0", "255.255.255.255/32"],
    "IP": ["10.0.0.1", "10.0.0.9"],
    "IP[:PORT]": ["10.0.0.9:80", "10.0.0.1"],
    "NET": ["10.0.0.0/8"],
    "WHO|IP": ["b", "1.2.3.4"],
    "MAC": ["52:54:00:00:00:01"],
}


@st.composite
def words(draw: st.DrawFn, nodes: tuple[Pattern, ...]) -> list[str]:
    """Words for the nodes, some of them wrong."""
    found: list[str] = []
    for node in nodes:
        if isinstance(node, Term):
            typed = WORDS.get(node.placeholder, ["a", "b", "r.1", "host", "1"]) if node.placeholder else []
            found.append(draw(st.sampled_from([*node.literals, *typed])))
        elif isinstance(node, Maybe):
            found += draw(words(node.nodes)) if draw(st.booleans()) else []
        else:
            found += draw(words(draw(st.sampled_from(node.branches))))
    return found


@st.composite
def blocks(draw: st.DrawFn, context: str) -> str:
    lines = []
    shapes = [keyword for keywords in keywords_in(context).values() for keyword in keywords]
    for keyword in draw(st.lists(st.sampled_from(shapes), max_size=8 if context == "top" else 3)):
        block = f" {{\n{draw(blocks(keyword.block))}\n}}" if keyword.block and draw(st.booleans()) else ""
        lines.append(" ".join([keyword.word, *draw(words(grammar(keyword).nodes))]) + block)
    return "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(blocks("top"))
def test_any_statements_give_a_lab_and_diagnostics_that_can_be_drawn(text: str) -> None:
    diagnostics = Diagnostics()
    statements = expand(parse(Source("lab.dsl", text), diagnostics), diagnostics)
    resolve(bind(statements, diagnostics), "lab.dsl", diagnostics)
    assert render(diagnostics).count("lab.dsl:") == len(diagnostics)
