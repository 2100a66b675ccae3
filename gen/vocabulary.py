"""In: nothing. Out: every keyword of the language as data, from which grammar, help and error texts come.

A `Keyword`'s pattern is its grammar. Words with a capital letter are placeholders, typed by `gen.values.TYPES`; all
other words stand for themselves. `a|b` is a choice of one word, `[...]` may be left out, `(... | ...)` is a choice
of several words, and `...` at the end repeats the placeholder before it up to the end of the statement.
A statement yields one value a slot, in the order of the pattern: each placeholder, each `a|b`, and each `[word]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

CONTEXTS = {
    "top": "at the top level",
    "host": "in `host`",
    "host-nic": "in a `nic` of `host`",
    "network": "in `network`",
    "router": "in `router`",
    "namespace": "in `namespace`",
    "node-nic": "in a `nic` of a router or namespace",
    "node-bridge": "in a `bridge` of a router or namespace",
    "link": "in `link`",
    "vm": "in `vm`",
    "vm-nic": "in a `nic` of a `vm`",
    "vm-user-nic": "in a `nic user` of a `vm`",
    "vm-disk": "in a `disk` of a `vm`",
    "anywhere": "in any block",
}
"""Where a statement may stand, and how a message says where that is. `anywhere` is what `gen.expand` has replaced."""


@dataclass(frozen=True, slots=True, eq=False)
class Keyword:
    """One statement of the language; `word` is the first of its pattern.

    `contexts` says where it may stand; `block` is the context of its own block, if it has one, which `bare` allows
    to be left out; a statement that may not `repeat` stands at most once in its block.
    """

    word: str
    pattern: str
    doc: str
    contexts: tuple[str, ...]
    block: str | None = None
    bare: bool = True
    repeat: bool = False

    @property
    def shape(self) -> str:
        """The pattern as messages and help show it."""
        return f"{self.pattern} {{ ... }}" if self.block and not self.bare else self.pattern


def _keyword(
    pattern: str, contexts: str, doc: str, *, block: str | None = None, bare: bool = True, repeat: bool = False
) -> Keyword:
    return Keyword(pattern.partition(" ")[0], pattern, doc, tuple(contexts.split()), block, bare, repeat)


KEYWORDS = (
    _keyword("lab NAME", "top", "names the lab; without it, the file's stem"),
    _keyword("target PROFILE", "top", "the system that the script is for; without it `debian12`"),
    _keyword("host", "top", "what the host already has, which is never created", block="host", bare=False),
    _keyword("nic NIC", "host", "an interface that the host has", block="host-nic", repeat=True),
    _keyword("address CIDR", "host-nic", "an address that the host has on this nic", repeat=True),
    _keyword("gateway IP", "host-nic", "the host's default gateway, by way of this nic"),
    _keyword("dns IP", "host-nic", "a name server that the host asks", repeat=True),
    _keyword("mtu MTU", "host-nic", "the nic's largest packet in bytes"),
    _keyword(
        "network BRIDGE isolated|routed|nat|bridged",
        "top",
        "a Linux bridge of this name: *isolated* forwards nothing in or out; *routed* forwards both ways and hides "
        "nobody; *nat* lets guests out, and replies and published ports in; *bridged* is the LAN itself",
        block="network",
        repeat=True,
    ),
    _keyword("address CIDR", "network", "an address of the host on this bridge", repeat=True),
    _keyword(
        "dhcp (IP - IP | on)",
        "network node-nic",
        "lease these addresses, both ends included; `on` picks the range from the subnet",
    ),
    _keyword("dns IP", "network node-nic", "the name server that DHCP tells the guests"),
    _keyword("domain DOMAIN", "network node-nic", "the domain that DHCP tells the guests"),
    _keyword("lease TIME", "network node-nic", "how long a lease lasts, such as `12h`; without it twelve hours"),
    _keyword("uplink NIC", "network", "bridged: the host's nic that becomes a port; its addresses and routes move"),
    _keyword(
        "via NIC|NETWORK", "network", "nat: the way out; without it the one bridged network, or the host's one nic"
    ),
    _keyword("nat to IP", "network", "nat: the address that guests go out with; without it the address of the way out"),
    _keyword(
        "publish [tcp|udp] IP[:PORT] to NAME[:PORT]",
        "network router",
        "DNAT to a vm, router or namespace; without a port it is 1:1, with the matching SNAT",
        repeat=True,
    ),
    _keyword("stp on|off", "network node-bridge", "spanning tree, which a loop of bridges needs; without it off"),
    _keyword("mtu MTU", "network node-nic", "the largest packet in bytes"),
    _keyword("mac MAC", "network node-nic", "the interface's own MAC"),
    _keyword("external", "network", "the bridge is there already: use it, never create or delete it"),
    _keyword("overlap allowed", "network", "this network's subnet may overlap others that it is joined to"),
    _keyword("router NAME", "top", "a network namespace that forwards", block="router", repeat=True),
    _keyword("namespace NAME", "top", "a network namespace that does not forward", block="namespace", repeat=True),
    _keyword(
        "nic NIC [on NETWORK]",
        "router namespace",
        "a veth pair into a network; without `on` it must be the end of a `link`",
        block="node-nic",
        repeat=True,
    ),
    _keyword("address CIDR", "node-nic node-bridge", "an address of this interface", repeat=True),
    _keyword("limit RATE", "node-nic link", "sends at most this much, such as `10mbit`; on a link, each end"),
    _keyword("loopback CIDR", "router namespace", "an address on the namespace's `lo`", repeat=True),
    _keyword(
        "bridge BRIDGE",
        "router namespace",
        "a switch inside the namespace",
        block="node-bridge",
        bare=False,
        repeat=True,
    ),
    _keyword("port NIC ...", "node-bridge", "nics of the namespace that plug into this bridge", repeat=True),
    _keyword(
        "route NET|default (via IP [dev NIC] | dev NIC | discard) [metric METRIC] [src IP]",
        "router namespace",
        "a static route; `discard` drops what it matches",
        repeat=True,
    ),
    _keyword(
        "nat NET|all via NIC [to IP[-IP][:PORT-PORT]]",
        "router namespace",
        "SNAT of what leaves by this nic; without `to`, to the nic's own address",
        repeat=True,
    ),
    _keyword(
        "link NODE.NIC [CIDR] - NODE.NIC [CIDR]",
        "top",
        "one veth cable between two routers or namespaces",
        block="link",
        repeat=True,
    ),
    _keyword("link NETWORK - NETWORK", "top", "one veth cable between two bridges", repeat=True),
    _keyword("vm NAME", "top", "a QEMU guest", block="vm", repeat=True),
    _keyword("memory SIZE", "vm", "the guest's memory, such as `512M`, which it has without this"),
    _keyword("cpus NUMBER", "vm", "how many processors the guest sees; without it one"),
    _keyword("cpu MODEL", "vm", "the processor that QEMU shows, such as `host`"),
    _keyword("machine MODEL", "vm", "QEMU's machine type, such as `q35`"),
    _keyword("disk PATH", "vm", "an image of a disk, in the order of the guest's drives", block="vm-disk", repeat=True),
    _keyword(
        "format qcow2|raw", "vm-disk", "the image's format; without it raw for `.raw` and `.iso`, qcow2 for all else"
    ),
    _keyword("bus virtio|ide|scsi", "vm-disk", "how the guest sees the drive; scsi is virtio-scsi; without it virtio"),
    _keyword("cache none|writeback|writethrough|directsync|unsafe", "vm-disk", "QEMU's cache mode"),
    _keyword("overlay on|off", "vm-disk", "a private qcow2 on top of this image, which stays as it is"),
    _keyword("size SIZE", "vm-disk", "the overlay's size, or that of a disk which is made new"),
    _keyword("cdrom PATH", "vm", "a CD in the guest's drive", repeat=True),
    _keyword(
        "boot ORDER [once ORDER]", "vm", "a floppy, c disk, d CD, n network, in order; `once` for the first boot only"
    ),
    _keyword("kernel PATH", "vm", "boot this kernel, without a boot loader"),
    _keyword("initrd PATH", "vm", "the kernel's first file system"),
    _keyword("append TEXT", "vm", "the kernel's command line"),
    _keyword(
        "nic [TAP] on NETWORK", "vm", "a network card by way of a tap in this network", block="vm-nic", repeat=True
    ),
    _keyword(
        "nic user",
        "vm",
        "a network card in QEMU's user network, which needs no tap",
        block="vm-user-nic",
        repeat=True,
    ),
    _keyword("mac MAC", "vm-nic vm-user-nic", "the card's MAC; without it one derived from lab, vm and nic"),
    _keyword(
        "model virtio|e1000|e1000e|rtl8139|ne2k_pci|pcnet|i82551|vmxnet3",
        "vm-nic vm-user-nic",
        "the card that QEMU shows; without it virtio",
    ),
    _keyword(
        "address CIDR|auto",
        "vm-nic",
        "what the guest will use: a DHCP reservation where there is DHCP; `auto` takes the next free one",
    ),
    _keyword("gateway IP", "vm-nic", "the guest's default gateway; without it the network's"),
    _keyword(
        "forward tcp|udp PORT to PORT", "vm-user-nic", "a port of the host's loopback for one of the guest", repeat=True
    ),
    _keyword("display (none | vnc :N)", "vm", "the guest's screen; `vnc :N` is port 5900 + N of the host's loopback"),
    _keyword("autostart on|off", "vm", "whether `up` starts the guest; without it on"),
    _keyword("option OPTION TEXT", "vm", "one more option for QEMU, quoted as it is", repeat=True),
    _keyword(
        "expect WHO [cannot] reach|reaches WHO|IP [tcp|udp PORT]",
        "top",
        "a test: from a vm, router, namespace or `host` to another of them or to an address",
        repeat=True,
    ),
    _keyword("defaults vm", "top", "statements for every vm that has none of the same keyword", block="vm", bare=False),
    _keyword("defaults network", "top", "the same for every network", block="network", bare=False),
    _keyword("defaults router", "top", "the same for every router", block="router", bare=False),
    _keyword("defaults namespace", "top", "the same for every namespace", block="namespace", bare=False),
    _keyword("let NAME TEXT", "anywhere", "`$NAME` and `${NAME}` stand for the text, up to the end of the block"),
    _keyword(
        "for NAME in TEXT ...",
        "anywhere",
        "the block again for each word, or for each number of `1..100`",
        block="anywhere",
        bare=False,
    ),
    _keyword("include PATH", "anywhere", "the statements of another file, found from this one's folder"),
)

SECOND_RING = frozenset(
    (
        "vlan",
        "vlans",
        "trunk",
        "tunnel",
        "vrf",
        "rule",
        "table",
        "bond",
        "isolated",
        "delay",
        "loss",
        "allow",
        "deny",
        "or",
    )
)
"""Words that LANGUAGE.md keeps for a later version."""


@cache
def keywords_in(context: str) -> dict[str, tuple[Keyword, ...]]:
    """The keywords that may stand in a context, by first word (more than one where the word has several shapes)."""
    found: dict[str, tuple[Keyword, ...]] = {}
    for keyword in KEYWORDS:
        if context in keyword.contexts:
            found[keyword.word] = (*found.get(keyword.word, ()), keyword)
    return found


@cache
def keywords_named(word: str) -> tuple[Keyword, ...]:
    """Every keyword that starts with the word, wherever it may stand."""
    return tuple(keyword for keyword in KEYWORDS if keyword.word == word)


# The grammar of patterns. Each kind of node is a class, and `gen.bind` matches words against them.


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the source: one of `literals`, or a value of the type `placeholder`. `slot` None keeps nothing."""

    literals: tuple[str, ...]
    placeholder: str | None
    slot: int | None
    repeated: bool = False

    @property
    def shown(self) -> str:
        shown = "|".join((*((self.placeholder,) if self.placeholder else ()), *self.literals))
        return f"{shown} ..." if self.repeated else shown


@dataclass(frozen=True, slots=True)
class Maybe:
    """`[...]`"""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """`(... | ...)`"""

    branches: tuple[tuple[Node, ...], ...]


Node = Term | Maybe | Either


@dataclass(frozen=True, slots=True)
class Grammar:
    """What follows a keyword's first word, and how many slots it fills."""

    nodes: tuple[Node, ...]
    slots: int


# A word, whose pieces such as `[:PORT]` belong to it because no blank stands before them.
_TOKEN = re.compile(r"[\[\]()]|\.\.\.|[^\s\[\]()]+(?:\[[:-][^\]]*\])*")


@cache
def grammar(keyword: Keyword) -> Grammar:
    """The keyword's pattern, read."""
    reader = _PatternReader(keyword.pattern)
    return Grammar(reader.sequence(), reader.slots)


class _PatternReader:
    def __init__(self, pattern: str) -> None:
        self._tokens = _TOKEN.findall(pattern)[1:]
        self.slots = 0

    def sequence(self) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while self._tokens and self._tokens[0] not in ("]", ")", "|"):
            token = self._tokens.pop(0)
            if token == "[":
                nodes.append(self._optional())
            elif token == "(":
                nodes.append(self._choice())
            else:
                nodes.append(self._word(token))
        return tuple(nodes)

    def _optional(self) -> Maybe:
        nodes = self.sequence()
        self._tokens.pop(0)
        match nodes:
            case (Term(slot=None) as flag,):
                nodes = (Term(flag.literals, None, self._next_slot()),)
        return Maybe(nodes)

    def _choice(self) -> Either:
        branches = [self.sequence()]
        while self._tokens.pop(0) == "|":
            branches.append(self.sequence())
        return Either(tuple(branches))

    def _word(self, token: str) -> Term:
        names = token.split("|")
        literals = tuple(name for name in names if name == name.lower())
        placeholder = "|".join(name for name in names if name not in literals) or None
        repeated = self._tokens[:1] == ["..."]
        if repeated:
            self._tokens.pop(0)
        kept = placeholder is not None or len(literals) > 1
        return Term(literals, placeholder, self._next_slot() if kept else None, repeated)

    def _next_slot(self) -> int:
        self.slots += 1
        return self.slots - 1


def placeholders(nodes: tuple[Node, ...]) -> Iterator[str]:
    """The types of all placeholders in the nodes."""
    for node in nodes:
        match node:
            case Term(placeholder=str(name)):
                yield name
            case Maybe(inner):
                yield from placeholders(inner)
            case Either(branches):
                for branch in branches:
                    yield from placeholders(branch)


def literals(nodes: tuple[Node, ...]) -> Iterator[str]:
    """All words of the nodes that stand for themselves."""
    for node in nodes:
        match node:
            case Term(literals=words):
                yield from words
            case Maybe(inner):
                yield from literals(inner)
            case Either(branches):
                for branch in branches:
                    yield from literals(branch)


def table() -> str:
    """The table of all statements, as markdown, in the order of KEYWORDS."""
    rows = ["| statement | where | meaning |", "| --- | --- | --- |"]
    for keyword in KEYWORDS:
        shape = (keyword.pattern + (" { ... }" if keyword.block else "")).replace("|", "\\|")
        where = ", ".join(CONTEXTS[context].partition(" ")[2] for context in keyword.contexts)
        rows.append(f"| `{shape}` | {where} | {keyword.doc} |")
    return "\n".join(rows) + "\n"
