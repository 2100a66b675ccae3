"""Labs of many namespaces, which the script asks, furnishes and deletes by two processes side by side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gen.source import Source
from tests.live.conftest import Running
from tests.world import World

pytestmark = pytest.mark.live

ROUTE = "route default via 10.0.0.254"
LAB = "network lan isolated { address 10.0.0.254/24 }\n" + "".join(
    f"namespace h{n} {{ nic eth0 on lan {{ address 10.0.0.{n}/24 }} {'' if n % 3 else ROUTE} }}\n" for n in range(1, 13)
)


@pytest.fixture(params=["nsenter", "without nsenter"])
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    """The lab, up, on a host of its own."""
    with World() as world:
        if request.param == "without nsenter":
            world.run("mv", "/usr/bin/nsenter", "/root")
        running = Running(world, Source("many.dsl", LAB), "debian12")
        running.setup("up")
        yield running
        running.setup("down")
        assert world.snapshot(like=running.before) == running.before


def test_up_again_finds_what_is_not_right_in_one_of_them(running: Running) -> None:
    assert running.setup("up").stdout == "many is up: nothing to do\n"
    running.world.run("ip", "-n", "h3", "addr", "del", "10.0.0.3/24", "dev", "eth0")
    running.world.run("ip", "-n", "h7", "link", "set", "lo", "down")
    running.world.run("ip", "-n", "h12", "route", "del", "default")
    plan = running.setup("plan", check=False).stdout.splitlines()
    assert [line.partition("  (")[0] for line in plan if line[0] != "="] == [
        "+ address h3/eth0 10.0.0.3/24",
        "+ route h3 default",
        "~ loopback h7/lo",
        "+ route h12 default",
    ]
    assert running.setup("up").stdout.startswith("many is up: 4 made")
    assert running.world.netns("h3").ping("10.0.0.12")


def test_a_namespace_that_is_somebody_elses_now_is_not_touched(running: Running) -> None:
    running.world.run("ip", "netns", "delete", "h5")
    running.world.run("ip", "netns", "add", "h5")
    running.world.run("ip", "-n", "h5", "link", "set", "lo", "up")
    refused = running.setup("up", check=False)
    assert refused.returncode == 6
    assert "  netns h5  (many.dsl:6: namespace h5 {" in refused.stderr
    running.setup("down")
    assert running.world.run("ip", "netns", "list").stdout == "h5\n"
    assert "UP" in running.world.run("ip", "-n", "h5", "-br", "link").stdout
    running.world.run("ip", "netns", "delete", "h5")
