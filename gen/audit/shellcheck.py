"""A script in, shellcheck's findings out: every check on (`-o all`), no directive."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from gen.audit.program import find

COMMAND = ("--shell=bash", "--enable=all", "--norc", "--format=json1", "-")


class ShellcheckMissing(Exception):
    """There is no shellcheck beside this Python nor on the PATH."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark of shellcheck, at a line of the script."""

    line: int
    code: int
    level: str
    message: str


def shellcheck(script: str) -> list[Finding]:
    """All findings, in the order of the lines; an empty list is a clean script. Raises ShellcheckMissing."""
    program = find("shellcheck")
    if program is None:
        raise ShellcheckMissing
    text = script.encode("utf-8", "surrogateescape")
    done = subprocess.run([program, *COMMAND], input=text, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        said = done.stderr.decode("utf-8", "replace").strip()
        return [Finding(0, 0, "error", f"shellcheck failed: {said or done.returncode}")]
    comments = json.loads(done.stdout)["comments"]
    return [Finding(c["line"], c["code"], c["level"], c["message"]) for c in comments]
