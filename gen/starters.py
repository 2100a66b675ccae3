"""The commented labs that `kvmgen init` prints: templates/starters/*.dsl."""

from __future__ import annotations

from pathlib import Path

from gen import templating

DEFAULT = "router"


def names() -> list[str]:
    """The starters there are, sorted."""
    return sorted(path.stem for path in _folder().glob("*.dsl"))


def read(name: str) -> str:
    """The text of one of `names()`."""
    return (_folder() / f"{name}.dsl").read_text(encoding="utf-8")


def _folder() -> Path:
    return templating.folder() / "starters"
