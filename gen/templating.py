"""Jinja2 templates in, text out; every value passes the one door of shell.py.

Jinja2 is imported only when something is rendered: `kvmgen check` never does.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gen import shell

if TYPE_CHECKING:
    from jinja2 import Environment


def folder() -> Path:
    """Where the templates lie: inside the package when installed, beside it in a checkout."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        finalize=shell.finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["comment"] = shell.comment
    environment.filters["identifier"] = shell.identifier
    environment.filters["words"] = shell.join
    environment.filters["wrapped"] = shell.wrap
    environment.filters["here_document"] = shell.here_document
    return environment


def render(template: str, **values: object) -> str:
    """The text of `templates/TEMPLATE` with the values filled in."""
    return _environment().get_template(template).render(values)
