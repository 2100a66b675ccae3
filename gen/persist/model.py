"""What makes a lab survive a reboot, as data: files of the host's own boot, and what may stand in their way.

The script's `persist` reads nothing else, so no style of network configuration is known to the runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gen.shell import Command
from gen.source import Span

How = Literal["whole", "block", "rules", "link"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that the host's boot reads.

    `how`: `whole` (the file is the lab's own), `block` (lines between the lab's marks, at the end of a file that others
    share), `rules` (iptables-restore text: each table's lines go into that table, between the lab's marks), `link` (a
    symbolic link, `text` its target). `mode` is octal, as text; of a link "". `@mac:NIC@` in `text` stands for the
    MAC that the host's NIC has when the file is written.
    """

    how: How
    path: str
    mode: str
    text: str
    at: Span


@dataclass(frozen=True, slots=True)
class Rival:
    """A NIC that the lab's files configure: any other file of the host's that does is in the way.

    `style` is the host's way to configure its network, as a profile's `persistence` names it.
    """

    style: str
    nic: str
    at: Span


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads the lab's files at boot. On a host that has it one of `paths` is there; `remedy` brings it.

    Without it the host would come up with no network.
    """

    paths: tuple[str, ...]
    remedy: str
    at: Span


@dataclass(frozen=True, slots=True)
class Persistence:
    """All that `persist` writes.

    `bridges` are those that the host's boot makes from then on: `up` takes them as right. `reload` is told to the
    running system after files were written or taken back; it never restarts a network (`nmcli connection reload` would:
    it brings up every new bridge and takes its port). `refused` holds why this lab
    cannot be persisted on this target, in words with the way out; then `kept` is empty.
    """

    kept: tuple[Kept, ...]
    bridges: tuple[tuple[str, Span], ...]
    rivals: tuple[Rival, ...]
    reload: tuple[Command, ...]
    refused: tuple[tuple[str, Span], ...]
    readers: tuple[Reader, ...] = ()
