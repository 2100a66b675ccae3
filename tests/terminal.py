"""A command on a terminal of its own in: what it prints there, and what a person types, out and in."""

import os
import pty
import re
import select
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.world import Place


class Terminal:
    """A command that runs in a session of its own, whose controlling terminal this is.

    `process` has its exit code; where a shell waits for it, as in the worlds, that is the command's own.
    """

    def __init__(self, place: Place, *command: str | Path) -> None:
        self._master, slave = pty.openpty()
        self.process: subprocess.Popen[str] = place.popen(
            "setsid", "--ctty", "--wait", *command, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self._text = ""
        self._seen = 0
        self._open = True
        place.at_end(self.hang_up)

    def hang_up(self) -> None:
        """Closes the terminal, as a connection does that breaks."""
        if self._open:
            self._open = False
            os.close(self._master)

    def type(self, text: str) -> None:
        """Types the text; `\\n` is Enter, `\\x04` the end of input, `\\x03` Ctrl-C."""
        os.write(self._master, text.encode())

    def wait_for(self, pattern: str, timeout: float = 30) -> re.Match[str]:
        """The first match in what was printed since the last one. AssertionError: none in `timeout` seconds."""
        end = time.monotonic() + timeout
        expression = re.compile(pattern, re.DOTALL)
        while not (match := expression.search(self._text, self._seen)):
            gone = not self._take()
            match = expression.search(self._text, self._seen)
            assert match or not (gone or time.monotonic() > end), f"no {pattern!r} in: {self._text[self._seen :]}"
        self._seen = match.end()
        return match

    def wait(self, timeout: float = 60) -> int:
        """The exit code, when the command has ended. AssertionError: it has not in `timeout` seconds."""
        end = time.monotonic() + timeout
        while self._open and self._take():
            assert time.monotonic() < end, f"still running: {self._text[self._seen :]}"
        return self.process.wait(timeout)

    @property
    def text(self) -> str:
        """All that was printed so far."""
        return self._text

    def _take(self) -> bool:
        """Takes in what is printed within a tenth of a second; False when no process has the terminal any more."""
        readable, _, _ = select.select([self._master], [], [], 0.1)
        if not readable:
            return True
        printed = b""
        with suppress(OSError):  # the last process has closed it
            printed = os.read(self._master, 65536)
        self._text += printed.decode(errors="replace").replace("\r\n", "\n")
        return bool(printed)
