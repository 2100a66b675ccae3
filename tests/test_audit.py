"""The audit of a script: what it accepts, that nothing bad in it goes unseen, and what it tells."""

from __future__ import annotations

import json
import random
import re
import string
import subprocess
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen import driver, profile
from gen.audit import Audit, allowed, audit, lab, rules
from gen.audit.formats import FORMATS
from gen.audit.parts import LAB_MARK, Parts, dissect
from gen.audit.report import sections
from gen.audit.rules import Finding, tree_findings
from gen.audit.tree import Node, syntax_tree, walk
from gen.diagnostics import Diagnostics
from gen.render.script import sealed
from gen.source import Source
from tests.test_cases import CASES, LABS, Case, built, read

LANGUAGE = next(case for case in CASES if str(case) == "language-debian12")
CENTOS7 = next(case for case in CASES if str(case) == "language-centos7")


def audited(script: str) -> Audit:
    return audit(script, with_shellcheck=False)


def said(found: Audit) -> set[tuple[int, str]]:
    return {(each.line, each.rule) for each in found.findings}


# The allow-list is what there is


@cache
def parsed() -> tuple[str, Node]:
    script = built(LANGUAGE).script
    return script, syntax_tree(script)


def without(name: str, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the rules find in a script when a list has nothing in it."""
    empty = frozenset[str]() if isinstance(getattr(allowed, name), frozenset) else {}
    monkeypatch.setattr(rules, name, empty)
    script, tree = parsed()
    reader = rules._Reader(script.encode(), frozenset(), "script")
    reader.file(tree)
    return reader.found


def quoted(message: str) -> str:
    return message.partition("`")[2].rpartition("`")[0]


def function_at(line: int) -> str:
    lines = parsed()[0].split("\n")
    return next(found[1] for n in range(line - 1, -1, -1) if (found := re.match(r"(kg_\w+)\(\)", lines[n])))


@pytest.mark.parametrize("name", ["PROGRAMS", "BUILTINS"])
def test_each_program_on_the_list_is_one_that_the_runtime_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = without(name, monkeypatch)
    assert {each.rule for each in found} == {"unknown-command"}
    assert {quoted(each.message) for each in found} == getattr(allowed, name)


def test_each_program_that_starts_another_is_one_that_the_runtime_runs() -> None:
    script, _ = parsed()
    assert [name for name in allowed.STARTERS if not re.search(rf"(^|[ (]){name} ", script, re.MULTILINE)] == []


@pytest.mark.parametrize(("name", "rule"), [("SPLITS", "unquoted"), ("RUNS", "code-from-text")])
def test_each_exception_is_one_that_the_runtime_needs(name: str, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [each for each in without(name, monkeypatch) if each.rule == rule]
    needed = {(function_at(each.line), re.sub(r"^the command is what ", "", quoted(each.message))) for each in found}
    assert needed == {(function, text) for function, texts in getattr(allowed, name).items() for text in texts}


def test_each_place_outside_of_the_labs_folders_is_one_that_the_runtime_writes_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [each for each in without("WRITES", monkeypatch) if each.rule == "undeclared-write"]
    needed = {(function_at(each.line), quoted(each.message)) for each in found}
    assert needed == {(function, text) for function, texts in allowed.WRITES.items() for text in texts}


@cache
def scripts_of_all_targets() -> tuple[str, ...]:
    """Every lab of tests/labs for every target that can run it."""
    scripts = []
    for path in LABS:
        for target in profile.names():
            try:
                scripts.append(driver.build(read(path), Diagnostics(), target).script)
            except driver.Stopped:
                continue
    return tuple(scripts)


def commands(*names: str) -> Iterator[tuple[str, ...]]:
    """The commands of these statements, without the namespace that they run in."""
    for script in scripts_of_all_targets():
        parts = dissect(script)
        assert isinstance(parts, Parts)
        for statement in parts.statements:
            if statement.name in names:
                yield lab._inside(statement.words)[1]


def test_each_command_of_labs_on_the_list_is_one_of_a_lab() -> None:
    used = {lab._begins(words, allowed.COMMANDS) for words in commands("kg_do", "kg_undo")}
    assert used - {None} == set(allowed.COMMANDS) - {"QEMU"}
    assert {words[0] for words in commands("kg_do") if not lab._begins(words, allowed.COMMANDS)} <= {
        *(profile.load(name).qemu for name in profile.names()),
        *allowed.QEMU_LINKS,
    }
    assert {lab._begins(words, allowed.LOOKS) for words in commands("kg_look")} == set(allowed.LOOKS)


def test_each_statement_and_option_on_the_list_is_one_of_a_lab() -> None:
    used = {
        (
            re.sub(r"_[a-z]+(_\d+)?$", "", statement.function)
            if "section" in statement.function
            else statement.function,
            statement.name,
        )
        for script in scripts_of_all_targets()
        if isinstance(parts := dissect(script), Parts)
        for statement in parts.statements
        if statement.function != "kg_operations"
    }
    listed = {(function, name) for function, names in allowed.STATEMENTS.items() for name in names}
    assert used == listed
    options = {word.partition("=")[0] for words in commands("kg_do") if words[0] == "dnsmasq" for word in words[1:]}
    assert {option.removeprefix("--") for option in options} == allowed.DNSMASQ
    links = {words[3] for words in commands("kg_do") if words[:2] == ("ln", "-s")}
    assert links == allowed.QEMU_LINKS == {p.qemu_link for p in map(profile.load, profile.names()) if p.qemu_link}


def test_every_command_that_a_profile_spells_is_on_the_list() -> None:
    for name in profile.names():
        for key, spelled in profile.load(name).commands.items():
            for command in spelled:
                words = tuple(re.sub(r"\{(\w+)\}", "x", word) for word in command)
                looks = key.endswith("_look")
                known = lab._begins(lab._inside(words)[1], allowed.LOOKS if looks else allowed.COMMANDS)
                assert known or key.startswith("vm_"), f"{name}: {command}"


def test_every_target_has_its_folders_where_scripts_may_write() -> None:
    for each in map(profile.load, profile.names()):
        assert re.fullmatch(allowed.KEEPERS["KG_RUN"], f"{each.run_dir}/lab")
        assert re.fullmatch(allowed.KEEPERS["KG_VAR"], f"{each.state_dir}/lab")


def test_the_audit_accepts_every_lab_on_every_target() -> None:
    for script in scripts_of_all_targets():
        assert audited(script).findings == ()


# Nothing bad goes unseen

BAD = {
    "curl http://203.0.113.1/x": "unknown-command",
    "python3 -V": "unknown-command",
    "/tmp/x": "unknown-command",
    "ev\\al x": "code-from-text",
    "command eval x": "unknown-command",
    "builtin eval x": "unknown-command",
    "kg_nothing": "undefined-function",
    'eval "${KG_LAB}"': "code-from-text",
    "source /root/x": "code-from-text",
    ". /root/x": "code-from-text",
    "bash -c id": "code-from-text",
    "/bin/bash -c id": "code-from-text",
    "/bin/bash --norc -c id": "code-from-text",
    "exec bash /root/x": "code-from-text",
    "kg_in - curl x": "unknown-command",
    "kg_in - bash -c id": "code-from-text",
    '"${KG_TEXT}"': "code-from-text",
    "$KG_TEXT": "code-from-text",
    "timeout 5 curl x": "unknown-command",
    "ip netns exec a curl x": "unknown-command",
    "exec setsid curl x": "unknown-command",
    "xargs curl": "unknown-command",
    "xargs -0 -t -I {} curl x": "unknown-command",
    "xargs -P 2 ip link": "unknown-command",
    "nsenter --net=/run/netns/{} curl x": "unknown-command",
    "nsenter -t 1 -m ip link": "unknown-command",
    "unshare curl x": "unknown-command",
    "unshare -m ip link": "unknown-command",
    "systemctl restart network": "unknown-command",
    "trap 'id' EXIT": "code-from-text",
    'trap "${KG_TEXT}" EXIT': "code-from-text",
    "mapfile -C id -t x": "code-from-text",
    "alias ip=id": "unknown-command",
    "enable -f /root/x id": "unknown-command",
    "hash -p /root/x ip": "unknown-command",
    "shopt -s expand_aliases": "unknown-command",
    "set -o posix": "unusual",
    "x=`id`": "backticks",
    'x="`id`"': "backticks",
    'x="${!KG_LAB}"': "indirect",
    'x="${!KG@}"': "indirect",
    "declare -n x=KG_LAB": "newer-bash",
    'declare "${KG_TEXT}"': "indirect",
    'read -r "${KG_TEXT}"': "environment",
    'printf -v "${KG_TEXT}" x': "environment",
    "echo ${KG_LAB}": "unquoted",
    "echo $KG_LAB": "unquoted",
    'echo "a"$KG_LAB"b"': "unquoted",
    "echo $(ip link)": "unquoted",
    "for x in ${KG_LAB}; do :; done": "unquoted",
    "x=(${KG_LAB})": "unquoted",
    "echo ${KG_LAB:-a b}": "unquoted",
    "echo x >/etc/passwd": "undeclared-write",
    "echo x >>/root/.ssh/authorized_keys": "undeclared-write",
    'echo x >"${KG_RUN}/../../etc/x"': "undeclared-write",
    'echo x >"${KG_TEXT}"': "undeclared-write",
    ": >|/etc/x": "undeclared-write",
    ": &>/etc/x": "undeclared-write",
    ": >&/etc/x": "undeclared-write",
    ": <>/dev/tcp/203.0.113.1/80": "undeclared-write",
    "cat </dev/tcp/203.0.113.1/80": "undeclared-write",
    "rm -rf /etc": "undeclared-write",
    "rm -rf -- /": "undeclared-write",
    "mv /root/x /etc/x": "undeclared-write",
    "cp -- /root/x /etc/x": "undeclared-write",
    "mkdir -p /etc/x": "undeclared-write",
    "chmod 4755 /bin/bash": "undeclared-write",
    "KG_RUN=/etc": "undeclared-write",
    "KG_LOG=/etc/passwd": "undeclared-write",
    "KG_COPY=/root/x": "undeclared-write",
    "tee /etc/x": "unknown-command",
    "PATH=/root:/bin": "environment",
    "LD_PRELOAD=/root/x ip link": "environment",
    "export BASH_ENV=/root/x": "environment",
    "for PATH in /root; do :; done": "environment",
    "read -r PATH </root/x": "environment",
    "printf -v PATH %s /root": "environment",
    "unset PATH": "environment",
    ': "${PATH:=/root}"': "environment",
    "printf -v 'a[$(id)]' x": "environment",
    "unset 'a[$(id)]'": "environment",
    "read -r 'a[$(id)]'": "environment",
    "x='a[$(id)]'": "code-from-text",
    'x="a[\\$(id)]"': "code-from-text",
    "x='a[`id`]'": "code-from-text",
    "ip() { :; }": "redefined",
    "kg_log() { :; }": "redefined",
    "coproc cat": "unusual",
    "time :": "unusual",
    "let x=1": "unusual",
    "select x in a; do :; done": "unusual",
    "umask 000": "unusual",
    ": # \x1b[2Khidden": "unusual",
    "[[ -v KG_LAB ]]": "newer-bash",
    "mapfile -d '' -t x": "newer-bash",
    "x=${KG_LAB@P}": "newer-bash",
    "wait -n": "newer-bash",
    "x=${ id; }": "newer-bash",
}
"""Code that has no place in a script, and what it is called."""


def test_each_bad_construct_is_called_by_its_name() -> None:
    for code, rule in BAD.items():
        found, _ = tree_findings(f"kg_log() {{\n{code}\n}}\n", frozenset({"kg_in"}))
        assert rule in {each.rule for each in found}, code
        assert all(each.line in (1, 2) for each in found)


@cache
def places(script: str) -> list[int]:
    """Lines before which a statement can be put: those that begin with one, all over the script."""
    lines = script.split("\n")
    found = set()
    for node in walk(syntax_tree(script)):
        if "Cmd" in node:
            line, column = node["Pos"]["Line"], node["Pos"]["Col"]
            goes_on = re.search(r"(\\|&&|\|\||\||\()$", lines[line - 2]) if line > 1 else None
            if not lines[line - 1][: column - 1].strip() and not goes_on:
                found.add(line)
    return sorted(found)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "unsealed"])
def test_each_bad_construct_is_found_wherever_in_a_script_it_is_put(
    seed: int, sealed: bool, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(f"{seed} {sealed}")
    script = built(chance.choice((LANGUAGE, CENTOS7))).script
    lines = script.split("\n")
    codes = chance.sample(sorted(BAD), len(BAD))
    put = sorted(zip(chance.sample(places(script), len(codes)), codes, strict=True), reverse=True)
    for line, code in put:
        lines.insert(line - 1, code)
    text = "\n".join(lines)
    if sealed:
        text = resealed(text)
    found = audited(text)
    seen = {line for line, rule in said(found) if rule not in ("unknown-runtime", "edited")}
    put = [(line + n, code) for n, (line, code) in enumerate(reversed(put))]
    assert [(line, code) for line, code in put if line not in seen] == []
    assert ("edited" in {rule for _, rule in said(found)}) is not sealed
    record_property("bad constructs found", len(put))


def resealed(script: str) -> str:
    """The script with a seal that holds, as one makes it who wants to be believed."""
    return sealed(re.sub(r"^readonly KG_SHA256=.*$", "readonly KG_SHA256=@seal@", script, count=1, flags=re.MULTILINE))


@pytest.mark.parametrize("seed", range(3))
def test_one_harmless_line_in_the_runtime_is_found_too(seed: int) -> None:
    script = built(LANGUAGE).script
    before = [line for line in places(script) if line < script.count("\n", 0, script.index(LAB_MARK))]
    line = random.Random(seed).choice([n for n in before if script.split("\n")[n - 1].startswith("  ")])
    lines = script.split("\n")
    lines.insert(line - 1, '  kg_note "x"')
    found = audited(resealed("\n".join(lines)))
    assert {rule for _, rule in said(found)} == {"unknown-runtime"}
    assert function_at(line) in found.findings[0].message


EDITS = [
    ("kg_do ip link add name br-in type bridge", "kg_do curl http://203.0.113.1", "unknown-command"),
    ("kg_undo ip link delete dev br-in", "kg_undo ip link delete dev ens33", "lab-command"),
    ("kg_undo ip link delete dev br-in", "kg_undo ip link delete group default", "lab-command"),
    ("kg_undo ip netns delete r1", "kg_undo ip netns delete docker", "lab-command"),
    ("kg_do ip netns add r1", "kg_do ip netns exec r1 /bin/sh -c id", "unknown-command"),
    ("kg_do kg_sysctl net.ipv4.ip_forward 1", "kg_do kg_sysctl kernel.core_pattern 1", "lab-command"),
    ("kg_do kg_sysctl net.ipv4.ip_forward 1", "kg_do sysctl -q -w kernel.modprobe=/root/x", "lab-command"),
    ("kg_do kg_sysctl net.ipv4.ip_forward 1", "kg_do sysctl -p /root/x", "unknown-command"),
    ("kg_do kg_uplink ens33 br-ex", "kg_do kg_uplink ens33 '$(id)'", "lab-command"),
    ("kg_do dnsmasq ", "kg_do dnsmasq --dhcp-script=/root/x ", "lab-command"),
    ("--conf-file=/dev/null", "--conf-file=/root/x", "lab-command"),
    (
        "kg_undo rm -f /var/lib/kvmgen/cirros-router/cirros2-0.qcow2",
        "kg_undo rm -f /etc/passwd",
        "lab-command",
    ),
    ("kg_undo rm -f /var", "kg_undo rm -rf /var", "unknown-command"),
    ("kg_undo kg_stop /run/kvmgen/cirros-router/vm/cirros1.pid", "kg_undo kg_stop /run/sshd.pid", "lab-command"),
    ("kg_do kg_write 0755 /var/lib/kvmgen/", "kg_do kg_write 0755 /etc/cron.d/", "lab-command"),
    ("kg_do kg_write 0755 /var/lib/kvmgen/", "kg_do kg_write 4755 /var/lib/kvmgen/", "lab-command"),
    ("exec ip link set dev", "exec curl", "unknown-command"),
    ("script=/var/lib/kvmgen/cirros-router/qemu-ifup-br-in", "script=/root/x", "lab-command"),
    ("kg_op 2 1 ", "kg_op 'a[$(id)]' 1 ", "stray-code"),
    ("kg_op 2 1 ", "kg_op 2 'a[$(id)]' ", "stray-code"),
    ("kg_from 9 ", "kg_from 'a[$(id)]' ", "stray-code"),
    ("kg_look ", "kg_look rm -rf ", "lab-command"),
    (" guest cirros1 ", " guest ../../../etc/x ", "stray-code"),
    ("]=cirros1\n", "]=../../../etc/x\n", "stray-code"),
    ("kg_probe port - vf1.0 br-in", "kg_probe port - vf1.0 x/../../../../root/x", "stray-code"),
    ("kg_probe link - br-ex", 'kg_probe link - "$(id)"', "stray-code"),
    ("kg_probe link - br-ex", "kg_probe link - br-ex | id", "stray-code"),
    ("kg_probe link - br-ex", "kg_probe link - br-ex && id", "stray-code"),
    ("kg_probe link - br-ex", "kg_down", "stray-code"),
    ("kg_probe link - br-ex", "kg_source br-ex", "stray-code"),
    ("  kg_need ", "  kg_do ", "stray-code"),
    ("  kg_section_dhcp\n", "  kg_section_nothing\n", "undefined-function"),
    ("readonly KG_RUN=/run/kvmgen/cirros-router", "readonly KG_RUN=/etc", "undeclared-write"),
    ("readonly KG_VAR=/var/lib/kvmgen/cirros-router", "readonly KG_VAR=/var/lib/kvmgen/..", "undeclared-write"),
    ("PATH=/usr/sbin:/usr/bin:/sbin:/bin\nreadonly", "PATH=/root:/bin\nreadonly", "environment"),
    ('{\n  kg_main "$@"\n  exit\n', '{\n  kg_main "$@"\n', "stray-code"),
    ("    [5", "    [kg_guests]=x\n    [5", "stray-code"),
]


@pytest.mark.parametrize(("old", "new", "rule"), EDITS, ids=[new.strip() for _, new, _ in EDITS])
def test_what_no_lab_has_a_reason_to_do_is_refused_at_its_line(old: str, new: str, rule: str) -> None:
    script = built(LANGUAGE).script
    start = script.index("\nset -u" if old.startswith(("readonly", "PATH")) else LAB_MARK)
    at = script.index(old, start)
    line = script.count("\n", 0, at) + 1
    lines = script.split("\n")
    while lines[line - 2].endswith((" \\", "KG_VMS=(")) or lines[line - 2].startswith("    ["):
        line -= 1
    assert (line, rule) in said(audited(resealed(script[:at] + new + script[at + len(old) :])))


def test_a_guest_is_run_by_nothing_but_qemu() -> None:
    script = built(LANGUAGE).script.replace("KG_QEMU=/usr/bin/qemu-system-x86_64", "KG_QEMU=/bin/rm")
    assert "unknown-command" in {rule for _, rule in said(audited(resealed(script)))}


def test_a_firewall_that_is_not_the_labs_own_is_left_alone() -> None:
    script = built(LANGUAGE).script
    rule = re.search(r"  kg_do (iptables -t filter -A kg-forward-.*)\n", script)
    assert rule
    for command in (
        "iptables -t filter -F FORWARD",
        "iptables -t filter -A INPUT -j ACCEPT",
        "iptables -t filter -P FORWARD ACCEPT",
        "iptables -t filter -I FORWARD 1 -j ACCEPT",
        "iptables -t filter -X DOCKER",
        "iptables -t filter -D FORWARD -m comment --comment kvmgen:other -j kg-forward-cirros-router",
    ):
        found = audited(resealed(script.replace(rule[1], command, 1)))
        assert {each for _, each in said(found)} == {"lab-command"}, command


@pytest.mark.parametrize("character", ["\0", "\r"])
def test_a_character_that_parsers_read_in_different_ways_is_found(character: str) -> None:
    script = built(LANGUAGE).script
    at = script.index("\nKG_END")
    edited = f"{script[:at]}\nKG_END{character}\nid\n{script[at:]}"
    assert {rule for _, rule in said(audited(resealed(edited)))} & {"not-bash", "stray-code"}
    line = script.count("\n", 0, at) + 2
    assert character != "\0" or (line, "not-bash") in said(audited(resealed(edited)))


def test_a_lab_with_line_ends_of_the_other_kind_is_accepted() -> None:
    text = "namespace a\r\nnamespace b\r\nlink a.e 10.0.0.1/24 - b.e 10.0.0.2/24\r\n"
    assert audit(driver.build(Source("lab.dsl", text), Diagnostics()).script).findings == ()


def persisting(statement: str) -> str:
    """A script whose `persist` does this and nothing else."""
    head, _, rest = built(LANGUAGE).script.partition("\nkg_persistence() {\n")
    _, _, tail = rest.rpartition("\n}\n\n{\n")
    function = f"\nkg_persistence() {{\n  kg_from 9 'network br-ex bridged'\n{statement}\n}}\n\n{{\n"
    return resealed(head + function + tail)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            "  kg_boot file whole 0644 /etc/sysconfig/network-scripts/ifcfg-br0 <<'KG_END'\nDEVICE=br0\nKG_END",
            "/etc/sysconfig/network-scripts/ifcfg-br0, mode 0644",
        ),
        (
            "  kg_boot file rules 0600 /etc/iptables/rules.v4 <<'KG_END'\nx\nKG_END",
            "/etc/iptables/rules.v4, mode 0600, the lab's rules in it",
        ),
        ("  kg_boot link /etc/systemd/system/x.service ../y", "/etc/systemd/system/x.service, a link to ../y"),
        ("  kg_boot reload nmcli connection reload", "nmcli connection reload"),
    ],
)
def test_what_persist_writes_is_told(statement: str, text: str) -> None:
    found = audited(persisting(statement))
    assert found.findings == ()
    assert [kept.text for kept in found.kept] == [text]


@pytest.mark.parametrize(
    "statement",
    [
        "  kg_boot file whole 0644 /etc/passwd <<'KG_END'\nx\nKG_END",
        "  kg_boot file whole 4755 /etc/netplan/x <<'KG_END'\nx\nKG_END",
        "  kg_boot file whole 0644 /etc/netplan/../passwd <<'KG_END'\nx\nKG_END",
        "  kg_boot link /etc/shadow ../y",
        "  kg_boot link /etc/systemd/system/x.service /root/x",
        "  kg_boot reload systemctl restart sshd",
        "  kg_boot file whole 0644 /etc/netplan/x <<KG_END\n$(id)\nKG_END",
    ],
)
def test_persist_writes_nothing_else(statement: str) -> None:
    assert {rule for _, rule in said(audited(persisting(statement)))} & {"stray-code", "undeclared-write"}


def test_an_older_runtime_is_refused_and_told_of_once() -> None:
    script = built(LANGUAGE).script.replace("kg_log", "kg_note_down").replace("local", "declare")
    found = audited(resealed(script))
    assert [each.rule for each in found.findings if each.rule == "unknown-runtime"] == ["unknown-runtime"]
    assert found.operations == audited(built(LANGUAGE).script).operations


# Whatever it is given


@given(st.text(max_size=200) | st.text(string.printable, max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_refused_without_a_traceback(text: str) -> None:
    found = audited(text)
    assert found.findings
    for form in FORMATS.values():
        assert form("x", found)


@pytest.mark.parametrize("seed", range(8))
def test_a_script_in_pieces_is_refused_without_a_traceback(seed: int) -> None:
    chance = random.Random(seed)
    whole = built(LANGUAGE).script
    script = whole[: whole.index("# ---- The runtime")] + whole[whole.index(LAB_MARK) :]
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(len(script))
        match chance.randrange(4):
            case 0:
                script = script[:at] + script[at + chance.randrange(1, 200) :]
            case 1:
                script = script[:at] + chance.choice("\0\r\n\t'\"$`\\(){}<>&|;\udc80\u202e") + script[at:]
            case 2:
                other = chance.randrange(len(script))
                script = script[:at] + script[other : other + 100] + script[at:]
            case _:
                script = script[: max(at, 2000)]
    found = audited(script)
    assert found.findings
    for form in FORMATS.values():
        assert form("x", found)


@pytest.mark.parametrize("depth", [500, 20_000])
def test_what_is_nested_too_deeply_is_refused(depth: int) -> None:
    for text in ("(" * depth + "x" + ")" * depth, "$(" * depth, "x && " * depth + "x", "x | " * depth + "x"):
        assert "not-bash" in {each.rule for each in audited(text).findings} or depth == 500


# What it tells


def told(case_script: str, key: str) -> list[str]:
    return [entry.text for section in sections(audited(case_script)) if section.key == key for entry in section.entries]


def test_the_report_says_what_happens_to_the_uplink_and_how_it_is_guarded() -> None:
    (text,) = told(built(LANGUAGE).script, "uplink")
    assert text.startswith("ens33 becomes a port of the bridge br-ex")
    assert "cut off" in text
    assert "120 s" in text
    isolated = next(case for case in CASES if str(case) == "isolated-debian12")
    (text,) = told(built(isolated).script, "uplink")
    assert text.startswith("not touched")


def test_an_address_on_a_nic_of_the_host_is_no_untouched_uplink() -> None:
    script = built(next(case for case in CASES if str(case) == "isolated-debian12")).script
    edited = re.sub(r"kg_do ip addr add \S+ dev br0", "kg_do ip addr add 203.0.113.1/24 dev ens33", script, count=1)
    assert edited != script or "ip addr add" not in script
    text = script.replace("kg_do ip link set dev br0 up", "kg_do ip link set dev ens33 down", 1)
    assert told(text, "uplink") == ["ens33, which the host has, is changed: down"]


def test_the_report_tells_ports_addresses_settings_processes_and_files() -> None:
    script = built(LANGUAGE).script
    ports = told(script, "ports")
    assert (
        "tcp 2222 of 192.168.0.200/32 leads to 10.10.10.1:22 in the namespace r1 (chain kg-prerouting-cirros-router)"
        in ports
    )
    assert "DHCP on udp 67 of br-nt, and names on udp and tcp 53" in ports
    assert "tcp:127.0.0.1:2200 leads to port 22 of a guest, by QEMU" in ports
    assert "10.10.10.254/24 on rinr in the namespace r1" in told(script, "addresses")
    assert any(text.startswith("net.ipv4.ip_forward = 1; `down`") for text in told(script, "settings"))
    assert any("the guest cirros1, 128 MiB" in text for text in told(script, "processes"))
    assert "the guard, until it is confirmed or has acted" in told(script, "processes")
    assert any("qemu-ifup-br-in, mode 0755, which QEMU runs as root" in text for text in told(script, "files"))
    assert any("whole host forwards" in text for text in told(script, "risks"))


def test_the_report_tells_what_down_cannot_put_back() -> None:
    text = "vm a { disk /d.qcow2 { size 1G }\n disk /e.raw\n nic user\n display vnc :3\n option incoming 'exec:id' }\n"
    script = driver.build(Source("lab.dsl", text), Diagnostics()).script
    assert "/d.qcow2 stays" in told(script, "left")
    assert "what the guest a writes to /e.raw" in told(script, "left")
    assert "the screen of a guest, VNC without a password, on 127.0.0.1 tcp 5903" in told(script, "ports")
    assert any("`-incoming exec:id`, which runs a program" in each for each in told(script, "risks"))


@pytest.mark.parametrize("case", [LANGUAGE, CENTOS7], ids=str)
def test_every_command_of_the_script_is_in_the_report_with_its_line(case: Case) -> None:
    script = built(case).script
    report = FORMATS["text"]("setup.sh", audited(script))
    parts = dissect(script)
    assert isinstance(parts, Parts)
    for statement in parts.statements:
        if statement.name in ("kg_do", "kg_undo"):
            assert all(word in report for word in statement.words)
    places = {entry.at for section in sections(audited(script)) for entry in section.entries if entry.is_command}
    lines = read(LANGUAGE.lab).text.split("\n")
    assert all(lines[int(at.partition(":")[2]) - 1].strip() for at in places)


def test_json_holds_the_whole_report() -> None:
    found = audited(built(LANGUAGE).script)
    value = json.loads(FORMATS["json"]("setup.sh", found))
    assert (value["verdict"], value["lab"], value["profile"]) == ("accepted", "cirros-router", "debian12")
    assert [section["key"] for section in value["sections"]] == [section.key for section in sections(found)]
    refused = json.loads(FORMATS["json"]("x", audited("id\n")))
    assert refused["verdict"] == "refused"
    assert {each["rule"] for each in refused["findings"]} >= {"edited", "unknown-command", "stray-code"}


def test_sarif_has_a_rule_and_a_place_for_each_finding() -> None:
    log = json.loads(FORMATS["sarif"]("a b.sh", audited("true\ncurl x\n")))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} == known
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {"a%20b.sh"}
    assert {place["region"]["startLine"] for place in places} >= {1, 2}


def test_markdown_shows_any_name_and_command_as_it_is() -> None:
    text = "vm a { disk '/x`*<b>``.qcow2'\n nic user }\n"
    shown = FORMATS["markdown"]("set`up.sh", audited(driver.build(Source("la*b.dsl", text), Diagnostics()).script))
    assert shown.startswith("# Audit of ``set`up.sh``\n\n**accepted**\n")
    assert "/x`\\*\\<b\\>``.qcow2" in shown
    assert "(la\\*b.dsl:1)" in shown


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in FORMATS["text"]("x\x1b[2J", audited("kg_x() {\n  curl $'\\x1b[2J' '\x1b[31m'\n}\n"))


def test_bash_reads_a_helper_script_as_the_audit_does() -> None:
    body = next(each.body for each in _written(built(LANGUAGE).script) if each.body)
    assert subprocess.run(["bash", "-n"], input=body, text=True, check=False).returncode == 0
    assert tree_findings(body, kind="helper")[0] == []
    assert tree_findings(body + "curl x\n", kind="helper")[0]


def _written(script: str) -> list[lab.Command]:
    return [command for each in audited(script).operations for command in each.does if command.words[0] == "kg_write"]
