"""Networks of the notes come up for real, with guests that boot, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.live.conftest import Running

pytestmark = pytest.mark.live
Start = Callable[..., Running]


@pytest.mark.parametrize("target", ["centos7", "debian12"])
def test_two_namespaces_on_one_cable_reach_each_other(start: Start, target: str) -> None:
    running = start("netns-basics", target)
    running.up()
    running.check_expects()
    running.check_second_up_and_down()


@pytest.mark.parametrize("name", ["isolated", "nat", "bridged", "two-isolated", "router"])
def test_the_lab_of_the_notes_keeps_what_it_expects(start: Start, name: str) -> None:
    running = start(name)
    running.up()
    running.configure_guests()
    running.check_expects()
    running.check_second_up_and_down()


def test_behind_an_uplink_on_dhcp_the_guest_goes_out_by_masquerade(start: Start) -> None:
    running = start("masquerade")
    running.up()
    assert "-j MASQUERADE" in running.world.run("iptables-save", "-t", "nat").stdout
    running.check_expects()
    running.check_second_up_and_down()
