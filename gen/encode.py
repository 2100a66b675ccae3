"""Values as words of the second languages inside a script: QEMU's option lists and dnsmasq's.

The first language, the shell, has its own door in shell.py.
"""

from __future__ import annotations


def qemu(*pairs: str | tuple[str, str]) -> str:
    """One QEMU option list: `file=a,,b,format=raw` for (("file", "a,b"), ("format", "raw")).

    A comma in a value is doubled (qemu(1), "Standard options"); a pair without a value is written bare.
    """
    return ",".join(pair if isinstance(pair, str) else f"{pair[0]}={qemu_value(pair[1])}" for pair in pairs)


def qemu_value(value: str) -> str:
    """A value alone, for an option list that is spelled elsewhere."""
    return value.replace(",", ",,")
