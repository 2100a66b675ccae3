"""Values as words of the second languages: QEMU's option lists, dnsmasq's, and the files of a host's network.

The first language, the shell, has its own door in shell.py.
"""

from __future__ import annotations

import re

_BARE = re.compile(r"[A-Za-z0-9._:/-]+")


def qemu(*pairs: str | tuple[str, str]) -> str:
    """One QEMU option list: `file=a,,b,format=raw` for (("file", "a,b"), ("format", "raw")).

    A comma in a value is doubled (qemu(1), "Standard options"); a pair without a value is written bare.
    """
    return ",".join(pair if isinstance(pair, str) else f"{pair[0]}={qemu_value(pair[1])}" for pair in pairs)


def qemu_value(value: str) -> str:
    """A value alone, for an option list that is spelled elsewhere."""
    return value.replace(",", ",,")


def bare(value: str) -> str:
    """The value itself: a word that needs no quotes in any of the languages of a host's network files.

    Those of EL are sourced as bash, others take blanks, `;`, `#` or `%` for syntax. Raises ValueError for such.
    """
    if not _BARE.fullmatch(value):
        raise ValueError(f"`{value}` cannot stand in a file of the host's network")
    return value
