"""profiles/*.yaml in, a validated Profile out: how the target host spells what the plan asks for.

A profile is data: paths, the packages that bring each tool, and argument vectors with `{placeholders}` for each
command that differs between hosts. `extends` names a profile whose entries hold where this one is silent.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen.shell import Command

if TYPE_CHECKING:
    import yaml  # imported where it is used: `check` asks for no more than the names of the profiles

COMMANDS: Mapping[str, frozenset[str]] = {
    "bridge_add": frozenset({"bridge"}),
    "bridge_delete": frozenset({"bridge"}),
    "bridge_stp": frozenset({"bridge", "state", "bit"}),
    "bridge_forward_delay": frozenset({"bridge", "seconds", "hundredths"}),
    "bridge_port": frozenset({"bridge", "port"}),
    "bridge_hairpin": frozenset({"bridge", "port", "state", "bit"}),
    "bridge_look": frozenset({"bridge"}),
    "veth_into_netns": frozenset({"outer", "nic", "netns", "passing"}),
    "veth_between_netns": frozenset({"left", "left_netns", "left_passing", "right", "right_netns", "right_passing"}),
    "vm_nographic": frozenset(),
    "vm_console": frozenset({"log"}),
    "vm_monitor": frozenset({"fifo"}),
}
"""Every command that a profile spells, with the placeholders that it may use."""

FEATURES = frozenset({"netns", "dhcp", "overlay", "nat", "limit"})
"""What a host may lack; a profile's `lacks` gives the reason for each."""

STYLES = ("network-scripts", "ifcfg", "keyfile", "ifupdown", "netplan", "networkd", "wicked")
"""The ways in which hosts keep their network's configuration."""


class ProfileError(Exception):
    """A profile that is not there or not right; the text names file, line and what is expected."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How one kind of host spells things.

    `run_dir` and `state_dir` are the parents of the lab's own folders. `persistence` is the style of the files that
    make a lab survive a reboot, one of the `styles` that this host reads; `rules` is the file from which its boot
    restores iptables' rules, or empty. `batch` says whether `ip -batch` takes
    `netns add` (iproute2 before 5.1 leaves the batch in the new namespace). `nic_style` is `device` (-netdev and
    -device) or `net` (-net nic -net tap while a guest has one nic). `qemu_link` is a name that the notes give to
    the QEMU binary with `ln -s`, or empty. `accel` goes to -machine; empty leaves it to the binary.
    """

    name: str
    title: str
    run_dir: str
    state_dir: str
    persistence: str
    styles: tuple[str, ...]
    rules: str
    batch: bool
    qemu: str
    qemu_link: str
    accel: str
    nic_style: str
    console_log: bool
    dnsmasq_bind: str
    packages: Mapping[str, str]
    commands: Mapping[str, tuple[Command, ...]]
    lacks: Mapping[str, str]

    def command(self, key: str, **values: str) -> tuple[Command, ...]:
        """The commands for `key`, each an argument vector, with the placeholders filled in."""
        return tuple(tuple(word.format_map(values) for word in command) for command in self.commands[key])

    def persisting(self, style: str) -> Profile:
        """The same host, where labs persist in another of its styles; raises ProfileError for one it does not read."""
        if style not in self.styles:
            raise ProfileError(f"{self.name} does not read `{style}` at boot; it reads: {', '.join(self.styles)}")
        return replace(self, persistence=style)


def folder() -> Path:
    """Where the profiles lie: beside the package in a checkout, inside it when installed."""
    inside = Path(__file__).parent / "profiles"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "profiles"


def names() -> list[str]:
    """The names of all profiles, sorted."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def load(name: str, directory: Path | None = None) -> Profile:
    """Read and validate the profile `name`; raises ProfileError."""
    entries = _entries(name, directory or folder(), ())
    missing = [key for key in _SHAPES if key not in entries]
    missing += [f"commands.{key}" for key in COMMANDS if key not in entries.get("commands", {})]
    if missing:
        raise ProfileError(f"{name}.yaml: `{missing[0]}` is missing, here and in what it extends")
    profile = Profile(name=name, **{key: entries[key] for key in _SHAPES})
    return profile.persisting(profile.persistence)


def describe(profile: Profile) -> str:
    """What a person wants to know of a profile before choosing it."""
    others = "".join(f", or {style}" for style in profile.styles if style != profile.persistence)
    lines = [
        f"{profile.name}: {profile.title}",
        f"  QEMU           {profile.qemu}",
        f"  persistence    {profile.persistence}{others}",
        f"  firewall       {profile.rules or 'no file that is restored at boot: `up` brings the rules'}",
        f"  packages       {' '.join(sorted(set(profile.packages.values())))}",
        "  spells",
    ]
    for key, commands in profile.commands.items():
        lines += [f"    {key if index == 0 else '':<22} {' '.join(command)}" for index, command in enumerate(commands)]
    lines += [f"  lacks {feature}: {reason}" for feature, reason in profile.lacks.items()]
    return "\n".join(lines) + "\n"


def _entries(name: str, directory: Path, chain: tuple[str, ...]) -> dict[str, Any]:
    import yaml

    path = directory / f"{name}.yaml"
    if name in chain:
        raise ProfileError(f"{path.name}: extends itself by way of {' -> '.join((*chain, name))}")
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise ProfileError(f"no profile `{name}`; there are: {', '.join(names())}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path.name}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise ProfileError(f"{path.name}{where}: {getattr(error, 'problem', None) or error}") from None
    reader = _Reader(path.name)
    own = reader.mapping(node)
    parent = own.pop("extends", None)
    entries: dict[str, Any] = {}
    if parent is not None:
        entries = _entries(reader.text(parent), directory, (*chain, name))
    for key, value in own.items():
        shape = _SHAPES.get(key)
        if shape is None:
            raise reader.error(value, f"unknown key `{key}`; a profile has: {', '.join(sorted(_SHAPES))}")
        read = shape(reader, value)
        entries[key] = {**entries.get(key, {}), **read} if isinstance(read, dict) else read
    return entries


class _Reader:
    """Typed values out of YAML nodes, which know their line."""

    def __init__(self, file: str) -> None:
        self.file = file

    def error(self, node: yaml.Node, message: str) -> ProfileError:
        return ProfileError(f"{self.file}:{node.start_mark.line + 1}: {message}")

    def mapping(self, node: yaml.Node | None) -> dict[str, yaml.Node]:
        if node is None:
            raise ProfileError(f"{self.file}:1: a profile is a mapping, and this file is empty")
        from yaml import MappingNode

        if not isinstance(node, MappingNode):
            raise self.error(node, "expected a mapping")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value in found:
                raise self.error(key, f"`{key.value}` stands here twice")
            found[key.value] = value
        return found

    def text(self, node: yaml.Node) -> str:
        from yaml import ScalarNode

        if not isinstance(node, ScalarNode):
            raise self.error(node, "expected one word or text")
        return str(node.value)

    def boolean(self, node: yaml.Node) -> bool:
        return self.one_of(node, "true", "false") == "true"

    def one_of(self, node: yaml.Node, *words: str) -> str:
        word = self.text(node)
        if word not in words:
            raise self.error(node, f"`{word}` is not one of {', '.join(words)}")
        return word

    def some_of(self, node: yaml.Node, *words: str) -> tuple[str, ...]:
        from yaml import SequenceNode as List

        if not isinstance(node, List):
            raise self.error(node, "expected a list of words")
        return tuple(self.one_of(word, *words) for word in node.value)

    def path(self, node: yaml.Node) -> str:
        path = self.text(node)
        if not path.startswith("/"):
            raise self.error(node, f"`{path}` is not an absolute path")
        return path

    def commands(self, node: yaml.Node) -> dict[str, tuple[Command, ...]]:
        return {key: self.argument_vectors(key, value) for key, value in self.mapping(node).items()}

    def argument_vectors(self, key: str, node: yaml.Node) -> tuple[Command, ...]:
        allowed = COMMANDS.get(key)
        if allowed is None:
            raise self.error(node, f"unknown command `{key}`; a profile spells: {', '.join(sorted(COMMANDS))}")
        from yaml import SequenceNode as List

        if not isinstance(node, List) or any(not isinstance(command, List) for command in node.value):
            raise self.error(node, f"`{key}` is a list of commands, each a list of words")
        for command in node.value:
            for word in command.value:
                self.placeholders(key, word, allowed)
        return tuple(tuple(self.text(word) for word in command.value) for command in node.value)

    def placeholders(self, key: str, node: yaml.Node, allowed: frozenset[str]) -> None:
        try:
            used = {name for _, name, _, _ in string.Formatter().parse(self.text(node)) if name is not None}
        except ValueError as error:
            raise self.error(node, f"`{node.value}`: {error}") from None
        if unknown := used - allowed:
            known = ", ".join(f"{{{name}}}" for name in sorted(allowed)) or "none"
            raise self.error(node, f"`{key}` has no placeholder {{{min(unknown)}}}; it has: {known}")

    def lacks(self, node: yaml.Node) -> dict[str, str]:
        found = self.mapping(node)
        for key, value in found.items():
            if key not in FEATURES:
                raise self.error(value, f"unknown feature `{key}`; there are: {', '.join(sorted(FEATURES))}")
        return {key: self.text(value) for key, value in found.items()}

    def texts(self, node: yaml.Node) -> dict[str, str]:
        return {key: self.text(value) for key, value in self.mapping(node).items()}


_SHAPES: dict[str, Any] = {
    "title": _Reader.text,
    "run_dir": _Reader.path,
    "state_dir": _Reader.path,
    "persistence": lambda reader, node: reader.one_of(node, *STYLES),
    "styles": lambda reader, node: reader.some_of(node, *STYLES),
    "rules": lambda reader, node: reader.path(node) if reader.text(node) else "",
    "batch": _Reader.boolean,
    "qemu": _Reader.path,
    "qemu_link": lambda reader, node: reader.path(node) if reader.text(node) else "",
    "accel": _Reader.text,
    "nic_style": lambda reader, node: reader.one_of(node, "device", "net"),
    "console_log": _Reader.boolean,
    "dnsmasq_bind": lambda reader, node: reader.one_of(node, "bind-dynamic", "bind-interfaces"),
    "packages": _Reader.texts,
    "commands": _Reader.commands,
    "lacks": _Reader.lacks,
}
