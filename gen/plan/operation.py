"""Operations: what the script does, one change of the host each, with its undo and the question whether it is done.

The script, `commands`, the lesson, the audit report and the diagram all read the same Plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gen.shell import Command
from gen.source import Span

ROOT = "-"
"""The host's own namespace, where a probe names one."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that the operation writes whole: octal mode as text, absolute path, content."""

    path: str
    mode: str
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of the host.

    `number` counts from 1 in the order of execution. `within` is the number of the operation whose undo removes this
    one's work too (0: none). `do` and `undo` are argument vectors in the target's dialect; the first of `do` is the
    exclusive creation where there is one. All of `probe` hold exactly when the work is done. `why` is a key of the
    lesson texts. `manual` operations are done on demand only (`setup.sh vm start`).
    """

    number: int
    within: int
    kind: str
    object: str
    at: Span
    do: tuple[Command, ...] = ()
    undo: tuple[Command, ...] = ()
    probe: tuple[Command, ...] = ()
    look: Command = ()
    file: File | None = None
    manual: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Consecutive operations under one heading of the script."""

    name: str
    title: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """What must be there before the first change: `what` is tool, link or image; `arguments` say which."""

    what: str
    arguments: tuple[str, ...]
    at: Span


@dataclass(frozen=True, slots=True)
class Plan:
    """All operations in order, what they need of the host, and the number of each guest's operation."""

    sections: tuple[Section, ...]
    needs: tuple[Need, ...]
    guests: dict[str, int]

    @property
    def operations(self) -> Iterable[Operation]:
        return (operation for section in self.sections for operation in section.operations)


@dataclass(slots=True)
class Builder:
    """Collects operations, giving each its number.

    `run_dir` and `state_dir` are the lab's own folders on the host. `made` holds the number of the operation that
    creates an object, for those that live inside it: ("netns", NAME), ("bridge", NAME), ("cable", NODE, NIC),
    ("switch", NODE, BRIDGE); and of the first address in a subnet: ("subnet", NODE or ROOT, LINK, SUBNET).
    """

    lab: str
    run_dir: str
    state_dir: str
    made: dict[tuple[str, ...], int] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
    needs: dict[tuple[str, ...], Need] = field(default_factory=dict)
    guests: dict[str, int] = field(default_factory=dict)
    _open: list[Operation] = field(default_factory=list)
    _count: int = 0

    @property
    def mark(self) -> str:
        """The alias that proves that a link is this lab's."""
        return f"kvmgen:{self.lab}"

    def add(
        self,
        kind: str,
        object: str,
        at: Span,
        *,
        do: Iterable[Command] = (),
        undo: Iterable[Command] = (),
        probe: Iterable[Command] = (),
        look: Command = (),
        within: int = 0,
        file: File | None = None,
        manual: bool = False,
    ) -> int:
        """Append an operation and return its number."""
        self._count += 1
        self._open.append(
            Operation(self._count, within, kind, object, at, tuple(do), tuple(undo), tuple(probe), look, file, manual)
        )
        return self._count

    def write(self, path: str, mode: str, text: str, at: Span, kind: str = "file", within: int = 0) -> int:
        """Append an operation that writes a whole file."""
        return self.add(kind, path, at, look=("cat", path), within=within, file=File(path, mode, text))

    def need(self, what: str, *arguments: str, at: Span) -> None:
        """Note a requirement; an equal one is kept once."""
        self.needs.setdefault((what, *arguments), Need(what, arguments, at))

    def section(self, name: str, title: str) -> None:
        """Close the operations added since the last call into a section; an empty one is left out."""
        if self._open:
            self.sections.append(Section(name, title, tuple(self._open)))
            self._open = []

    def plan(self) -> Plan:
        """The finished plan."""
        return Plan(tuple(self.sections), tuple(self.needs.values()), self.guests)


def in_netns(netns: str, *argv: str) -> Command:
    """The command run in a namespace; in the host's own it is the command itself."""
    return argv if netns == ROOT else ("ip", "netns", "exec", netns, *argv)
