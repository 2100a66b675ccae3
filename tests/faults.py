"""A host whose programs fail on demand: where to stop a genuine setup.sh in, how it ended out.

A shim stands in front of each program that a script calls. It counts the calls, and at the one that a Fault names it
fails, or signals the script. The script itself is not touched: it would refuse to run. What it does without a program
(its verbs: files, sysctls, the uplink) is stopped by a DEBUG trap, which bash reads from BASH_ENV.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Literal, get_args

from tests.world import World

Kind = Literal["fail", "HUP", "INT", "TERM", "KILL before", "KILL after", "KILL alone"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What happens at a call. INT goes to the whole process group, as from a terminal. `KILL alone` ends the script only,
and the call goes on while the next script starts; the other two end the whole group, before or after the call."""

_MAKERS = (
    *("ip", "iptables", "iptables-restore", "tc", "sysctl", "brctl", "chmod", "ln", "mkfifo", "mv"),
    *("dnsmasq", "qemu-img", "qemu-system-x86_64"),
)
_OTHERS = (
    *("cat", "cp", "flock", "grep", "iptables-save", "mkdir", "readlink", "rm", "rmdir", "sha256sum", "sleep", "stat"),
)

_QEMU = "/usr/bin/qemu-system-x86_64"  # the scripts call it by its path; the rest is found in /usr/sbin first

# Arguments: the shim, then the names of programs.
_INSTALL = f"""
mkdir /srv/real /srv/bin
mount --bind /usr/bin /srv/bin
ln -s /usr/lib /usr/share /srv # where QEMU looks, being in /srv/bin
ln -s /srv/bin/{Path(_QEMU).name} /srv/real
mount --bind "$1" {_QEMU}
shift
for name; do
  [ ! -e "/srv/real/$name" ] || continue
  if [ -e "/usr/sbin/$name" ]; then mv "/usr/sbin/$name" /srv/real; else ln -s "/usr/bin/$name" /srv/real; fi
  ln -s /srv/shim "/usr/sbin/$name"
done
"""

_SHIM = r"""#!/bin/sh
name=${0##*/}
real=/srv/real/$name
case $name in qemu-system-*) set -- "$@" -S ;; esac # paused: nobody waits for the guest
case "${FAULTS:+$name $*}" in '' | 'ip netns exec '*) exec "$real" "$@" ;; esac # what it runs is counted
words="$name${*:+ $*}"
printf '%s\n' "$$ $words" >>"$FAULTS/calls"
number=0 alike=0
while read -r pid rest; do
  number=$((number + 1))
  [ "$rest" != "$words" ] || alike=$((alike + 1))
  [ "$pid" != $$ ] || break
done <"$FAULTS/calls"
batch='' file=- line=${FAULT_LINE:-0}
case $words in
  'ip'*' -batch -' | 'iptables-restore '*) batch=$FAULTS/$number && /bin/cat >"$batch" ;;
  'ip'*' -batch '*) for file; do :; done && batch=$FAULTS/$number && /bin/cp "$file" "$batch" ;;
esac
unset FAULTS

call() {
  if [ "$file" != - ] || [ -z "$batch" ]; then exec "$real" "$@"; fi
  exec "$real" "$@" <"$batch"
}
part() { # LINES WORD...: of a batch of ip's, the first lines
  lines=$1 space=''
  [ "$2" != -n ] || space="-n $3"
  /usr/bin/head -n "$lines" "$batch" | "$real" $space -batch -
}
fail() {
  echo "$name: made to fail" >&2
  [ "$line" -eq 0 ] || echo "Command failed $file:$line" >&2
  exit 1
}

case $name:${FAULT_TEXT:-} in
  *:) ;;
  iptables-restore:*) ! /bin/grep -qxF -- "$FAULT_TEXT" "$batch" || fail ;; # also when it is tried alone
esac
[ "$alike $words" = "${FAULT_CALL:-}" ] || call "$@"
case $FAULT_KIND in
  fail)
    [ "$line" -lt 2 ] || part $((line - 1)) "$@"
    fail
    ;;
  HUP) kill -HUP "$FAULT_SCRIPT" && call "$@" ;;
  INT) kill -INT -"$FAULT_SCRIPT" && call "$@" ;;
  TERM)
    (call "$@")
    status=$?
    kill -TERM "$FAULT_SCRIPT"
    exit "$status"
    ;;
  'KILL alone') kill -KILL "$FAULT_SCRIPT" && call "$@" ;;
  'KILL before') kill -KILL -"$FAULT_SCRIPT" ;;
  'KILL after')
    if [ "$line" -gt 0 ]; then part "$line" "$@"; else (call "$@"); fi
    kill -KILL -"$FAULT_SCRIPT"
    ;;
esac
"""

_HOOK = r"""
unset BASH_ENV
fault_seen='' fault_number=0
fault() {
  if [[ -n ${fault_seen} ]]; then
    [[ ${FUNCNAME[1]} == kg_execute ]] || return 0
    trap - DEBUG
  else
    fault_number=$((fault_number + 1))
    printf '0 %s %s\n' "${BASH_COMMAND%% *}" "$*" >>"${FAULTS}/verbs"
    [[ ${fault_number} -eq ${FAULT_VERB:-0} ]] || return 0
    fault_seen=yes
    [[ ${FAULT_KIND} != *' after' ]] || return 0
    trap - DEBUG
  fi
  kill "-${FAULT_KIND%% *}" $$
}
set -T
trap '[[ -z ${fault_seen} && (${FUNCNAME[0]-}:${BASH_COMMAND} != kg_verb:kg_* || ${BASH_COMMAND} == kg_verb*) ]] ||
  fault "$@"' DEBUG
"""


@dataclass(frozen=True, slots=True)
class Call:
    """The call of a program, the `number`th with these words; or the `number`th verb. `lines` are those of a batch."""

    number: int
    words: str
    lines: tuple[str, ...] = ()
    verb: bool = False

    @property
    def makes(self) -> bool:
        """Whether it makes something of the lab: its failure has to fail the script."""
        name, _, words = self.words.partition(" ")
        return self.verb or (name in _MAKERS and not re.match(r"(-[46] )?(-o |rule show)", words))


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` happens at `call`, or at line `line` (from 1) of its batch."""

    kind: Kind
    call: Call
    line: int = 0

    def __str__(self) -> str:
        where = f", line {self.line}: {self.call.lines[self.line - 1]}" if self.line else ""
        return f"{self.kind} at call {self.call.number}, {self.call.words}{where}"


class Shims:
    """Puts shims in front of the programs of `world`. `folder` is below /tmp, which worlds share with the test."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        world.write("/srv/shim", _SHIM, 0o755)
        world.write("/srv/hook", _HOOK)
        world.run("sh", "-eu", "-c", _INSTALL, "install", "/srv/shim", *_MAKERS, *_OTHERS)

    def record(self, *command: str) -> list[Call]:
        """The calls that `command` makes. AssertionError: it failed."""
        done = self._run(command, {}, hook=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return [*self._recorded("calls"), *self._recorded("verbs")]

    def run(self, fault: Fault, *command: str) -> CompletedProcess[str]:
        """Runs `command` to the fault. The status is that of a shell: 128+N for one that a signal ended."""
        env = {"FAULT_KIND": fault.kind, "FAULT_LINE": str(fault.line)}
        if fault.call.verb:
            env["FAULT_VERB"] = str(fault.call.number)
        else:
            env["FAULT_CALL"] = f"{fault.call.number} {fault.call.words}"
        if fault.line and fault.call.words.startswith("iptables-restore"):
            env["FAULT_TEXT"] = fault.call.lines[fault.line - 1]
        with ExitStack() as closing:
            if fault.kind == "fail" and fault.call.verb:
                sysctl = f"/proc/sys/{fault.call.words.split()[1].replace('.', '/')}"
                self._world.run("mount", "--bind", "-o", "ro", sysctl, sysctl)
                closing.callback(self._world.run, "umount", sysctl)
            done = self._run(command, env, hook=fault.call.verb)
        if done.returncode < 0:
            done.returncode = 128 - done.returncode
        return done

    def _run(self, command: tuple[str, ...], env: dict[str, str], hook: bool) -> CompletedProcess[str]:
        for path in self._folder.iterdir():
            path.unlink()
        env["FAULTS"] = str(self._folder)
        if hook:
            env["BASH_ENV"] = "/srv/hook"
        leader = ("setsid", "--wait", "sh", "-c", 'export FAULT_SCRIPT=$$; exec "$@"', "sh")
        return self._world.run(*leader, *command, env=env, check=False, timeout=60)

    def _recorded(self, kind: str) -> Iterator[Call]:
        path = self._folder / kind
        if not path.exists():
            return
        alike: Counter[str] = Counter()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            words = line.partition(" ")[2]
            alike[words] += 1
            if kind == "verbs":
                yield Call(number, words, verb=True)
            else:
                batch = self._folder / str(number)
                yield Call(alike[words], words, tuple(batch.read_text().splitlines()) if batch.exists() else ())


def faults(calls: list[Call]) -> Iterator[Fault]:
    """Every way to stop at each of the calls, and at each line of a batch."""
    for call in calls:
        if call.words.startswith(("flock ", "rm -f /run/kvmgen/")) or "iptables-restore " in call.words:
            kinds = KINDS[1:]  # its failure is an answer, or nobody's business, or a reason to try line by line
        elif call.verb:
            kinds = KINDS[:6] if call.words.startswith("kg_sysctl ") else KINDS[1:6]
        else:
            kinds = KINDS
        yield from (Fault(kind, call) for kind in kinds)
        if call.makes:
            for line, text in enumerate(call.lines, 1):
                if call.words.startswith("ip "):
                    yield Fault("fail", call, line)
                    yield Fault("KILL after", call, line)
                elif text.startswith("-"):
                    yield Fault("fail", call, line)
