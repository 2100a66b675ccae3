"""In: a folder of network files. Out: those that its readers would read, and diagnostics about what else lies there.

Only regular files are opened, so that neither a FIFO nor a device can hold the linter up.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from gen.diagnostics import Diagnostics, suggest
from gen.source import Source, Span

SIZE_LIMIT = 1024 * 1024
"""Bytes. The longest ifcfg files have some hundred lines."""

KINDS = ("ifcfg", "route", "route6", "rule", "rule6", "keys")
SUSE_KINDS = ("ifcfg", "ifroute", "ifrule")

_SKIPPED_BY_BOTH = re.compile(r"~$|\.(?:bak|orig|rpmnew)$")
_SKIPPED_BY_SCRIPTS = re.compile(r"\.(?:old|rpmorig|rpmsave)$")
"""`is_ignored_file` of /etc/init.d/functions; `.old` since EL7."""
_SKIPPED_BY_NETWORKMANAGER = re.compile(r"\.(?:rej|augnew|augtmp)$|;[0-9A-Fa-f]{8}$")
"""`utils_should_ignore_file` of nms-ifcfg-rh-utils.c, beyond those that the scripts skip too."""
_SKIPPED_BY_WICKED = re.compile(r"~$|\.(?:old|bak|orig|scpmbackup|rpmnew|rpmsave|rpmorig)$")
"""ifcfg(5) of wicked."""
_COPY = re.compile(
    r"[._-](?:backup|bak|copy|disabled|dist|new|off|old|orig|sav|save|sik|swp|tmp|dpkg-\w+|\d{6,})$|[ (]", re.IGNORECASE
)
"""How people name the copies that every reader takes for an interface."""

_KINDS_OF_FILE = {stat.S_IFDIR: "folder", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
_SUSE_MARKS = {"config", "dhcp", "ifcfg.template", "ifroute.template", "providers", "if-up.d", "ifcfg-lo.template"}


class UnreadableFolder(Exception):
    """There is no folder to lint; `str()` is the whole message."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that some reader opens. `kind` is the part of its name before the first `-`, `of` the part after it."""

    kind: str
    of: str
    source: Source


@dataclass(frozen=True, slots=True)
class Folder:
    """`suse` tells wicked's dialect (/etc/sysconfig/network) from Red Hat's (/etc/sysconfig/network-scripts)."""

    files: tuple[File, ...]
    suse: bool


def read(path: Path, diagnostics: Diagnostics) -> Folder:
    """Read what is in the folder itself; what lies in folders below it is read by nobody. Raises UnreadableFolder."""
    try:
        names = sorted(os.listdir(path), key=os.fsencode)
    except (OSError, ValueError) as error:
        if isinstance(error, NotADirectoryError):
            raise UnreadableFolder(f"`{path}` is not a folder") from error
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableFolder(f"cannot read `{path}`: {reason.lower()}") from error
    suse = _is_suse(path, names)
    kinds = SUSE_KINDS if suse else KINDS
    files = []
    for name in names:
        kind, dash, of = name.partition("-")
        if not dash or kind not in kinds or not of:
            _check_misnamed(path / name, kinds, diagnostics)
            continue
        if not _is_read(path / name, kind, suse, names, diagnostics):
            continue
        text = _text(path / name, kind, diagnostics)
        if text is not None:
            files.append(File(kind, of, Source(str(path / name), text)))
    return Folder(tuple(files), suse)


def _is_suse(path: Path, names: list[str]) -> bool:
    """By the folder's name, by what lies in it, or by what all its files say: STARTMODE, and not ONBOOT."""
    if path.absolute().parts[-2:] == ("sysconfig", "network") or not _SUSE_MARKS.isdisjoint(names):
        return True
    if any(name.startswith("ifroute-") for name in names):
        return True
    texts = [_contents(path / name) for name in names if name.startswith("ifcfg-")]
    said = b"\n".join(text for text in texts if text is not None)
    return b"\nSTARTMODE=" in b"\n" + said and re.search(rb"^[ \t]*(?:DEVICE|ONBOOT)=", said, re.MULTILINE) is None


def _contents(path: Path) -> bytes | None:
    """What is in a regular file of some size, None for anything else. Raises nothing."""
    try:
        status = os.stat(path)
        return _open(path) if stat.S_ISREG(status.st_mode) and status.st_size <= SIZE_LIMIT else None
    except OSError:
        return None


def _open(path: Path) -> bytes:
    # It was a regular file a moment ago, and may be a FIFO now.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as file:
        return file.read(SIZE_LIMIT)


def _at(path: Path) -> Span:
    """The place of what is to be said about a file as a whole."""
    return Span(Source(str(path), ""), 0, 0)


def _check_misnamed(path: Path, kinds: tuple[str, ...], diagnostics: Diagnostics) -> None:
    """`ifcg-eth0`, `ifcfg_eth0`: the readers go by the first letters alone."""
    word = re.match(r"[A-Za-z]+6?(?=[-_ ])", path.name)
    if word is None or word[0] in ("ifup", "ifdown", "network", "init"):
        return
    kind = word[0] if word[0] in kinds else suggest(word[0], kinds)
    if kind is None:
        return
    diagnostics.warning(
        "ifcfg-misnamed",
        f"`{path.name}` is read by nobody",
        _at(path),
        f"the readers look for names that start with `{kind}-`",
        help=[f"call it `{kind}-{path.name[word.end() + 1 :]}`"],
    )


def _is_read(path: Path, kind: str, suse: bool, names: list[str], diagnostics: Diagnostics) -> bool:
    """Whether any reader takes the file for what its name says; copies are reported."""
    name = path.name
    if kind not in ("ifcfg", "keys"):
        return not (_SKIPPED_BY_BOTH.search(name) or _SKIPPED_BY_SCRIPTS.search(name))
    if (_SKIPPED_BY_WICKED if suse else _SKIPPED_BY_BOTH).search(name):
        return False
    if suse or kind == "keys":
        return True
    by_networkmanager, by_scripts = _SKIPPED_BY_SCRIPTS.search(name), _SKIPPED_BY_NETWORKMANAGER.search(name)
    copy = by_networkmanager or by_scripts or _COPY.search(name, len("ifcfg-"))
    # `br-new` may well be a bridge, unless there is a `br` that it can be a copy of.
    if copy is None or (copy[0].startswith(("-", "_")) and name[: copy.start()] not in names):
        return True
    if by_networkmanager or by_scripts:
        report, who = (
            diagnostics.warning,
            "NetworkManager does not pass" if by_networkmanager else "the scripts do not pass",
        )
    else:
        report, who = diagnostics.error, "no reader passes"
    report(
        "ifcfg-stray-copy",
        f"`{name}` looks like a copy, and is read as another interface",
        _at(path),
        f"{who} over names with `{copy[0]}`",
        help=["keep copies outside the folder"],
    )
    return False


def _text(path: Path, kind: str, diagnostics: Diagnostics) -> str | None:
    """The file's text, or None where it has none. Bytes that are not UTF-8 are kept as lone surrogates."""
    try:
        status = os.stat(path)
    except OSError as error:
        _check_link(path, error, diagnostics)
        return None
    if not stat.S_ISREG(status.st_mode):
        what = _KINDS_OF_FILE.get(stat.S_IFMT(status.st_mode), "device")
        label = "no reader takes it for a file"
        if kind == "ifcfg" and what in ("folder", "socket"):
            label = "the network service takes it for an interface, and fails to read it"
        elif kind == "ifcfg":
            label = "the network service searches everything whose name starts like that, and would wait for ever"
        help = ["take it out of the folder"]
        diagnostics.error("ifcfg-no-file", f"`{path.name}` is a {what}, not a file", _at(path), label, help=help)
        return None
    if status.st_size > SIZE_LIMIT:
        diagnostics.error(
            "ifcfg-too-large",
            f"`{path.name}` is larger than {SIZE_LIMIT >> 20} MiB",
            _at(path),
            "no file of settings is that long; it was not read",
        )
        return None
    try:
        data = _open(path)
    except OSError as error:
        diagnostics.error(
            "ifcfg-unreadable",
            f"`{path.name}` cannot be read: {(error.strerror or str(error)).lower()}",
            _at(path),
            "nothing in it was checked",
            help=["run this as root, or mend the mode of the file"],
        )
        return None
    _check_mode(path, kind, status.st_mode, diagnostics)
    text = data.decode("utf-8", "surrogateescape")
    _check_text(path, text, diagnostics)
    return text.removeprefix("\ufeff").replace("\0", "")


def _check_link(path: Path, error: OSError, diagnostics: Diagnostics) -> None:
    target = "itself" if error.errno == errno.ELOOP else None
    if target is None:
        try:
            target = f"`{os.readlink(path)}`, which is not there"
        except OSError:
            return
    diagnostics.error(
        "ifcfg-dangling-link",
        f"`{path.name}` is a link to {target}",
        _at(path),
        "the network service finds the name, but nothing to read",
        help=["delete the link, or bring back what it leads to"],
    )


def _check_mode(path: Path, kind: str, mode: int, diagnostics: Diagnostics) -> None:
    if mode & stat.S_IWOTH:
        diagnostics.error(
            "ifcfg-writable-by-all",
            f"everybody may write to `{path.name}`",
            _at(path),
            "the network service runs it, or acts upon it, as root",
            help=["`chmod 644` it"],
        )
    if kind == "keys" and mode & (stat.S_IRGRP | stat.S_IROTH):
        diagnostics.warning(
            "ifcfg-readable-keys",
            f"others than root may read `{path.name}`",
            _at(path),
            "it holds passwords",
            help=["`chmod 600` it"],
        )


def _check_text(path: Path, text: str, diagnostics: Diagnostics) -> None:
    odd = re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\udc80-\udcff]|^\ufeff", text)
    if odd is None:
        return
    if odd[0] == "\ufeff":
        what, label = "a byte order mark", "the first line is not read because of it"
    elif odd[0] >= "\udc80":
        what, label = "bytes that are not UTF-8", "NetworkManager takes the value for empty"
    else:
        what, label = "a control character", "it becomes a part of what is read, or ends it"
    at = Span(Source(str(path), text), odd.start(), odd.start())
    help = ["delete them, or save the file as UTF-8 without a byte order mark"]
    diagnostics.error("ifcfg-not-text", f"{what} in `{path.name}`", at, label, help=help)
