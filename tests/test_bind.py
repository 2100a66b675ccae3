"""Statements become directives: how words are matched, what a mistake draws, what defaults do."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import pytest

from gen.bind import Directive, Value, split
from gen.codes import CODES
from gen.diagnostics import Diagnostics, render
from gen.source import Source
from gen.syntax.parser import parse
from gen.values import TYPES
from gen.vocabulary import KEYWORDS, Keyword, Maybe, Node, Term, grammar, keywords_in
from tests.passes import bind_text, drawn, resolve_text


def plain(directive: Directive) -> list[Any]:
    """A directive as its keyword, its values, and its block if it has one."""
    values = [_plain(value) for value in directive.values]
    block = [plain(inner) for inner in directive.block]
    return [directive.keyword.word, *values, *([block] if block else [])]


def _plain(value: Value | None) -> Any:
    if value is not None and isinstance(value.value, tuple) and isinstance(value.value[0], Value):
        return [_plain(inner) for inner in value.value]
    return value and value.value


def bound(text: str) -> list[list[Any]]:
    directives, diagnostics = bind_text(text)
    assert not len(diagnostics), render(diagnostics)
    return [plain(directive) for directive in directives]


def mistakes(text: str) -> Diagnostics:
    return bind_text(text)[1]


# What is understood


@pytest.mark.parametrize(
    ("text", "directive"),
    [
        ("lab a", ["lab", "a"]),
        ("link a.x - b.y", ["link", "a.x", None, "b.y", None]),
        (
            "link a.x 10.0.0.1/31 - b.y 10.0.0.0/31",
            ["link", "a.x", IPv4Interface("10.0.0.1/31"), "b.y", IPv4Interface("10.0.0.0/31")],
        ),
        ("link br-a - br-b", ["link", "br-a", "br-b"]),
        ("expect a cannot reach b", ["expect", "a", "cannot", "reach", "b", None, None]),
        ("expect a reaches 10.0.0.1 tcp 80", ["expect", "a", None, "reaches", IPv4Address("10.0.0.1"), "tcp", 80]),
    ],
)
def test_a_statement_has_a_value_a_slot(text: str, directive: list[Any]) -> None:
    assert bound(text) == [directive]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("route default via 10.0.0.1", ["default", IPv4Address("10.0.0.1"), None, None, None, None]),
        (
            "route default via 10.0.0.1 dev e metric 5",
            ["default", IPv4Address("10.0.0.1"), "e", None, 5, None],
        ),
        ("route default dev e", ["default", None, None, "e", None, None]),
        ("route default discard", ["default", None, None, None, None, None]),
        (
            "route default dev e src 10.0.0.2 metric 5",
            ["default", None, None, "e", 5, IPv4Address("10.0.0.2")],
        ),
    ],
)
def test_options_side_by_side_come_in_any_order(text: str, values: list[Any]) -> None:
    assert bound(f"router r {{ {text} }}") == [["router", "r", [["route", *values]]]]


def test_complete_statements_share_a_line() -> None:
    assert bound("network br-in isolated { address 10.10.10.254/24  dhcp on  stp on }") == [
        [
            "network",
            "br-in",
            "isolated",
            [["address", IPv4Interface("10.10.10.254/24")], ["dhcp", None, None], ["stp", "on"]],
        ]
    ]


def test_a_block_belongs_to_the_last_statement_of_its_line() -> None:
    assert bound("vm a  vm b { cpus 2 }") == [["vm", "a"], ["vm", "b", [["cpus", 2]]]]


def test_no_word_is_reserved() -> None:
    assert bound("vm vm\nvm dhcp\nnetwork on isolated\nvm x { nic on on on }") == [
        ["vm", "vm"],
        ["vm", "dhcp"],
        ["network", "on", "isolated"],
        ["vm", "x", [["nic", "on", "on"]]],
    ]


def test_a_tap_may_be_left_out() -> None:
    assert bound("vm a { nic on br-in }") == [["vm", "a", [["nic", None, "br-in"]]]]


def test_a_list_runs_to_the_end_of_its_statement() -> None:
    assert bound("router r { bridge b { port x y z; stp on } }") == [
        ["router", "r", [["bridge", "b", [["port", ["x", "y", "z"]], ["stp", "on"]]]]]
    ]


def example(nodes: tuple[Node, ...]) -> list[str]:
    """Words that match the nodes, all that is optional included."""
    values = {"CIDR": "10.0.0.1/24", "IP": "10.0.0.1", "NET": "10.0.0.0/24", "MAC": "52:54:00:00:00:01", "SIZE": "1M"}
    values |= {"IP[:PORT]": "10.0.0.1:80", "NAME[:PORT]": "a:80", "IP[-IP][:PORT-PORT]": "10.0.0.1-10.0.0.2:1-2"}
    values |= {"RATE": "1mbit", "TIME": "1h", "PORT": "80", "MTU": "1500", "METRIC": "1", "NUMBER": "1", ":N": ":1"}
    values |= {"PATH": "/a", "ORDER": "dc", "NODE.NIC": "a.eth0", "WHO|IP": "b"}
    words: list[str] = []
    for node in nodes:
        if isinstance(node, Term):
            words.append(values.get(node.placeholder, "a") if node.placeholder else node.literals[0])
        else:
            words += example(node.nodes if isinstance(node, Maybe) else node.branches[0])
    return words


@pytest.mark.parametrize(
    ("context", "keyword"),
    [
        pytest.param(context, keyword, id=f"{context}: {keyword.pattern}")
        for keyword in KEYWORDS
        for context in keyword.contexts
        if context != "anywhere"
    ],
)
def test_every_statement_of_the_vocabulary_is_understood_where_it_may_stand(context: str, keyword: Keyword) -> None:
    around = {
        inner.block: (place, inner)
        for place in ("vm", "router", "namespace", "network", "host", "top")
        for shapes in keywords_in(place).values()
        for inner in shapes
        if inner.block
    }
    text = " ".join([keyword.word, *example(grammar(keyword).nodes)]) + (" { }" if keyword.block else "")
    while context != "top":
        context, outer = around[context]
        text = f"{' '.join([outer.word, *example(grammar(outer).nodes)])} {{ {text} }}"
    assert keyword.word in text
    bound(text)


# Defaults


def test_defaults_stand_for_what_a_vm_does_not_say_wherever_they_are_written() -> None:
    assert bound("vm a { cpus 2 }\ndefaults vm { memory 128M  cpus 4 }\nvm b") == [
        ["vm", "a", [["cpus", 2], ["memory", 128 * 2**20]]],
        ["vm", "b", [["memory", 128 * 2**20], ["cpus", 4]]],
    ]


def test_a_vms_own_nics_replace_those_of_the_defaults() -> None:
    assert bound("defaults vm { nic on br-a }\nvm a { nic user }\nvm b") == [
        ["vm", "a", [["nic"]]],
        ["vm", "b", [["nic", None, "br-a"]]],
    ]


def test_defaults_are_for_their_own_kind_only() -> None:
    assert bound("defaults router { loopback 10.0.0.1/32 }\nnamespace n\nrouter r") == [
        ["namespace", "n"],
        ["router", "r", [["loopback", IPv4Interface("10.0.0.1/32")]]],
    ]


# Mistakes


@pytest.mark.parametrize(
    ("text", "code", "part", "label", "help"),
    [
        ("tagret x", "unknown-keyword", "tagret", "not known at the top level", ("did you mean `target`?",)),
        ("vm a { uplink e }", "unknown-keyword", "uplink", "not known in `vm`", ("`uplink` belongs in `network`",)),
        ("vrf red", "unknown-keyword", "vrf", "not known at the top level", ("`vrf` is not in this version",)),
        (
            "vm a { memory }",
            "missing-value",
            "memory",
            "expected a size such as `512M` after this",
            ("the statement is `memory SIZE`",),
        ),
        (
            "vm a { memory cpus 1 }",
            "missing-value",
            "memory",
            "expected a size such as `512M` after this",
            ("the statement is `memory SIZE`",),
        ),
        (
            "network br isolatd",
            "wrong-value",
            "isolatd",
            "expected `isolated`, `routed`, `nat` or `bridged`",
            ("did you mean `isolated`?", "the statement is `network BRIDGE isolated|routed|nat|bridged`"),
        ),
        (
            "router r { route default }",
            "missing-value",
            "default",
            "expected `via`, `dev` or `discard` after this",
            ("the statement is `route NET|default (via IP [dev NIC] | dev NIC | discard) [metric METRIC] [src IP]`",),
        ),
        (
            "expect a reaches b tcp http",
            "wrong-value",
            "http",
            "expected a port from 1 to 65535",
            ("the statement is `expect WHO [cannot] reach|reaches WHO|IP [tcp|udp PORT]`",),
        ),
        ("vm a { cpus 2 memroy 1M }", "unknown-keyword", "memroy", "not known in `vm`", ("did you mean `memory`?",)),
        ("lab a b", "word-too-many", "b", "unexpected word", ("the statement is `lab NAME`",)),
        (
            "vm a { boot dc onec d }",
            "word-too-many",
            "onec",
            "unexpected word",
            ("did you mean `once`?", "the statement is `boot ORDER [once ORDER]`"),
        ),
        (
            "vm a { cpus 1 vlans on }",
            "unknown-keyword",
            "vlans",
            "not known in `vm`",
            ("`vlans` is not in this version",),
        ),
        ("host", "missing-block", "host", "expected `{` after this", ("the statement is `host { ... }`",)),
        ("lab a { }", "block-not-allowed", "{", "unexpected block", ("the statement is `lab NAME`",)),
        ("vm a { cpus 0 }", "wrong-value", "0", "expected a number from 1 to 255", ()),
    ],
)
def test_a_mistake_is_drawn_with_its_reason_and_its_cure(
    text: str, code: str, part: str, label: str, help: tuple[str, ...]
) -> None:
    (found,) = mistakes(text)
    assert (found.code, found.label.span.text, found.label.text, found.help) == (code, part, label, help)


def test_a_repeated_keyword_is_drawn_with_the_first_one() -> None:
    (found,) = mistakes("vm a {\n    memory 128M\n    memory 256M\n}")
    assert (found.code, found.label.span.line) == ("repeated-keyword", 3)
    assert [(label.span.text, label.text) for label in found.also] == [("memory 128M", "first here")]


def test_all_mistakes_of_a_line_and_of_the_blocks_around_it_are_reported() -> None:
    diagnostics = mistakes("vm a { memory cpus 0  autostart maybe }\nrouter { nic e on }\nlab -x")
    assert drawn(diagnostics) == [
        ("missing-value", "memory"),
        ("wrong-value", "0"),
        ("wrong-value", "maybe"),
        ("missing-value", "router"),
        ("missing-value", "on"),
        ("wrong-name", "-"),
    ]


def test_what_stands_in_the_block_of_an_unknown_keyword_is_not_reported_too() -> None:
    assert drawn(mistakes("machine a {\n    memry 12\n}")) == [("unknown-keyword", "machine")]


def test_a_mistake_in_a_loop_is_reported_once() -> None:
    assert drawn(mistakes("for i in 1..50 {\n    vm v$i { memory 1X }\n}")) == [("wrong-value", "X")]


BIND_CODES = (
    "block-not-allowed",
    "dot-in-bridge-name",
    "ipv6",
    "long-interface-name",
    "long-name",
    "missing-block",
    "missing-prefix",
    "missing-value",
    "multicast-mac",
    "repeated-keyword",
    "unknown-keyword",
    "word-too-many",
    "wrong-name",
    "wrong-value",
)


@pytest.mark.parametrize("code", BIND_CODES)
def test_the_examples_of_a_code_are_true(code: str) -> None:
    assert {found.code for found in mistakes(CODES[code].wrong)} == {code}
    assert not len(resolve_text(CODES[code].right)[1])


# Lines for the formatter


@pytest.mark.parametrize(
    ("line", "starts"),
    [
        ("memory 128M cpus 1", [0, 2]),
        ("address 10.10.10.254/24 dhcp on", [0, 2]),
        ("dhcp 10.0.0.1 - 10.0.0.9 lease 12h domain x", [0, 4, 6]),
        ("memory $size cpus $n", [0, 2]),
        ("link a.eth0 $left - b.eth0 $right", [0]),
        ("nic vf1.0 on br-in", [0]),
        ("route default via 10.0.0.1 metric 5 nat all via e to 10.0.0.2", [0, 6]),
        ("vm dhcp", [0]),
        ("memory cpus 1", [0]),
        ("memory 128M cpus", [0]),
        ("for i in 1 2 mac", [0]),
        ("nonsense address 10.0.0.1/24", [0]),
    ],
)
def test_a_line_is_split_into_the_statements_that_share_it(line: str, starts: list[int]) -> None:
    (statement,) = parse(Source("lab.dsl", line), Diagnostics())
    assert split(statement.words) == starts


def test_every_type_of_value_says_what_it_is_in_a_noun() -> None:
    assert all(kind.noun for kind in TYPES.values())
