"""A guest's serial port or its QMP FIFOs in; what it prints, what its shell answers and what QEMU answers out."""

import json
import os
import re
import select
import socket
import time
import tty
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.world import World

_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Console:
    """The serial port of a guest of tests/guest.py, in which a shell waits.

    `port` is QEMU's pty or unix socket, `log` the file that QEMU keeps of what the guest prints: with it nothing is
    missed that came before the console was opened. Where QEMU keeps none, what was printed before that is lost.
    """

    def __init__(self, port: Path, log: Path | None = None) -> None:
        self._log = os.open(log, os.O_RDONLY) if log else None
        self._text = ""
        self._seen = 0
        self._commands = 0
        if port.is_socket():
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(port))
            self._port = client.detach()
        else:
            self._port = os.open(port, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self._port)  # else the pty sends back to the guest what it prints

    def close(self) -> None:
        os.close(self._port)
        if self._log is not None:
            os.close(self._log)

    def wait_for(self, pattern: str, timeout: float = 60) -> re.Match[str]:
        """The first match in what the guest printed since the last one. AssertionError: none in `timeout` seconds."""
        match = self._find(pattern, timeout)
        assert match, f"no {pattern!r} from the guest: {self._text[self._seen :]}"
        return match

    def wait_for_end(self, timeout: float = 30) -> None:
        """Waits until QEMU lets go of the port, just before it ends. AssertionError: not in `timeout` seconds."""
        end = time.monotonic() + timeout
        while self._take():
            assert time.monotonic() < end, f"the guest is still running: {self._text[self._seen :]}"

    def shell(self, command: str, timeout: float = 30) -> tuple[int, str]:
        """The exit status and the output of a command line in the guest's shell, which may still be booting."""
        if self._commands == 0:
            self._wait_for_prompt()
        self._commands += 1
        number = self._commands
        # The shell's echo of this line has quotes in the marks, and what the marks print has none.
        line = f'echo KG""{number}-BEGIN; {command}; echo KG""{number}-END $?\n'
        os.write(self._port, line.encode())
        match = self.wait_for(rf"KG{number}-BEGIN\n(.*?)KG{number}-END (\d+)\n", timeout)
        return int(match[2]), match[1]

    def type(self, line: str) -> None:
        """Types a line and waits for nothing."""
        os.write(self._port, f"{line}\n".encode())

    def reboot(self) -> None:
        """Reboots a guest that systemd runs, and waits for the shell of its next boot."""
        self.type("systemctl reboot")
        self.wait_for("reboot: Restarting system", timeout=120)
        self._wait_for_prompt()

    def ready(self) -> dict[str, str]:
        """What the guest says of itself once it has booted: `hostname`, `eth0` (or `-`), `gw`, `boot`."""
        status, line = self.shell("ready")
        assert status == 0, line
        return dict(word.split("=", 1) for word in line.split()[2:])

    def ping(self, address: str) -> bool:
        """Whether one echo request is answered within a second."""
        status, output = self.shell(f"ping -c1 -W1 {address}")
        assert status == 0 or "packets transmitted" in output or "unreachable" in output, f"ping did not run: {output}"
        return status == 0

    def connect(self, address: str, port: int) -> str | None:
        """What the TCP server at `address` and `port` says, or None if nothing answers within two seconds."""
        status, output = self.shell(f"nc -w2 {address} {port} </dev/null 2>/dev/null")
        return output if status == 0 else None

    def prove_alive(self) -> None:
        """AssertionError: the guest has no address, so that reaching nothing would mean nothing."""
        assert self.shell("ip -o address show scope global")[1], "the guest has no address"

    def _wait_for_prompt(self) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self._find("guest# ", timeout=2):
                return
            os.write(self._port, b"\n")  # it was printed before anyone listened; a guest that boots ignores this
        raise AssertionError(f"no shell in the guest: {self._text}")

    def _find(self, pattern: str, timeout: float) -> re.Match[str] | None:
        end = time.monotonic() + timeout
        expression = re.compile(pattern, re.DOTALL)
        while not (match := expression.search(self._text, self._seen)):
            if not self._take() or time.monotonic() > end:
                return None
        self._seen = match.end()
        return match

    def _take(self) -> bool:
        """Takes in what the guest prints within a tenth of a second; False when QEMU has gone."""
        printed = b""
        readable, _, _ = select.select([self._port], [], [], 0.1)
        if readable:
            with suppress(OSError):  # of a pty whose other side has closed
                printed = os.read(self._port, 65536)
        gone = bool(readable) and not printed
        if self._log is not None:
            printed = os.read(self._log, 1 << 20)
        self._text += _TERMINAL_CODES.sub("", printed.decode(errors="replace"))
        return not gone


class Qmp:
    """QEMU's control channel on the FIFOs `path`.in and `path`.out."""

    def __init__(self, path: Path) -> None:
        self._to = os.open(f"{path}.in", os.O_RDWR)
        self._from = os.open(f"{path}.out", os.O_RDWR | os.O_NONBLOCK)
        self._number = 0
        self._text = ""
        self._ask("qmp_capabilities", {})  # an error from the second client on

    def close(self) -> None:
        os.close(self._to)
        os.close(self._from)

    def execute(self, command: str, **arguments: Any) -> Any:
        """What the command returns. AssertionError: its error, or no answer within ten seconds."""
        answer = self._ask(command, arguments)
        assert "error" not in answer, f"{command}: {answer['error']}"
        return answer["return"]

    def _ask(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        name = f"test-{os.getpid()}-{id(self)}-{self._number}"
        question = {"execute": command, "arguments": arguments, "id": name}
        os.write(self._to, json.dumps(question).encode() + b"\n")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if select.select([self._from], [], [], 0.1)[0]:
                self._text += os.read(self._from, 65536).decode()
            *lines, self._text = self._text.split("\n")
            for line in lines:
                answer: dict[str, Any] = json.loads(line)
                if answer.get("id") == name:
                    return answer
        raise AssertionError(f"QEMU does not answer {command}")


def guest_console(world: World, lab: str, name: str) -> Console:
    """The console of a guest that a lab's script has started; it is closed when the world ends."""
    guest = world.path(f"/run/kvmgen/{lab}/vm/{name}")
    qmp = Qmp(guest.with_name(f"{name}.qmp"))
    (pty,) = (port["filename"] for port in qmp.execute("query-chardev") if port["label"] == "console")
    qmp.close()
    log = guest.with_name(f"{name}.console")
    console = Console(Path(pty.removeprefix("pty:")), log if log.exists() else None)
    world.at_end(console.close)
    return console
