"""In: a word of the source and the placeholder it stands for. Out: the value, typed, or a diagnostic.

`TYPES` has a parser for each placeholder of the vocabulary. A parser reports what is wrong at the smallest part of the
word that is, and then returns None. Units: bytes, bits per second, seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from gen.diagnostics import Diagnostics
from gen.source import Span
from gen.syntax.tree import Word

IFNAMSIZ = 15
"""Bytes that the kernel has room for in the name of an interface."""

NAME_LENGTH = 32
"""Characters of a lab's, guest's or namespace's name: short enough for files and processes that carry it."""

INFINITE = 2**32 - 1
"""The lease time that DHCP itself reads as for ever."""

SHORTEST_LEASE = 120
"""dnsmasq takes no shorter lease, in seconds."""

_UNIT = re.compile(r"(\d+)([A-Za-z]*)")
_SIZES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_RATES = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class ValueType:
    """`noun` is what a message calls the value; `looks` tells a word that may be one from a word that cannot."""

    noun: str
    parse: Callable[[Word, Diagnostics], Any]
    looks: Callable[[str], bool] = lambda text: True


def _part(word: Word, start: int, end: int) -> Span:
    """The span of a piece of the word's text; the whole word where quotes or variables stand between the two."""
    span = word.span
    return Span(span.source, span.start + start, span.start + end) if span.text == word.text else span


def _wrong(
    word: Word,
    noun: str,
    diagnostics: Diagnostics,
    label: str,
    *,
    at: Span | None = None,
    code: str = "wrong-value",
    help: Sequence[str] = (),
) -> None:
    diagnostics.error(code, f"`{word.text}` is not {noun}", at or word.span, label, help=help)


# Addresses


def parse_ip(word: Word, diagnostics: Diagnostics) -> IPv4Address | None:
    """`10.0.0.1`"""
    return _ip(word, 0, len(word.text), diagnostics)


def _ip(word: Word, start: int, end: int, diagnostics: Diagnostics) -> IPv4Address | None:
    """The address in this piece of the word."""
    text = word.text[start:end]
    with suppress(ValueError):
        return IPv4Address(text)
    noun = "an IPv4 address"
    if text.count(":") > 1 and re.fullmatch(r"[0-9A-Fa-f:.%/]+", text):
        _wrong(word, noun, diagnostics, "IPv6 is not in this version", at=_part(word, start, end), code="ipv6")
        return None
    pieces = text.split(".")
    if "-" in text:
        help = ("a range is written with blanks around its dash: `10.0.0.100 - 10.0.0.200`",)
        _wrong(word, noun, diagnostics, "expected one address", at=_part(word, start, end), help=help)
    elif "/" in text:
        at = _part(word, start + text.index("/"), end)
        _wrong(word, noun, diagnostics, "expected no prefix length here", at=at)
    elif len(pieces) != 4 or not all(re.fullmatch(r"\d+", piece, re.ASCII) for piece in pieces):
        found = f", found {len(pieces)}" if 1 < len(pieces) != 4 else ""
        label = f"expected four numbers with dots between them{found}"
        _wrong(word, noun, diagnostics, label, at=_part(word, start, end))
    else:
        offset = start
        for piece in pieces:
            at = _part(word, offset, offset + len(piece))
            if int(piece[:4]) > 255:
                _wrong(word, noun, diagnostics, "more than 255", at=at)
            elif piece.startswith("0") and piece != "0":
                help = (f"write `{piece.lstrip('0') or 0}`: some programs read a number that starts with 0 as octal",)
                _wrong(word, noun, diagnostics, "starts with 0", at=at, help=help)
            offset += len(piece) + 1
    return None


def _prefix(word: Word, slash: int, diagnostics: Diagnostics) -> int | None:
    """The prefix length after the slash of the word."""
    text = word.text[slash + 1 :]
    if re.fullmatch(r"0|[1-9]\d?", text, re.ASCII) and int(text) <= 32:
        return int(text)
    help = []
    if text.count(".") == 3:
        with suppress(ValueError):
            help = [f"write the mask as a prefix length: `/{IPv4Network(f'0.0.0.0/{text}').prefixlen}`"]
    at = _part(word, slash + 1, len(word.text)) if text else word.span
    diagnostics.error(
        "wrong-value", f"`{text}` is not a prefix length", at, "expected a number from 0 to 32", help=help
    )
    return None


def parse_cidr(word: Word, diagnostics: Diagnostics) -> IPv4Interface | None:
    """`10.0.0.1/24`, an address with the length of its prefix; without one it is read as /24, with a warning."""
    text = word.text
    slash = text.find("/")
    if slash >= 0 and ":" not in text:
        ip, prefix = _ip(word, 0, slash, diagnostics), _prefix(word, slash, diagnostics)
        return None if ip is None or prefix is None else IPv4Interface((int(ip), prefix))
    if text == "dhcp":
        _wrong(word, "an address", diagnostics, "an address by DHCP is not in this version")
        return None
    ip = _ip(word, 0, len(text), diagnostics)
    if ip is None:
        return None
    diagnostics.warning(
        "missing-prefix",
        f"`{text}` has no prefix length",
        word.span,
        "read as /24",
        help=(f"write `{text}/24`, or the length that is meant",),
    )
    return IPv4Interface((int(ip), 24))


def parse_net(word: Word, diagnostics: Diagnostics) -> IPv4Network | None:
    """`10.0.0.0/24`, or one address, which is a /32."""
    text = word.text
    slash = text.find("/")
    if slash < 0 or ":" in text:
        ip = _ip(word, 0, len(text), diagnostics)
        return None if ip is None else IPv4Network((int(ip), 32))
    ip, prefix = _ip(word, 0, slash, diagnostics), _prefix(word, slash, diagnostics)
    if ip is None or prefix is None:
        return None
    network = IPv4Network((int(ip), prefix), strict=False)
    if network.network_address != ip:
        label = f"host bits are set below the /{prefix}"
        _wrong(word, "a subnet", diagnostics, label, at=_part(word, 0, slash), help=(f"the subnet is `{network}`",))
        return None
    return network


def parse_ip_port(word: Word, diagnostics: Diagnostics) -> tuple[IPv4Address, int | None] | None:
    """`192.168.0.200:2222` or `192.168.0.200`"""
    colon = word.text.find(":")
    if colon < 0 or word.text.count(":") > 1:
        ip = parse_ip(word, diagnostics)
        return None if ip is None else (ip, None)
    ip, port = _ip(word, 0, colon, diagnostics), _port(word, colon + 1, len(word.text), diagnostics)
    return None if ip is None or port is None else (ip, port)


def parse_name_port(word: Word, diagnostics: Diagnostics) -> tuple[str, int | None] | None:
    """`cirros1:22` or `cirros1`"""
    name, colon, _ = word.text.partition(":")
    if not colon:
        return name, None
    port = _port(word, len(name) + 1, len(word.text), diagnostics)
    return None if port is None else (name, port)


def parse_snat(word: Word, diagnostics: Diagnostics) -> tuple[IPv4Address, IPv4Address, tuple[int, int] | None] | None:
    """`1.2.3.4`, `1.2.3.4-1.2.3.9`, each also with `:1024-2047`: first and last address, ports."""
    text = word.text
    colon = text.find(":") if text.count(":") == 1 else -1
    end = len(text) if colon < 0 else colon
    dash = text.find("-", 0, end)
    first = _ip(word, 0, end if dash < 0 else dash, diagnostics)
    last = first if dash < 0 else _ip(word, dash + 1, end, diagnostics)
    if first is None or last is None:
        return None
    if last < first:
        _wrong(word, "a range", diagnostics, "ends before it starts", at=_part(word, 0, end))
        return None
    if colon < 0:
        return first, last, None
    dash = text.find("-", colon)
    low = _port(word, colon + 1, len(text) if dash < 0 else dash, diagnostics)
    high = low if dash < 0 else _port(word, dash + 1, len(text), diagnostics)
    if low is None or high is None:
        return None
    if high < low:
        _wrong(word, "a range of ports", diagnostics, "ends before it starts", at=_part(word, colon + 1, len(text)))
        return None
    return first, last, (low, high)


def parse_who(word: Word, diagnostics: Diagnostics) -> str | IPv4Address | None:
    """A name or an address."""
    return parse_ip(word, diagnostics) if re.fullmatch(r"[\d.]+\.[\d./]+|.*:.*:.*", word.text) else word.text


def parse_mac(word: Word, diagnostics: Diagnostics) -> str | None:
    """`52:54:00:11:22:33`, given back in lower case."""
    text = word.text.lower()
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text):
        digits = re.sub(r"[-.:]", "", text)
        written = ":".join(re.findall("..", digits))
        help = [f"write `{written}`"] if re.fullmatch(r"[0-9a-f]{12}", digits) else []
        _wrong(word, "a MAC", diagnostics, "expected six pairs of hexadecimal digits with colons between", help=help)
        return None
    if text == "00:00:00:00:00:00":
        _wrong(word, "a MAC that a nic can have", diagnostics, "all zero")
        return None
    if int(text[:2], 16) & 1:
        first = f"{int(text[:2], 16) & 0xFE:02x}"
        diagnostics.error(
            "multicast-mac",
            f"`{word.text}` is a multicast MAC",
            _part(word, 0, 2),
            "odd, which makes it the address of a group",
            help=(f"a nic's MAC starts with an even pair, such as `{first}`",),
        )
        return None
    return text


# Numbers


def _number(word: Word, low: int, high: int, noun: str, diagnostics: Diagnostics) -> int | None:
    text = word.text
    if re.fullmatch(r"0|[1-9]\d{0,10}", text, re.ASCII) and low <= int(text) <= high:
        return int(text)
    _wrong(word, noun, diagnostics, f"expected a number from {low} to {high}")
    return None


def _port(word: Word, start: int, end: int, diagnostics: Diagnostics) -> int | None:
    text = word.text[start:end]
    if re.fullmatch(r"[1-9]\d{0,4}", text, re.ASCII) and int(text) <= 65535:
        return int(text)
    at = _part(word, start, end) if text else word.span
    diagnostics.error("wrong-value", f"`{text}` is not a port", at, "expected a number from 1 to 65535")
    return None


def parse_port(word: Word, diagnostics: Diagnostics) -> int | None:
    """`22`"""
    return _port(word, 0, len(word.text), diagnostics)


def parse_mtu(word: Word, diagnostics: Diagnostics) -> int | None:
    """Bytes; IPv4 needs 68, and 65535 is the kernel's limit for a veth."""
    return _number(word, 68, 65535, "an MTU", diagnostics)


def parse_metric(word: Word, diagnostics: Diagnostics) -> int | None:
    return _number(word, 0, 2**32 - 1, "a metric", diagnostics)


def parse_cpus(word: Word, diagnostics: Diagnostics) -> int | None:
    return _number(word, 1, 255, "a number of processors", diagnostics)


def parse_vnc(word: Word, diagnostics: Diagnostics) -> int | None:
    """`:1`, a VNC display; its port is 5900 more, which leaves room up to 59635."""
    text = word.text
    if re.fullmatch(r":(0|[1-9]\d{0,4})", text, re.ASCII) and int(text[1:]) <= 59635:
        return int(text[1:])
    _wrong(word, "a VNC display", diagnostics, "expected a colon and a number from 0 to 59635, such as `:1`")
    return None


def _with_unit(word: Word, units: dict[str, int], noun: str, example: str, diagnostics: Diagnostics) -> int | None:
    """A whole number above 0 and its unit, such as `128M`."""
    match = _UNIT.fullmatch(word.text)
    if match is None or len(match[1]) > 12:
        _wrong(word, noun, diagnostics, f"expected a whole number and a unit, such as `{example}`")
        return None
    number, unit = int(match[1]), match[2]
    known = {name.lower(): factor for name, factor in units.items()}
    if unit.lower() not in known:
        names = ", ".join(units)
        help = (f"the units are {names}",)
        if unit:
            at = _part(word, len(match[1]), len(word.text))
            _wrong(word, noun, diagnostics, "not a unit", at=at, help=help)
        else:
            _wrong(word, noun, diagnostics, f"expected a unit, such as in `{example}`", help=help)
        return None
    if number == 0:
        _wrong(word, noun, diagnostics, "must be more than 0")
        return None
    return number * known[unit.lower()]


def parse_size(word: Word, diagnostics: Diagnostics) -> int | None:
    """`128M` in bytes."""
    return _with_unit(word, _SIZES, "a size", "512M", diagnostics)


def parse_rate(word: Word, diagnostics: Diagnostics) -> int | None:
    """`10mbit` in bits per second."""
    return _with_unit(word, _RATES, "a rate", "10mbit", diagnostics)


def parse_lease(word: Word, diagnostics: Diagnostics) -> int | None:
    """`12h` in seconds; `infinite` is INFINITE."""
    if word.text == "infinite":
        return INFINITE
    seconds = _with_unit(word, _TIMES, "a lease time", "12h", diagnostics)
    if seconds is None:
        return None
    if not SHORTEST_LEASE <= seconds < INFINITE:
        label = (
            "less than two minutes, the least that dnsmasq gives" if seconds < INFINITE else "longer than DHCP can say"
        )
        _wrong(word, "a lease time", diagnostics, label, help=("`infinite` never ends",) if seconds >= INFINITE else ())
        return None
    return seconds


# Names and texts


def _kernel_name(word: Word, noun: str, limit: int, diagnostics: Diagnostics) -> str | None:
    """A name that the kernel, iproute2, files and shells take as it stands."""
    text = word.text
    wrong = re.search(r"[^A-Za-z0-9_.-]", text)
    if wrong:
        at = _part(word, wrong.start(), wrong.end())
        diagnostics.error(
            "wrong-name",
            f"`{text}` cannot be the name of {noun}",
            at,
            "this character cannot be in it",
            help=("a name has letters, digits, `_`, `.` and `-`",),
        )
    elif not text or text[0] in ".-":
        diagnostics.error(
            "wrong-name",
            f"`{text}` cannot be the name of {noun}",
            _part(word, 0, 1) if text else word.span,
            "must start with a letter, a digit or `_`",
        )
    elif len(text) > limit:
        code, unit = ("long-interface-name", "bytes") if limit == IFNAMSIZ else ("long-name", "characters")
        diagnostics.error(
            code,
            f"`{text}` is too long for the name of {noun}",
            _part(word, limit, len(text)),
            f"{len(text)} {unit}, {len(text) - limit} more than the {limit} there is room for",
            help=(f"shorten it, such as to `{text[:limit].rstrip('.-_')}`",),
        )
    else:
        return text
    return None


def parse_name(word: Word, diagnostics: Diagnostics) -> str | None:
    """The name of a lab, vm, router or namespace."""
    return _kernel_name(word, "a lab, vm or namespace", NAME_LENGTH, diagnostics)


def parse_interface(word: Word, diagnostics: Diagnostics) -> str | None:
    """The name of a network interface."""
    if word.text in ("all", "default"):
        diagnostics.error(
            "reserved-name",
            f"`{word.text}` cannot be the name of an interface",
            word.span,
            f"the kernel keeps the settings of all interfaces under `{word.text}`",
        )
        return None
    return _kernel_name(word, "an interface", IFNAMSIZ, diagnostics)


def parse_bridge(word: Word, diagnostics: Diagnostics) -> str | None:
    """The name of a bridge."""
    if "." in word.text:
        dot = word.text.index(".")
        diagnostics.error(
            "dot-in-bridge-name",
            f"`{word.text}` cannot be the name of a bridge",
            _part(word, dot, dot + 1),
            "a dot marks a VLAN of an interface in many hosts' network files",
            help=(f"write `{word.text.replace('.', '-')}`",),
        )
        return None
    return parse_interface(word, diagnostics)


def parse_reference(word: Word, diagnostics: Diagnostics) -> str:
    """The name of something that is declared elsewhere, which is where its form is judged."""
    return word.text


def parse_node_nic(word: Word, diagnostics: Diagnostics) -> str | None:
    """`a.eth0`, a nic of a node. Which dot parts the two depends on the names of the nodes."""
    if "." not in word.text[1:-1]:
        _wrong(word, "a nic of a router or namespace", diagnostics, "expected both names, as in `a.eth0`")
        return None
    return word.text


def parse_text(word: Word, diagnostics: Diagnostics) -> str | None:
    """Any text of one line."""
    control = re.search(r"[\x00-\x1f\x7f]", word.text)
    if control:
        diagnostics.error("wrong-value", "the text holds a control character", word.span, f"here is {control[0]!r}")
        return None
    return word.text


def parse_path(word: Word, diagnostics: Diagnostics) -> str | None:
    """The whole path of a file on the host that the script runs on."""
    if parse_text(word, diagnostics) is None:
        return None
    if not word.text.startswith("/"):
        help = ("the script may run from any folder: write the whole path, from `/`",)
        _wrong(word, "a whole path", diagnostics, "does not start with `/`", help=help)
        return None
    return word.text


def parse_order(word: Word, diagnostics: Diagnostics) -> str | None:
    """`dc`, letters of boot devices."""
    letters = {"a": "floppy", "c": "disk", "d": "CD", "n": "network"}
    for position, letter in enumerate(word.text):
        if letter not in letters or letter in word.text[:position]:
            label = "twice" if letter in letters else "not a boot device"
            help = ("the devices are `a` floppy, `c` disk, `d` CD and `n` network",)
            _wrong(word, "a boot order", diagnostics, label, at=_part(word, position, position + 1), help=help)
            return None
    if not word.text:
        _wrong(word, "a boot order", diagnostics, "empty")
        return None
    return word.text


def _matching(pattern: str, noun: str, expected: str) -> Callable[[Word, Diagnostics], str | None]:
    """A parser of words that match the pattern."""

    def parse(word: Word, diagnostics: Diagnostics) -> str | None:
        if re.fullmatch(pattern, word.text, re.ASCII):
            return word.text
        _wrong(word, noun, diagnostics, expected)
        return None

    return parse


parse_domain = _matching(
    r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*",
    "a domain",
    "expected letters, digits and `-`, with dots between the labels",
)
parse_profile = _matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a profile's name", "expected a name such as `debian12`")
parse_model = _matching(r"[A-Za-z0-9][\w.,+=:-]*", "a model", "expected a name that QEMU knows")
parse_option = _matching(r"-?[A-Za-z0-9][A-Za-z0-9_-]*", "an option", "expected the name of one of QEMU's options")


def _like_address(text: str) -> bool:
    return text[:1].isdigit() or "/" in text or ":" in text or "$" in text


def _like_number(text: str) -> bool:
    return text[:1].isdigit() or "$" in text


TYPES = {
    "NAME": ValueType("a name", parse_name),
    "PROFILE": ValueType("a profile's name", parse_profile),
    "NIC": ValueType("an interface's name", parse_interface),
    "TAP": ValueType("an interface's name", parse_interface),
    "BRIDGE": ValueType("a bridge's name", parse_bridge),
    "NETWORK": ValueType("a network's name", parse_reference),
    "NIC|NETWORK": ValueType("a nic or a network", parse_interface),
    "NODE.NIC": ValueType("a nic such as `a.eth0`", parse_node_nic, lambda text: "." in text or "$" in text),
    "WHO": ValueType("a vm, router, namespace or `host`", parse_reference),
    "WHO|IP": ValueType("a vm, router, namespace, `host` or address", parse_who),
    "NAME[:PORT]": ValueType("a name, with or without a port", parse_name_port),
    "IP": ValueType("an address such as `10.0.0.1`", parse_ip, _like_address),
    "IP[:PORT]": ValueType("an address, with or without a port", parse_ip_port, _like_address),
    "IP[-IP][:PORT-PORT]": ValueType("an address or a range, with or without ports", parse_snat, _like_address),
    "CIDR": ValueType("an address such as `10.0.0.1/24`", parse_cidr, _like_address),
    "NET": ValueType("a subnet such as `10.0.0.0/24`", parse_net, _like_address),
    "MAC": ValueType("a MAC such as `52:54:00:11:22:33`", parse_mac, lambda text: ":" in text or "$" in text),
    "PORT": ValueType("a port from 1 to 65535", parse_port, _like_number),
    "MTU": ValueType("a number of bytes", parse_mtu, _like_number),
    "METRIC": ValueType("a metric", parse_metric, _like_number),
    "NUMBER": ValueType("a number", parse_cpus, _like_number),
    ":N": ValueType("a display such as `:1`", parse_vnc),
    "SIZE": ValueType("a size such as `512M`", parse_size, _like_number),
    "RATE": ValueType("a rate such as `10mbit`", parse_rate, _like_number),
    "TIME": ValueType(
        "a time such as `12h`, or `infinite`", parse_lease, lambda text: text == "infinite" or _like_number(text)
    ),
    "DOMAIN": ValueType("a domain", parse_domain),
    "MODEL": ValueType("a name that QEMU knows", parse_model),
    "ORDER": ValueType("boot devices such as `dc`", parse_order),
    "OPTION": ValueType("the name of an option of QEMU", parse_option),
    "PATH": ValueType("a whole path", parse_path, lambda text: "/" in text or "$" in text),
    "TEXT": ValueType("a text", parse_text),
}
"""A type for each placeholder of the vocabulary."""
