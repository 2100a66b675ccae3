"""The operations of a script in, out what a person wants to know who has to answer for it.

All of it is read from the script's own text, so that it tells the truth about the bytes that run, whoever wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gen.audit import Audit
from gen.audit.allowed import COMMANDS, PROGRAMS, RUNS_A_PROGRAM, STARTERS, WRITERS
from gen.audit.lab import HOST, Command, Operation, image_of, qemu_pairs
from gen.shell import join


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that the script does: the line of the script, the FILE:LINE of the lab, and what it is."""

    line: int
    at: str
    text: str
    is_command: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs together; `key` is its name for programs."""

    key: str
    title: str
    entries: tuple[Entry, ...]


def sections(audit: Audit) -> list[Section]:
    """All that there is to say, in the order in which it matters; a section without entries says that there is none."""
    made = [
        Section("uplink", "The host's own uplink", tuple(_uplink(audit.operations))),
        Section("risks", "Risks", tuple(_risks(audit.operations))),
        Section("ports", "Ports and services opened", tuple(_ports(audit.operations))),
        Section("addresses", "Addresses", tuple(_addresses(audit.operations))),
        Section("settings", "Kernel settings", tuple(_settings(audit.operations))),
        Section("processes", "Processes started", tuple(_processes(audit.operations))),
        Section("files", "Files written", tuple(_files(audit))),
        Section(
            "persistence", "What `persist` writes", tuple(Entry(kept.line, kept.at, kept.text) for kept in audit.kept)
        ),
        Section("left", "What `down` cannot put back", tuple(_left(audit.operations))),
    ]
    kinds = list(dict.fromkeys(COMMANDS.values()))
    kinds += [kind for kind in ("unknown",) if any(each.kind == kind for each in _commands(audit.operations))]
    runtime = [*sorted(PROGRAMS | STARTERS | set(WRITERS))]
    made.append(
        Section(
            "commands: runtime",
            "Commands that run as root: those of the runtime, which is the same in every script",
            (Entry(0, "", " ".join(runtime)),),
        )
    )
    for kind in kinds:
        listed = tuple(
            Entry(command.line, operation.at, plain(command), True)
            for operation in audit.operations
            for command in operation.commands
            if command.kind == kind
        )
        made.append(Section(f"commands: {kind}", f"Commands that run as root: {kind}", listed))
    return made


def plain(command: Command) -> str:
    """The command as the host sees it; those that take something back are marked."""
    inside = () if command.space == HOST else ("ip", "netns", "exec", command.space)
    return ("undo: " if command.undoes else "") + str(join((*inside, *command.words)))


def _commands(operations: Sequence[Operation]) -> Iterator[Command]:
    return (command for operation in operations for command in operation.commands)


def _each(operations: Sequence[Operation], tell: Callable[[Command], Iterator[str]]) -> Iterator[Entry]:
    seen = set()
    for operation in operations:
        for command in operation.does:
            for text in tell(command):
                if (operation.at, text) not in seen:
                    seen.add((operation.at, text))
                    yield Entry(command.line, operation.at, text)


def _where(space: str) -> str:
    return "" if space == HOST else f" in the namespace {space}"


def _uplink(operations: Sequence[Operation]) -> Iterator[Entry]:
    def tell(command: Command) -> Iterator[str]:
        if command.words[0] == "kg_uplink" and len(command.words) == 3:
            _, nic, bridge = command.words
            yield (
                f"{nic} becomes a port of the bridge {bridge}, and all its addresses and routes move there, in one "
                "batch in which each is on the host at every moment. The risk: who is logged in by way of it, and "
                "every connection of this host, depend on that move; where the LAN does not accept it, the host is "
                "cut off. The guard, a process that is started before the move, takes all of it back after 120 s, or "
                "when a gateway stops answering, unless `setup.sh confirm` is run from a new login. `--no-guard` "
                "does without."
            )

    made = _made(operations)

    def tell_foreign(command: Command) -> Iterator[str]:
        match command.words:
            case ("ip", "addr", "add", cidr, "dev", link, *_) if command.space == HOST and link not in made:
                yield f"{link}, which the host has, gets the address {cidr} beside its own"
            case ("ip", "link", "set", "dev", link, *words) if command.space == HOST and link not in made:
                yield f"{link}, which the host has, is changed: {' '.join(words)}"

    found = [*_each(operations, tell), *_each(operations, tell_foreign)]
    yield from found
    if not found:
        yield Entry(0, "", "not touched: no command changes a link of the host's own, its addresses or routes")


def _made(operations: Sequence[Operation]) -> set[str]:
    """The links of the host that the lab makes, its guests' taps among them."""
    made = set()
    for command in _commands(operations):
        match command.words:
            case ("ip", "link", "add", *words):
                made |= {value for key, value in pairwise(words) if key == "name"}
            case ("brctl", "addbr", name):
                made.add(name)
            case (_, *words) if command.kind == "processes":
                made |= {qemu_pairs(word).get("ifname", "") for word in words if word.startswith("tap,")}
    return made


def _risks(operations: Sequence[Operation]) -> Iterator[Entry]:
    def tell(command: Command) -> Iterator[str]:
        match command.words:
            case ("kg_sysctl", "net.ipv4.ip_forward", "1"):
                yield "the whole host forwards from now on, between all its networks, not only the lab's"
            case (_, *words) if command.kind == "processes":
                for option, value in zip(words, [*words[1:], ""], strict=True):
                    if RUNS_A_PROGRAM.fullmatch(option) or (option == "-vnc" and not value.startswith("127.0.0.1:")):
                        yield f"QEMU is told `{option} {value}`, which runs a program or opens a screen to all"
                    if option == "-drive" and re.match(r"/dev/", qemu_pairs(value).get("file", "")):
                        yield f"a guest writes to the device {qemu_pairs(value)['file']}"
            case ("iptables", _, "nat", "-A", _, *rule) if _after(rule, "-j") == "DNAT" and command.space == HOST:
                yield f"who reaches {_after(rule, '-d')} of this host reaches {_after(rule, '--to-destination')}"

    yield from _each(operations, tell)


def _ports(operations: Sequence[Operation]) -> Iterator[Entry]:
    def tell(command: Command) -> Iterator[str]:
        words = command.words
        if words[0] == "dnsmasq":
            interface = next((word[12:] for word in words if word.startswith("--interface=")), "every interface")
            names = "" if "--port=0" in words else ", and names on udp and tcp 53"
            yield f"DHCP on udp 67 of {interface}{_where(command.space)}{names}"
        elif words[0] == "iptables" and _after(words, "-j") == "DNAT":
            port = f"{_after(words, '-p')} {_after(words, '--dport')} of " if "--dport" in words else "all of "
            to = _after(words, "--to-destination")
            yield f"{port}{_after(words, '-d')} leads to {to}{_where(command.space)} (chain {_after(words, '-A')})"
        elif command.kind == "processes":
            for option, value in zip(words, [*words[1:], ""], strict=True):
                if option == "-vnc":
                    address, _, display = value.partition(":")
                    port = str(5900 + int(display)) if display.isdecimal() else display
                    yield f"the screen of a guest, VNC without a password, on {address or 'all addresses'} tcp {port}"
                elif option in ("-netdev", "-net") and value.startswith("user"):
                    for forward in re.findall(r"(?:^|,)hostfwd=([^,]*)", value):
                        yield f"{forward.replace('-:', ' leads to port ')} of a guest, by QEMU"

    yield from _each(operations, tell)


def _addresses(operations: Sequence[Operation]) -> Iterator[Entry]:
    def tell(command: Command) -> Iterator[str]:
        match command.words:
            case ("ip", "addr", "add", cidr, "dev", link, *_):
                yield f"{cidr} on {link}{_where(command.space)}"

    yield from _each(operations, tell)


def _settings(operations: Sequence[Operation]) -> Iterator[Entry]:
    def tell(command: Command) -> Iterator[str]:
        match command.words:
            case ("kg_sysctl", key, value):
                yield f"{key} = {value}; `down` puts the former value back, unless it was changed since"
            case ("sysctl", *_, setting):
                yield f"{setting.replace('=', ' = ')}{_where(command.space)}, of what the lab makes"

    yield from _each(operations, tell)


def _processes(operations: Sequence[Operation]) -> Iterator[Entry]:
    for operation in operations:
        for command in operation.does:
            words = command.words
            when = " (when asked, by `vm start`)" if operation.on_demand else ""
            if words[0] == "dnsmasq":
                yield Entry(command.line, operation.at, f"dnsmasq for {operation.object}{_where(command.space)}")
            elif command.kind == "processes" and words[0] != "kg_stop":
                memory = f", {_after(words, '-m')} MiB" if "-m" in words else ""
                yield Entry(command.line, operation.at, f"{words[0]}: the guest {operation.object}{memory}{when}")
            elif words[0] == "kg_uplink":
                yield Entry(command.line, operation.at, "the guard, until it is confirmed or has acted")


def _files(audit: Audit) -> Iterator[Entry]:
    run, var = audit.variables.get("KG_RUN", "?"), audit.variables.get("KG_VAR", "?")
    yield Entry(0, "", f"{run}/: journal, log, pid files, leases and pipes of the lab while it is up; {run}.lock")
    yield Entry(0, "", f"{var}/setup.sh: a copy of the script, to take back what it made")

    def tell(command: Command) -> Iterator[str]:
        match command.words:
            case ("kg_write", mode, path):
                program = ", which QEMU runs as root" if (command.body or "").startswith("#!") else ""
                yield f"{path}, mode {mode}{program}"
            case ("qemu-img", "create", *words):
                yield f"{image_of(words)}, a disk image"
            case ("ln", "-s", target, link):
                yield f"{link}, a link to {target}"

    yield from _each(audit.operations, tell)


def _left(operations: Sequence[Operation]) -> Iterator[Entry]:
    for operation in operations:
        does, undoes = list(operation.does), list(operation.undoes)
        if does and not undoes and operation.within == 0 and does[0].words[0] != "kg_write":
            what = image_of(does[0].words) if operation.kind == "disk" else f"{operation.kind} {operation.object}"
            yield Entry(operation.line, operation.at, f"{what} stays")
        for command in does:
            for option, value in zip(command.words, [*command.words[1:], ""], strict=True):
                pairs = qemu_pairs(value) if command.kind == "processes" and option == "-drive" else {}
                if pairs.get("media") == "disk" and not pairs["file"].startswith("/var/lib/kvmgen/"):
                    yield Entry(
                        command.line, operation.at, f"what the guest {operation.object} writes to {pairs['file']}"
                    )
            if command.words[:2] == ("qemu-img", "create") and undoes:
                yield Entry(
                    command.line, operation.at, f"what a guest wrote to {image_of(command.words)}: `down` deletes it"
                )
            if command.words[0] == "kg_uplink":
                yield Entry(
                    command.line,
                    operation.at,
                    f"connections of {command.words[1]} that the move ends; a DHCP lease that ran out",
                )
    if any(command.kind == "firewall" for command in _commands(operations)):
        yield Entry(0, "", "connections that NAT or a rule had a part in, and what the kernel keeps of them")
    if operations:
        yield Entry(
            0, "", "modules that the kernel loaded for the lab (bridge, veth, tun, those of iptables) stay loaded"
        )


def _after(words: Sequence[str], option: str) -> str:
    """The word after an option."""
    return next((value for key, value in pairwise(words) if key == option), "")
