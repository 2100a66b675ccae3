"""In: the files `route-X`, `rule-X` and their like. Out: diagnostics about lines that the readers drop.

ifup-routes takes a file with a line `ADDRESS0=` for assignments, and any other for arguments of `ip route add`;
`utils_has_route_file_new_syntax` of NetworkManager decides in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network

from gen.diagnostics import Diagnostics, Label, did_you_mean
from gen.lint_ifcfg import assignments
from gen.lint_ifcfg.folder import File
from gen.lint_ifcfg.interface import Interface, length_of, numbers_of
from gen.lint_ifcfg.keys import ROUTE_KEYS
from gen.source import Span

_NEW_FORMAT = re.compile(r"^[ \t]*ADDRESS[0-9]+=", re.MULTILINE)
_TYPES = str.split("unicast local broadcast multicast throw unreachable prohibit blackhole nat")
_WITH_VALUE = str.split("""
to via dev metric table src from tos dsfield scope proto protocol preference realms realm mtu window cwnd initcwnd
initrwnd advmss rtt rttvar rto_min hoplimit ssthresh reordering quickack congctl features pref nexthop
""")
_ALONE = ["onlink", "pervasive"]


def check(files: Iterable[File], interfaces: Sequence[Interface], diagnostics: Diagnostics) -> None:
    """All that can be said of the files of routes and rules."""
    for file in files:
        if file.kind not in ("route", "route6", "rule", "rule6"):
            continue
        owner = _owner(file.of, interfaces)
        if owner is None:
            known = [each.name for each in interfaces]
            help = did_you_mean(file.of, known) or [f"add `ifcfg-{file.of}`"]
            at = Span(file.source, 0, 0)
            label = "it is read when that interface comes up, and so never"
            diagnostics.warning("ifcfg-route-of-nothing", f"no file describes `{file.of}`", at, label, help=help)
        if file.kind == "route" and _NEW_FORMAT.search(file.source.text):
            _check_assigned(file, owner, diagnostics)
            continue
        assignments.check_line_ends(file.source, diagnostics)
        if file.kind == "route":
            _check_arguments(file, owner, diagnostics)
        elif file.kind.startswith("rule") and not (owner and owner.without_networkmanager):
            diagnostics.warning(
                "ifcfg-rule-file",
                f"NetworkManager applies no rules of `{file.kind}-{file.of}`",
                Span(file.source, 0, 0),
                f"and because of this file no routes of `route-{file.of}` either",
                help=[f"add `NM_CONTROLLED=no` to `ifcfg-{file.of}`, or write the rules there as `ROUTING_RULE_0=`"],
            )


def _owner(name: str, interfaces: Sequence[Interface]) -> Interface | None:
    """ifup-post asks for the routes of the device and of the file's name."""
    return next((each for each in interfaces if name in (each.name, each.device)), None)


def _check_assigned(file: File, owner: Interface | None, diagnostics: Diagnostics) -> None:
    found = assignments.parse(file.source, diagnostics)
    for each in found.all:
        if not re.fullmatch(f"(?:{'|'.join(ROUTE_KEYS)})[0-9]+", each.key):
            meant = did_you_mean(each.key.rstrip("0123456789"), ROUTE_KEYS)
            label = "expected ADDRESS0, NETMASK0 and GATEWAY0, and so on"
            diagnostics.warning("ifcfg-unknown-key", f"`{each.key}` in a file of routes", each.named, label, help=meant)
    numbers = {int(number): number for number in numbers_of("ADDRESS", found) if number}
    for number, written in sorted(numbers.items()):
        address, netmask = found.get(f"ADDRESS{written}"), found.get(f"NETMASK{written}")
        if address is None or address.value is None:
            continue
        missing = next((each for each in range(min(number, len(numbers))) if each not in numbers), None)
        if missing is not None:
            diagnostics.error(
                "ifcfg-route",
                f"`ADDRESS{written}` without `ADDRESS{missing}`",
                address.named,
                "the scripts count from 0 and stop at the gap",
                help=["number the routes from 0, without a gap"],
            )
        length = length_of(netmask.value or "") if netmask else None
        if netmask is None:
            if found.whole:
                help = [f"add `NETMASK{written}`"]
                label = "the readers guess how large the network is"
                diagnostics.warning("ifcfg-route", f"no `NETMASK{written}`", address.named, label, help=help)
        elif netmask.value is not None and length is None:
            label = "expected a netmask such as 255.255.255.0"
            diagnostics.error("ifcfg-route", f"`{netmask.value}` is not a netmask", netmask.at, label)
        _check_destination(address.value if length is None else f"{address.value}/{length}", address.at, diagnostics)
        gateway = found.get(f"GATEWAY{written}")
        if gateway is not None and gateway.value is not None:
            _check_gateway(gateway.value, gateway.at, owner, [], diagnostics)
    for key in ROUTE_KEYS[1:]:
        for suffix in numbers_of(key, found):
            lone = found.get(f"{key}{suffix}")
            if suffix and lone is not None and found.lacks(f"ADDRESS{suffix}"):
                label = "it belongs to no route"
                help = [f"add `ADDRESS{suffix}`"]
                diagnostics.error(
                    "ifcfg-route", f"`{lone.key}` without `ADDRESS{suffix}`", lone.named, label, help=help
                )


def _check_arguments(file: File, owner: Interface | None, diagnostics: Diagnostics) -> None:
    # What an earlier line says to be on the link itself can be a gateway later.
    reached: list[IPv4Network] = []
    for start, line in assignments.lines(file.source):
        words = [(match[0], start + match.start()) for match in re.finditer(r"[^ \t]+", line)]
        if words and not words[0][0].startswith("#"):
            _Line(file, owner, words, reached, diagnostics).check()
            if "via" not in line:
                reached += [network for word, _ in words[:2] if (network := _network(word)) is not None]


class _Line:
    """A line of arguments of `ip route add`."""

    def __init__(
        self,
        file: File,
        owner: Interface | None,
        words: list[tuple[str, int]],
        reached: list[IPv4Network],
        diagnostics: Diagnostics,
    ) -> None:
        self.file, self.owner, self.words, self.reached, self.diagnostics = file, owner, words, reached, diagnostics

    def span(self, index: int) -> Span:
        word, at = self.words[index]
        return Span(self.file.source, at, at + len(word))

    def wrong(self, index: int, message: str, label: str, help: Sequence[str] = ()) -> None:
        self.diagnostics.error("ifcfg-route", message, self.span(index), label, help=help)

    def check(self) -> None:
        words = [word for word, _ in self.words]
        index, destination = 0, False
        onlink = "onlink" in words
        if words[0] in ("-net", "-host", "any", "add", "ip", "route"):
            help = ["a line is `10.1.0.0/16 via 10.0.0.1`, the arguments of `ip route add`"]
            self.wrong(0, f"`{words[0]}` at the start of a route", "`ip route add` comes before it already", help)
            return
        if words[0] in _TYPES:
            index = 1
        while index < len(words):
            word = words[index]
            if word.startswith("#"):
                label = "the scripts hand the comment to `ip` too, and the route is lost"
                self.wrong(index, "a comment after a route", label, ["give the comment its own line"])
                return
            if word == "nexthop":
                return
            if word in _ALONE:
                index += 1
            elif word in _WITH_VALUE:
                if index + 1 == len(words):
                    self.wrong(index, f"`{word}` without a value", "the line ends here")
                    return
                if word == "to":
                    destination = True
                index += 1 + (words[index + 1] == "lock")
                self.value(word, index, onlink)
                index += 1
            elif not destination:
                destination = True
                _check_destination(word, self.span(index), self.diagnostics)
                index += 1
            else:
                label = "`ip route add` knows no such word: the route is lost"
                self.wrong(index, f"`{word}` in a route", label, did_you_mean(word, [*_WITH_VALUE, *_ALONE]))
                return

    def value(self, word: str, index: int, onlink: bool) -> None:
        if index >= len(self.words):
            return
        value = self.words[index][0]
        if word == "to":
            _check_destination(value, self.span(index), self.diagnostics)
        elif word == "via":
            # `via inet6 ADDRESS` is for newer ones.
            if not onlink and value != "inet6":
                _check_gateway(value, self.span(index), self.owner, self.reached, self.diagnostics)
        elif word == "dev" and self.owner and value not in (self.owner.device, self.owner.name):
            self.diagnostics.warning(
                "ifcfg-route-elsewhere",
                f"a route by `{value}` in the file of `{self.owner.device}`",
                self.span(index),
                f"NetworkManager sends it out of `{self.owner.device}` all the same",
                help=[f"move it to `route-{value}`"],
            )


def _check_destination(text: str, at: Span, diagnostics: Diagnostics) -> None:
    if text in ("default", "all", "any"):
        return
    address, slash, length = text.partition("/")
    try:
        if slash and length_of(length) is None and not re.fullmatch("[0-9]{1,2}", length):
            raise ValueError
        network = IPv4Network(text, strict=False)
    except ValueError:
        label = "expected a network such as 10.1.0.0/16, or `default`"
        diagnostics.error("ifcfg-route", f"`{text}` is not a network", at, label)
        return
    if address.count(".") == 3 and network.network_address != IPv4Address(address):
        label = "it has bits beyond its length, and the kernel refuses it"
        help = [f"write `{network}`"]
        diagnostics.error("ifcfg-route", f"`{text}` is not a network", at, label, help=help)


def _network(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text)
    except ValueError:
        return None


def _check_gateway(
    text: str, at: Span, owner: Interface | None, reached: list[IPv4Network], diagnostics: Diagnostics
) -> None:
    try:
        ip = IPv4Address(text)
    except ValueError:
        diagnostics.error("ifcfg-route", f"`{text}` is not an IPv4 address", at, "expected the address of a router")
        return
    if owner is None or owner.is_dynamic or not owner.set.whole or owner.parent is not None:
        return
    own = [address for address in owner.addresses if address.interface]
    if not own or len(own) < len(owner.addresses):
        return
    if not any(ip in network for network in [*(each.interface.network for each in own if each.interface), *reached]):
        assert own[0].interface is not None
        diagnostics.error(
            "ifcfg-route-gateway",
            f"the gateway `{ip}` is not in {own[0].interface.network}",
            at,
            f"`{owner.device}` cannot reach it, and the kernel refuses the route",
            also=[Label(own[0].at.at, "the subnet is that of this address")],
        )
