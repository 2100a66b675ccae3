"""Typed words: what each placeholder reads, and which part of a wrong word is drawn."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.diagnostics import Diagnostics
from gen.source import Source, Span
from gen.syntax.tree import Word
from gen.values import INFINITE, TYPES


def read(placeholder: str, text: str) -> tuple[Any, Diagnostics]:
    diagnostics = Diagnostics()
    word = Word(text, Span(Source("lab.dsl", text), 0, len(text)))
    return TYPES[placeholder].parse(word, diagnostics), diagnostics


@pytest.mark.parametrize(
    ("placeholder", "text", "value"),
    [
        ("IP", "10.0.0.1", IPv4Address("10.0.0.1")),
        ("CIDR", "10.0.0.255/8", IPv4Interface("10.0.0.255/8")),
        ("CIDR", "10.0.0.0/31", IPv4Interface("10.0.0.0/31")),
        ("NET", "10.0.0.0/8", IPv4Network("10.0.0.0/8")),
        ("NET", "10.0.0.7", IPv4Network("10.0.0.7/32")),
        ("NET", "0.0.0.0/0", IPv4Network("0.0.0.0/0")),
        ("IP[:PORT]", "10.0.0.1:80", (IPv4Address("10.0.0.1"), 80)),
        ("IP[:PORT]", "10.0.0.1", (IPv4Address("10.0.0.1"), None)),
        ("NAME[:PORT]", "web:8080", ("web", 8080)),
        ("NAME[:PORT]", "web", ("web", None)),
        ("IP[-IP][:PORT-PORT]", "1.2.3.4", (IPv4Address("1.2.3.4"), IPv4Address("1.2.3.4"), None)),
        ("IP[-IP][:PORT-PORT]", "1.2.3.4-1.2.3.6", (IPv4Address("1.2.3.4"), IPv4Address("1.2.3.6"), None)),
        ("IP[-IP][:PORT-PORT]", "1.2.3.4:1024-2047", (IPv4Address("1.2.3.4"), IPv4Address("1.2.3.4"), (1024, 2047))),
        ("IP[-IP][:PORT-PORT]", "1.2.3.4:7", (IPv4Address("1.2.3.4"), IPv4Address("1.2.3.4"), (7, 7))),
        ("WHO|IP", "10.0.0.1", IPv4Address("10.0.0.1")),
        ("WHO|IP", "web", "web"),
        ("MAC", "52:54:00:AB:cd:EF", "52:54:00:ab:cd:ef"),
        ("SIZE", "128M", 128 * 2**20),
        ("SIZE", "2g", 2 * 2**30),
        ("RATE", "10mbit", 10_000_000),
        ("TIME", "12h", 43200),
        ("TIME", "infinite", INFINITE),
        ("PORT", "65535", 65535),
        ("MTU", "1500", 1500),
        ("METRIC", "0", 0),
        (":N", ":1", 1),
        ("NIC", "vf1.0", "vf1.0"),
        ("NIC", "_15-bytes-long.", "_15-bytes-long."),
        ("NAME", "dhcp", "dhcp"),
        ("NODE.NIC", "a.eth0", "a.eth0"),
        ("ORDER", "dc", "dc"),
        ("PATH", "/images/my disk.img", "/images/my disk.img"),
        ("MODEL", "host,+vmx", "host,+vmx"),
        ("TEXT", "console=ttyS0 quiet", "console=ttyS0 quiet"),
        ("DOMAIN", "lab.example", "lab.example"),
    ],
)
def test_a_value_is_read(placeholder: str, text: str, value: object) -> None:
    found, diagnostics = read(placeholder, text)
    assert not len(diagnostics)
    assert found == value
    assert TYPES[placeholder].looks(text)


@pytest.mark.parametrize(
    ("placeholder", "text", "part", "label"),
    [
        ("IP", "10.0.0.300", "300", "more than 255"),
        ("IP", "10.00.0.1", "00", "starts with 0"),
        ("IP", "10.0.1", "10.0.1", "expected four numbers with dots between them, found 3"),
        ("IP", "gateway", "gateway", "expected four numbers with dots between them"),
        ("IP", "10.0.0.1/24", "/24", "expected no prefix length here"),
        ("IP", "10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9", "expected one address"),
        ("IP", "fe80::1", "fe80::1", "IPv6 is not in this version"),
        ("CIDR", "fd00::1/64", "fd00::1/64", "IPv6 is not in this version"),
        ("CIDR", "10.0.0.1/33", "33", "expected a number from 0 to 32"),
        ("CIDR", "10.0.0.1/", "10.0.0.1/", "expected a number from 0 to 32"),
        ("CIDR", "10.0.0.256/24", "256", "more than 255"),
        ("CIDR", "dhcp", "dhcp", "an address by DHCP is not in this version"),
        ("NET", "10.0.0.1/24", "10.0.0.1", "host bits are set below the /24"),
        ("IP[:PORT]", "10.0.0.1:0", "0", "expected a number from 1 to 65535"),
        ("NAME[:PORT]", "web:http", "http", "expected a number from 1 to 65535"),
        ("IP[-IP][:PORT-PORT]", "1.2.3.9-1.2.3.4", "1.2.3.9-1.2.3.4", "ends before it starts"),
        ("IP[-IP][:PORT-PORT]", "1.2.3.4:9-1", "9-1", "ends before it starts"),
        ("WHO|IP", "10.0.0.999", "999", "more than 255"),
        ("MAC", "01:00:5e:00:00:01", "01", "odd, which makes it the address of a group"),
        ("MAC", "00:00:00:00:00:00", "00:00:00:00:00:00", "all zero"),
        ("SIZE", "128X", "X", "not a unit"),
        ("SIZE", "128", "128", "expected a unit, such as in `512M`"),
        ("SIZE", "0M", "0M", "must be more than 0"),
        ("RATE", "fast", "fast", "expected a whole number and a unit, such as `10mbit`"),
        ("TIME", "119s", "119s", "less than two minutes, the least that dnsmasq gives"),
        ("PORT", "65536", "65536", "expected a number from 1 to 65535"),
        ("MTU", "67", "67", "expected a number from 68 to 65535"),
        (":N", "1", "1", "expected a colon and a number from 0 to 59635, such as `:1`"),
        ("NAME", "web/1", "/", "this character cannot be in it"),
        ("NAME", "-n", "-", "must start with a letter, a digit or `_`"),
        ("NAME", "..", ".", "must start with a letter, a digit or `_`"),
        ("NAME", "n" * 33, "n", "33 characters, 1 more than the 32 there is room for"),
        ("NIC", "sixteen-bytes-xx", "x", "16 bytes, 1 more than the 15 there is room for"),
        ("NIC", "all", "all", "the kernel keeps the settings of all interfaces under `all`"),
        ("NIC", "été", "é", "this character cannot be in it"),
        ("BRIDGE", "br.10", ".", "a dot marks a VLAN of an interface in many hosts' network files"),
        ("NODE.NIC", "a", "a", "expected both names, as in `a.eth0`"),
        ("ORDER", "dcd", "d", "twice"),
        ("ORDER", "dx", "x", "not a boot device"),
        ("PATH", "images/a.img", "images/a.img", "does not start with `/`"),
        ("TEXT", "a\nb", "a\nb", "here is '\\n'"),
    ],
)
def test_a_wrong_value_is_drawn_at_its_smallest_wrong_part(placeholder: str, text: str, part: str, label: str) -> None:
    value, diagnostics = read(placeholder, text)
    (found,) = diagnostics
    assert value is None
    assert found.severity == "error"
    assert (found.label.span.text, found.label.text) == (part, label)


@pytest.mark.parametrize(
    ("placeholder", "text", "help"),
    [
        ("IP", "10.0.0.010", "write `10`: some programs read a number that starts with 0 as octal"),
        ("CIDR", "10.0.0.1/255.255.255.0", "write the mask as a prefix length: `/24`"),
        ("NET", "10.0.0.1/24", "the subnet is `10.0.0.0/24`"),
        ("MAC", "52-54-00-11-22-33", "write `52:54:00:11:22:33`"),
        ("MAC", "53:54:00:11:22:33", "a nic's MAC starts with an even pair, such as `52`"),
        ("NIC", "cirros-client-10", "shorten it, such as to `cirros-client-1`"),
    ],
)
def test_help_says_how_to_write_it(placeholder: str, text: str, help: str) -> None:
    (found,) = read(placeholder, text)[1]
    assert found.help == (help,)


def test_an_address_without_a_prefix_length_is_read_as_24_with_a_warning() -> None:
    value, diagnostics = read("CIDR", "10.0.0.1")
    (found,) = diagnostics
    assert value == IPv4Interface("10.0.0.1/24")
    assert (found.severity, found.code) == ("warning", "missing-prefix")


def test_a_word_that_came_from_a_variable_is_drawn_whole() -> None:
    diagnostics = Diagnostics()
    source = Source("lab.dsl", "address 10.0.0.$i/24")
    TYPES["CIDR"].parse(Word("10.0.0.300/24", Span(source, 8, 20)), diagnostics)
    (found,) = diagnostics
    assert found.label.span.text == "10.0.0.$i/24"


@given(st.sampled_from(sorted(TYPES)), st.text(max_size=24) | st.from_regex(r"[0-9a-f.:/-]{0,24}", fullmatch=True))
def test_any_word_gives_a_value_or_an_error(placeholder: str, text: str) -> None:
    value, diagnostics = read(placeholder, text)
    assert (value is None) == diagnostics.has_errors


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_every_address_with_every_prefix_is_read_back(ip: IPv4Address, prefix: int) -> None:
    assert read("CIDR", f"{ip}/{prefix}")[0] == IPv4Interface((int(ip), prefix))
