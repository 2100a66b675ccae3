"""The name of a checker in, the program out."""

from __future__ import annotations

import os
import shutil
import sys


def find(name: str) -> str | None:
    """The program beside this Python, where pip puts it, else the one on the PATH; None where there is neither."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    return beside if os.access(beside, os.X_OK) else shutil.which(name)
