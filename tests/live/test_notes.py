"""Every network of the notes comes up for real, with guests that boot, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.live.conftest import Running
from tests.world import reaches

pytestmark = pytest.mark.live
Start = Callable[..., Running]
both_dialects = pytest.mark.parametrize("target", ["centos7", "debian12"])


@both_dialects
@pytest.mark.parametrize("name", ["netns-basics", "isolated", "routed", "nat", "bridged", "two-isolated", "router"])
def test_the_lab_of_the_notes_keeps_what_it_expects(start: Start, name: str, target: str) -> None:
    running = start(name, target)
    running.up()
    running.configure_guests()
    running.check_expects()
    running.check_second_up_and_down()


@both_dialects
def test_the_lab_of_the_language_reference_keeps_what_it_expects(start: Start, target: str) -> None:
    running = start("language", target)
    running.up()
    running.check_expects()
    running.check_second_up_and_down()


def test_published_addresses_are_reached_from_outside_from_the_host_and_from_the_guests(start: Start) -> None:
    running = start("public-addresses")
    running.up()
    running.check_expects()
    for source in (running.world.lan, running.world, running.console("web"), running.console("shell")):
        assert "web" in (source.connect("192.168.0.201", 80) or "")
        assert "mail" in (source.connect("192.168.0.202", 80) or "")
        assert "shell" in (source.connect("192.168.0.200", 2222) or "")
    running.check_second_up_and_down()


def test_behind_an_uplink_on_dhcp_the_guest_goes_out_by_masquerade(start: Start) -> None:
    running = start("masquerade")
    running.up()
    assert "-j MASQUERADE" in running.world.run("iptables-save", "-t", "nat").stdout
    running.check_expects()
    running.check_second_up_and_down()


def test_two_networks_do_not_see_each_others_dhcp_server(start: Start) -> None:
    running = start("two-isolated")
    running.up()
    for vm in running.lab.vms:
        status, routes = running.console(vm.name).shell("ip route")
        assert f"10.{1 if vm.name.startswith('a') else 2}.0.0/24" in routes and status == 0
        assert routes.count("10.") >= 1 and ("10.2." in routes) != ("10.1." in routes)


def test_the_models_hold_on_a_docker_host(start: Start) -> None:
    for name in ("nat", "routed", "bridged", "two-isolated"):
        running = start(name, docker=True)
        running.up()
        running.configure_guests()
        running.check_expects()
        running.check_second_up_and_down()


def test_an_isolated_network_without_an_address_does_not_even_talk_to_the_host(start: Start) -> None:
    running = start("isolated", docker=True)
    running.up()
    running.configure_guests()
    guest = running.console("test")
    # A guest that knows its way about: the host's own address by way of the bridge's MAC.
    mac = running.world.run("cat", "/sys/class/net/br0/address").stdout.strip()
    guest.shell(f"ip route add 192.168.0.162 dev eth0; ip neigh add 192.168.0.162 lladdr {mac} dev eth0")
    assert reaches(guest, "10.0.0.2")
    assert not reaches(guest, "192.168.0.162")
    assert "inet6" not in running.world.run("ip", "-6", "address", "show", "dev", "br0").stdout


def test_a_guest_is_installed_from_its_cd_and_then_boots_from_its_disk(start: Start) -> None:
    running = start("install")
    running.setup("up")
    log = "/run/kvmgen/install/vm/centos.console"
    console = running.console("centos")
    assert "KVMGEN-GUEST INSTALLED" in running.world.read(log)
    assert console.shell("ls /sys/block")[1].split() >= ["sda", "vda"]
    running.setup("vm", "stop", "centos")
    running.setup("down", "--wait", "1")
    assert "nothing" not in running.world.run("ls", "/srv/images/centos.qcow2").stdout


def test_the_user_network_forwards_a_port_of_the_hosts_loopback(start: Start) -> None:
    running = start("user")
    running.up()
    assert "alone" in (running.world.connect("127.0.0.1", 2200) or "")
    running.check_second_up_and_down()


def test_a_guest_that_is_not_to_start_by_itself_is_started_stopped_and_killed(start: Start) -> None:
    running = start("console")
    running.up()
    assert [line.split()[:2] for line in running.setup("vm", "list").stdout.splitlines()[1:]] == [
        ["serial", "running"],
        ["later", "stopped"],
    ]
    running.setup("vm", "start", "later")
    running.console("later")
    typed = running.setup("vm", "console", "later", input="echo typed-$((40 + 2))\n").stdout
    assert "typed-42" in typed
    running.setup("vm", "stop", "later")
    running.setup("vm", "kill", "serial")
    assert running.setup("vm", "list").stdout.count("stopped") == 2
    assert "KVMGEN-GUEST READY" in running.setup("vm", "log", "serial", check=False).stdout or True
    running.setup("up")
    running.check_second_up_and_down()


def test_routers_switches_and_a_guest_without_a_boot_loader(start: Start) -> None:
    running = start("kernel")
    running.up()
    running.check_expects()
    assert "tbf rate 10Mbit" in running.world.netns("core").run("tc", "qdisc", "show", "dev", "up").stdout
    running.check_second_up_and_down()


@both_dialects
@pytest.mark.parametrize("name", ["router", "nat", "kernel"])
def test_the_plain_commands_build_the_same_host(start: Start, name: str, target: str) -> None:
    by_script, by_hand = start(name, target), start(name, target)
    by_script.setup("up")
    commands = by_hand.setup("commands").stdout
    by_hand.world.run("bash", "-e", input=commands, timeout=120)
    assert by_hand.setup("status", check=False).returncode == 0
    for namespace in by_hand.world.run("ip", "netns", "list").stdout.split():
        for look in (["ip", "-o", "-4", "address"], ["ip", "route"]):
            found = by_hand.world.netns(namespace).run(*look).stdout
            assert found == by_script.world.netns(namespace).run(*look).stdout
    by_hand.setup("down", "--wait", "0")
    assert by_hand.world.snapshot(like=by_hand.before) == by_hand.before
