"""Imports go one way, and a command loads only what it uses."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

GEN = Path(__file__).parent.parent / "gen"

LAYERS = (
    "source diagnostics codes",
    "syntax",
    "expand",
    "vocabulary values bind",
    "model",
    "derive resolve",
    "shell encode templating",
    "profile",
    "plan",
    "persist",
    "reach",
    "check",
    "render audit lint_ifcfg graph",
    "explain starters driver bundle",
    "cli",
    "__main__",
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer.split()}


def imported(path: Path) -> set[str]:
    """The parts of `gen` that a module imports anywhere in its text."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "gen":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gen."):
            found.add((node.module or "").split(".")[1])
    return found - {"__version__"}


def test_no_module_imports_from_a_layer_above_its_own() -> None:
    for path in GEN.rglob("*.py"):
        here = path.relative_to(GEN).parts[0].removesuffix(".py")
        if here != "__init__":
            above = {name for name in imported(path) if RANK[name] > RANK[here]}
            assert not above, f"{path.relative_to(GEN)} imports {sorted(above)}"


def loaded_by(*arguments: str) -> set[str]:
    code = f"import sys; sys.argv[1:] = {list(arguments)!r}\nimport gen.cli, atexit\n"
    code += "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\ngen.cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=GEN.parent)
    return {module.split(".")[0] for module in done.stderr.split()}


@pytest.mark.parametrize("arguments", [("--help",), ("check", "tests/labs/language.dsl")])
def test_neither_help_nor_check_loads_templates_or_profiles(arguments: tuple[str, ...]) -> None:
    assert not loaded_by(*arguments) & {"jinja2", "yaml", "json", "subprocess", "tempfile"}
