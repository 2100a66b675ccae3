"""What all tests share: the marker `live`, private worlds, and readable differences of snapshots."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.snapshot import Snapshot
from tests.world import World

settings.register_profile("shared", deadline=None)  # this machine may be busy with something else
settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write anew what tests compare with; read the difference")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "live: needs root, since it builds real networks or boots guests, in a private world"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if os.geteuid() != 0 and item.get_closest_marker("live"):
        pytest.skip("needs root to make a private world")


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    if op == "==" and isinstance(left, Snapshot) and isinstance(right, Snapshot):
        lines = right.difference(left)
        more = [f"and {len(lines) - 100} lines more"] if len(lines) > 100 else []
        return ["the host differs: - expected, + found", *lines[:100], *more]
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests found, in figures: those of tests/live/test_faults.py, and each other by its name."""
    figures: Counter[str] = Counter()
    for outcome in "passed", "failed":
        for report in terminalreporter.getreports(outcome):
            figures.update({name: value for name, value in report.user_properties if isinstance(value, int)})
    for name in sorted(set(figures) - {"tried", "restored", "harmed"}):
        terminalreporter.write_line(f"{name}: {figures[name]:,}")
    if "tried" in figures:
        terminalreporter.write_line(
            f"faults tried: {figures['tried']}, hosts restored: {figures['restored']}, "
            f"foreign objects harmed: {figures['harmed']}"
        )


@pytest.fixture
def world() -> Iterator[World]:
    """A private world as a plain host: a test that needs another kind makes its own World."""
    with World() as made:
        yield made
