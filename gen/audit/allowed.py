"""The allow-list: what scripts may run and where they may write, as data for a reader to check.

tests/test_audit.py holds it to what there is: each entry is used by the runtime, a profile or a lab of tests/labs, and
these use nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# The runtime

PROGRAMS = frozenset(
    {
        "brctl",
        "diff",
        "flock",
        "grep",
        "ip",
        "iptables-save",
        "ping",
        "readlink",
        "restorecon",
        "runlevel",
        "sha256sum",
        "sleep",
        "stat",
        "stty",
        "sync",
        "sysctl",
        "systemctl",
        "tail",
        "tc",
    }
)
"""What the runtime runs itself, beside those of WRITERS and what it is given by the lab's part. systemctl and runlevel
are only asked whether the host is shutting down; rules.py holds systemctl to that."""

STARTERS = frozenset({"/bin/bash", "iptables-restore", "nsenter", "setsid", "timeout", "unshare", "xargs"})
"""Programs that start another, or that kg_run_lines starts: rules.py judges what they are given."""

STARTED_WITH: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "nsenter": (("--net=/run/netns/{}",),),
    "unshare": (("-n",),),
    "xargs": (("-0", "-P", "2", "-I", "{}"), ("-0", "-t", "-I", "{}")),
}
"""All the options that some of these are given, before the program that they start."""

BUILTINS = frozenset({":", "break", "cat", "cd", "continue", "echo", "exit", "pwd", "return", "shift"})
"""Without a way to run text or to set a variable (`cat` is none, and only reads); rules.py judges the others."""

WRITERS: Mapping[str, int] = {"rm": 0, "mv": 0, "cp": 1, "mkdir": 0, "rmdir": 0, "chmod": 1, "mkfifo": 0, "ln": 1}
"""Programs that change files, and how many of their operands they only read."""

PLACES = re.compile(
    r"""/dev/null|"\$\{KG_(?:RUN|VAR|STORE)(?::\?)?\}(?:\.lock|/[^"]*)?"(?:/sysctl-\*)?|"\$\{KG_(?:LOG|LOCK|TERMINAL_AT)\}\""""
)
"""Where anything may be written: the lab's own folders, its lock, its log, and the terminal."""

KEEPERS: Mapping[str, str] = {
    "KG_RUN": r"(?:/var)?/run/kvmgen/[A-Za-z0-9_][A-Za-z0-9_.-]*",
    "KG_VAR": r"/var/lib/kvmgen/[A-Za-z0-9_][A-Za-z0-9_.-]*",
    "KG_STORE": r"''|(?:\$\{KG_ROOT\})?\$\{KG_VAR\}/persist",
    "KG_LOG": r"''|\$\{KG_RUN\}/log",
    "KG_LOCK": r"''|\$\{KG_RUN\}\.lock",
    "KG_TERMINAL_AT": r"''|/dev/tty|/proc/self/fd/0",
    "KG_COPY": r"''|\$\{copy\}|\$\{KG_VAR\}/setup\.sh(?:\.new)?",
}
"""Variables that say where is written, or which script is run, and all that may be assigned to them."""

WRITES: Mapping[str, tuple[str, ...]] = {
    # The runtime's verbs for the lab's part, whose paths are judged where they stand there.
    "kg_write": ('"${2%/*}"', '"$2.kvmgen"', '"$2"'),
    "kg_write_back": ('"$1"', '"$1.kvmgen"', '"${folder}"'),
    "kg_wait_for_others": ('"${KG_LITTER[@]}"',),
    "kg_stop": ('"$@"',),
    # Sysctls, and the files in KG_RUN with their former values.
    "kg_sysctl": ('"${file}"', '"${REPLY}"'),
    "kg_sysctl_back": ('"${file}"', '"${REPLY}"', '"${heir}"'),
    # Files of KG_RUN whose names are put together before.
    "kg_await": ('"$2"',),
    "kg_run_spaces": ('"${files[@]}"',),
    "kg_find_daemons": ('"${file%/*}"', '"${file}"'),
    "kg_uplink": ('"${file}.moving"', '"${file}"'),
    "kg_guest_prepare": ('"${fifo}.in"', '"${fifo}.out"'),
    "kg_guest_clean": ('"${stem}.qmp.in"', '"${stem}.qmp.out"', '"${stem}.pid"'),
    "kg_qmp": ('"${fifo}.in"', '"${fifo}.out"'),
    "kg_press": ('"${fifo}"',),
    # The files of the host's boot, which kg_boot names and the intent notes; the new and the old form beside each.
    "kg_lay_out": ('"${at}.old"',),
    "kg_make_host_folder": ('"${KG_ROOT}$1"',),
    "kg_write_new": ('"$2"',),
    "kg_exchange": ('"${KG_ROOT}${path}"', '"${REPLY}.new"'),
    "kg_put_back": ('"${KG_ROOT}${path}"', '"${was}.old"', '"${was}.new"'),
    "kg_clear_up": ('"${REPLY}.old"', '"${REPLY}.new"'),
    "kg_sweep": ('"${file}"', '"${folder}"'),
    # The parents of the lab's folders.
    "kg_make_folder": ('"${1%/*}"', '"$1"'),
    "kg_unmake_folder": ('"$1"',),
    "kg_replace_older": ('"${KG_COPY}"',),
    # Devices that are opened to see whether they can be, a guest's console, and a packet that makes the kernel use ARP.
    "kg_check_tun": ("/dev/net/tun",),
    "kg_try_kvm": ("/dev/kvm",),
    "kg_prepare_step": ("/dev/tty",),
    "kg_vm_console": ('"${REPLY}"',),
    "kg_answers": ('"/dev/udp/$1/9"',),
}
"""Other words that a function may write to, as they stand there."""

RUNS: Mapping[str, tuple[str, ...]] = {
    "kg_in": ('"$@"',),
    "kg_enter": ('"$@"',),
    "kg_show_look": ('"$@"',),
    "kg_execute": ('"$@"',),
    "kg_in_reverse": ('"${words[@]}"',),
    "kg_tell_command": ('"$@"',),
    "kg_start": ('${KG_WORDS[@]+"${KG_WORDS[@]}"}',),
    "kg_run_lines": ('"${tool[@]}"',),
    "kg_run_spaces": ('"${enter[@]}"',),
    "kg_plug": ('"${KG_VAR}/qemu-ifup-${tap#* }"',),
    "kg_boot_linux": ('"${KG_QEMU}"',),
}
"""Functions that run the words of a variable: commands of the lab's part, and of people who type `exec`."""

PASS_ON: Mapping[str, int] = {"kg_in": 1, "kg_enter": 1, "kg_feed": 1, "kg_execute": 1}
"""Functions that are given a command, and the number of words before it."""

SPLITS: Mapping[str, tuple[str, ...]] = {
    "kg_begin": ("${KG_NUMBERS_OF[${key}]-${key}}", "${key}"),
    "kg_capture_address": ("${rest}",),
    "kg_capture_route": ("${line}",),
    "kg_check_kinds": ("${bridge}", "${veth}"),
    "kg_count": ("${KG_NUMBERS_OF[$1]}",),
    "kg_count_lost": ("${KG_OLD_FACTS[o]}",),
    "kg_decides": ("${facts}", "${KG_OLD_FACTS[$1]}"),
    "kg_forecast": ("${KG_FACTS[n]}",),
    "kg_hear": ("$1",),
    "kg_hear_brief": ("${rest%%<*}", "${rest#* }"),
    "kg_hear_words": ("$2",),
    "kg_judge": ("${KG_FACTS[n]}",),
    "kg_ours": ("${KG_FACTS[$1]}",),
    "kg_plug": ("${KG_FACTS[$1]}",),
    "kg_spread": ("${KG_OLD_FACTS[o]}",),
}
"""Where a text is split on purpose: numbers, facts, and what `ip` prints; under `set -f` where names are in it."""

ENVIRONMENT: Mapping[str, tuple[str | None, ...]] = {
    "PATH": ("/usr/sbin:/usr/bin:/sbin:/bin",),
    "LC_ALL": ("C",),
    "TMPDIR": ("", "/run"),
    "PS1": ("", None),
}
"""Variables of the environment that are set, and to what; None is a text with something expanded."""

# Scripts that QEMU runs

HELPER_PROGRAMS = frozenset({"set", "echo", "exit", "ip", "brctl"})

# The lab's part

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""The name of a lab, link, namespace or guest, which files and folders are called by."""

LAB_FUNCTION = re.compile(r"kg_(?:dsl|needs|guests|operations|persistence|section_[a-z]+(?:_[0-9]+)?)")

STATEMENTS: Mapping[str, frozenset[str]] = {
    "kg_dsl": frozenset({"kg_source"}),
    "kg_needs": frozenset({"kg_need"}),
    "kg_guests": frozenset(),
    "kg_operations": frozenset(),
    "kg_section": frozenset({"kg_from", "kg_op", "kg_do", "kg_undo", "kg_probe", "kg_look"}),
    "kg_persistence": frozenset({"kg_from", "kg_boot"}),
}
"""All that each function of the lab's part calls, with literal words; kg_section stands for all of that name."""

KEPT = re.compile(
    r"/etc/(?:sysconfig/(?:iptables|network-scripts/[a-z]+-.+|network/[a-z]+-.+)|network/interfaces(?:\.d/.+)?"
    r"|NetworkManager/(?:system-connections|conf\.d)/.+|netplan/.+|systemd/(?:network|system)/.+|sysctl\.(?:conf|d/.+)"
    r"|iptables/rules\.v4|init\.d/.+|rc\.d/.+|modules-load\.d/.+|wicked/.+)"
)
"""Where the files may be that the host's boot reads, which `persist` writes."""

LINKED = re.compile(r"(?:\.\./(?:init\.d/)?)?[A-Za-z0-9_@.-]+|/dev/null|/(?:usr/)?lib/systemd/system/[A-Za-z0-9_@.-]+")
"""What a link among them may lead to, beside the files themselves."""

RELOADS = ("nmcli connection reload", "systemctl daemon-reload", "netplan generate", "networkctl reload")
"""What a running system may be told after they were written; none of them restarts a network."""

COMMANDS: Mapping[str, str] = {
    "ip link add": "links",
    "ip link set": "links",
    "ip link delete": "links",
    "brctl addbr": "links",
    "brctl delbr": "links",
    "brctl stp": "links",
    "brctl setfd": "links",
    "brctl addif": "links",
    "brctl hairpin": "links",
    "awk": "links",
    "tc qdisc add": "links",
    "tc qdisc del": "links",
    "ip netns add": "namespaces",
    "ip netns delete": "namespaces",
    "ip addr add": "addresses",
    "ip addr del": "addresses",
    "ip route add": "routes",
    "ip route del": "routes",
    "iptables -t filter": "firewall",
    "iptables -t nat": "firewall",
    "sysctl -q -w": "kernel settings",
    "kg_sysctl": "kernel settings",
    "kg_sysctl_back": "kernel settings",
    "kg_uplink": "uplink",
    "kg_uplink_back": "uplink",
    "kg_write": "files",
    "qemu-img create": "files",
    "ln -s": "files",
    "rm -f": "files",
    "dnsmasq": "processes",
    "kg_stop": "processes",
    "QEMU": "processes",
}
"""How the commands of kg_do and kg_undo begin, here or in a namespace, and what they are called in the report. QEMU is
the one of the script's head, or a link to it that the lab makes."""

LOOKS = (
    "bridge link show",
    "brctl show",
    "cat",
    "ip addr show",
    "ip link show",
    "ip netns",
    "ip route",
    "iptables -t filter -nvL",
    "iptables -t nat -nvL",
    "ls -l",
    "qemu-img info",
    "sysctl",
    "tc qdisc show",
)
"""How the commands of kg_look begin, which only read."""

SYSCTLS = re.compile(r"net\.ipv4\.ip_forward|net\.ipv6\.conf\.[A-Za-z0-9_/-]+\.disable_ipv6")

DNSMASQ = frozenset(
    {
        "bind-dynamic",
        "bind-interfaces",
        "conf-file",
        "dhcp-authoritative",
        "dhcp-host",
        "dhcp-leasefile",
        "dhcp-option",
        "dhcp-range",
        "domain",
        "except-interface",
        "interface",
        "local",
        "no-hosts",
        "no-resolv",
        "pid-file",
        "port",
    }
)
"""dnsmasq's options; none of them names a program to run."""

HAIRPIN = re.compile(r'BEGIN \{ print [01] >"/sys/class/net/[A-Za-z0-9_.-]+/brport/hairpin_mode" \}')
"""The one program for awk."""

QEMU_LINKS = frozenset({"/usr/bin/qemu-kvm"})
"""Links to QEMU that a lab may make."""

RUNS_A_PROGRAM = re.compile(r"-incoming|(?:.*,)?helper=.*|exec:.*")
"""Words for QEMU that make it run a program, which only `option` can bring into a script."""
