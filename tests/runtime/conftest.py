"""The tests of the runtime are bash, for bats: each is a test of pytest's too, so that one command runs all.

A file's tests may build on each other, so the first of them runs the whole file. `bats FILE -f NAME` runs one alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

TIME_LIMIT = 900
"""Seconds for one file, on a busy machine."""

_TEST = re.compile(r'^@test "(.*)" \{$', re.MULTILINE)
_RESULT = re.compile(r"^(ok|not ok) (\d+) (.*)$")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return BatsFile.from_parent(parent, path=file_path) if file_path.suffix == ".bats" else None


class Failed(Exception):
    """The text is what bats said about the test."""


class BatsFile(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        for number, name in enumerate(_TEST.findall(self.path.read_text(encoding="utf-8")), 1):
            yield BatsTest.from_parent(self, name=re.sub(r"\\(.)", r"\1", name), number=number)

    @cached_property
    def said(self) -> tuple[dict[int, list[str]], str]:
        """What bats said about each test, by number, its `ok` or `not ok` first; and all that it said."""
        programs = Path(sys.executable).parent
        done = subprocess.run(
            [programs / "bats", "--formatter", "tap", self.path],
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=TIME_LIMIT, check=False,
        )  # fmt: skip
        tests: dict[int, list[str]] = {}
        lines: list[str] = []
        for line in done.stdout.splitlines():
            if result := _RESULT.match(line):
                lines = tests[int(result[2])] = []
            lines.append(line)
        return tests, done.stdout


class BatsTest(pytest.Item):
    def __init__(self, *, number: int, **more: Any) -> None:
        super().__init__(**more)
        self._number = number
        self.add_marker(pytest.mark.live)
        # One process for a file: another would run it once more.
        self.add_marker(pytest.mark.xdist_group(self.path.name))

    def runtest(self) -> None:
        assert isinstance(self.parent, BatsFile)
        tests, everything = self.parent.said
        result, *more = tests.get(self._number, [""])
        if " # skip" in result:
            pytest.skip(result.partition(" # skip")[2].strip())
        if result != f"ok {self._number} {self.name}":
            raise Failed("\n".join(line.removeprefix("# ") for line in more) or everything)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return str(excinfo.value) if isinstance(excinfo.value, Failed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name
