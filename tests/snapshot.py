"""A network namespace, a process list or a folder in; lines that say what it looks like out.

Two looks at an unchanged host are equal: what moves by itself is left out.
"""

import difflib
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# For `sh -s` in the namespace: titles, each with the lines of one section.
LOOK = """
echo '== links'; ip -d -o link show
echo '== addresses'; ip -o address show
echo '== routes'; ip -o -4 route show table all; ip -o -6 route show table all
echo '== rules'; ip -4 rule show; ip -6 rule show
echo '== qdiscs'; tc qdisc show
echo '== sysctls'; cd /proc/sys/net && grep -rs '' ipv4/ip_forward ipv4/conf ipv6/conf bridge
echo '== iptables'; iptables-save
echo '== ip6tables'; ip6tables-save
echo '== legacy iptables'; if command -v iptables-legacy-save >/dev/null; then iptables-legacy-save; fi
"""
_WITHOUT_ORDER = ("links", "routes", "qdiscs", "sysctls")

# What moves by itself (`state` follows the carrier by up to a second), and what only makes lines long.
_NOISE = re.compile(
    r" (hello|tcn|topology_change|gc|hold|message_age|forward_delay)_timer +\S+"
    r"|(\\ *| )(valid|preferred)_lft \S+| expires \S+| state \S+"
    r"| \[\d+:\d+\]$| refcnt \d+| (gso|tso|gro)_\w+ \d+|\s+$"
)
# What tells a thing from the same thing made again.
_IDENTITY = re.compile(r"^\d+: (?=\S+ +inet|\S+:? <)|@if\d+| link-netnsid \d+|(?<= )8[0-9a-f]{3}: (?=dev )")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a host looked like: lines of the form `section: thing`."""

    lines: tuple[str, ...]

    def without(self, *patterns: str) -> Self:
        """The snapshot without the lines in which one of the regular expressions is found."""
        unwanted = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
        return type(self)(tuple(line for line in self.lines if not unwanted.search(line)))

    def difference(self, other: Self) -> list[str]:
        """The lines that only this one has, after `-`, and that only the other has, after `+`."""
        changed = difflib.unified_diff(self.lines, other.lines, n=0, lineterm="")
        return [line for line in changed if not line.startswith(("---", "+++", "@@"))]


def network(name: str, look: str, exact: bool) -> Iterator[str]:
    """The lines of the namespace called `name`, from what LOOK printed in it."""
    for section in f"\n{look}".split("\n== ")[1:]:
        title, *lines = section.splitlines()
        lines = [_NOISE.sub("", line) for line in lines]
        if "iptables" in title or title == "ip6tables":
            lines = list(_rules(lines))
        if not exact:
            lines = [_IDENTITY.sub("", line) for line in lines]
        if title == "sysctls":
            lines = list(_settings(lines))
        if title in _WITHOUT_ORDER:
            lines.sort()
        yield from (f"{name} {title}: {line}" for line in lines)


def _settings(lines: Iterable[str]) -> Iterator[str]:
    """The sysctls, and of each interface's own only those that differ from the namespace's default."""
    values = dict(line.split(":", 1) for line in lines)
    for key, value in values.items():
        default = re.sub(r"(conf/)[^/]+(/[^/]+)$", r"\1default\2", key)
        if key == default or "conf/all/" in key or value != values.get(default):
            yield f"{key} = {value}"


def _rules(saved: Iterable[str]) -> Iterator[str]:
    """The chains and rules of all tables but those that are there only because someone listed them."""
    table: list[str] = []
    for line in saved:
        if line.startswith("*"):
            table = []
        elif line == "COMMIT":
            if any(not re.fullmatch(r":\w+ ACCEPT", entry) for entry in table[1:]):
                yield from (f"{table[0]} {entry}" for entry in table[1:])
            continue
        elif line.startswith("#"):
            continue
        table.append(line)


def processes(proc: Path, ignored: set[int], exact: bool) -> Iterator[str]:
    """The command lines of the processes of `proc` but the `ignored` numbers; a dead one has its name in brackets."""
    lines = []
    for folder in proc.iterdir():
        if not folder.name.isdecimal() or int(folder.name) in ignored:
            continue
        try:
            command = (folder / "cmdline").read_text().replace("\0", " ").rstrip()
            command = command or f"[{(folder / 'comm').read_text().strip()}]"
        except OSError:
            continue  # it ended meanwhile
        lines.append(f"processes: {folder.name + ' ' if exact else ''}{command}")
    yield from sorted(lines)


def files(top: Path, name: str, exact: bool) -> Iterator[str]:
    """Everything below `top`, under its `name` in the world."""
    for path in _below(top):
        yield f"files: {name}/{path.relative_to(top)} {_description(path, exact)}"


def changes(upper: Path, exact: bool) -> Iterator[str]:
    """What the upper layer of an overlay on the machine's root has made different there."""
    for path in _below(upper):
        machine = "/" / path.relative_to(upper)
        if not os.path.lexists(machine) or _description(path, exact=False) != _description(machine, exact=False):
            yield f"files: {machine} {_description(path, exact)}"


def _below(top: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(top):
        folders.sort()
        yield from (Path(folder, name) for name in sorted([*folders, *names]))


def _description(path: Path, exact: bool) -> str:
    try:
        status = path.lstat()
    except FileNotFoundError:  # meanwhile
        return "gone"
    text = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return "deleted"
    if stat.S_ISLNK(status.st_mode):
        text += f" -> {path.readlink()}"
    elif stat.S_ISREG(status.st_mode):
        try:
            text += f" {status.st_size} bytes {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        except OSError:
            text += " a namespace"
    return f"{text} inode {status.st_ino} modified {status.st_mtime_ns}" if exact else text
