"""Every network of the notes comes up for real, with guests that boot, and leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.console import Console
from tests.live.conftest import LABS, Running
from tests.snapshot import Snapshot
from tests.world import Place, Source, World, reaches

pytestmark = pytest.mark.live
Start = Callable[..., Running]
both_dialects = pytest.mark.parametrize("target", ["centos7", "debian12"])

OF_ONE_RUN = (
    r"files: /run/kvmgen/\S+(\.lock|/batch|/journal|/log|/sysctl-\S+|/uplink-\S+|\.pid|\.leases|\.console) ",
    r"files: /var/lib/kvmgen/\S+(/setup\.sh|\.qcow2) ",
    r"\bfe80:",
)
"""What differs between two hosts with the same lab: what each run writes for itself, and what follows a random MAC."""

CHANCE = re.compile(
    r"\b(?!52:54:00|00:0c:29|00:00:00|ff:ff)([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}\b"
    r"| (port_id|port_no|(designated|root|config|topology)_(?!root|bridge)\w+) \S+"
    r"|NO-CARRIER,|,LOWER_UP| linkdown"
)
"""A MAC that the kernel made up and who is STP's root because of it; the order of guests that start side by side; and a
carrier, which comes when STP is ready."""


@both_dialects
@pytest.mark.parametrize("name", ["netns-basics", "isolated"])
def test_the_lab_of_the_notes_keeps_what_it_expects(start: Start, name: str, target: str) -> None:
    running = start(name, target)
    running.up()
    running.configure_guests()
    running.check_expects()
    running.check_second_up_and_down()


@both_dialects
def test_a_routed_network_forwards_both_ways_and_hides_nobody(start: Start, target: str) -> None:
    running = start("routed", target)
    running.up()
    running.configure_guests()
    lan, guest = running.world.lan, running.console("test")
    lan.run("ip", "route", "add", "10.20.0.0/24", "via", "192.168.0.162")
    assert lan.connect("10.20.0.1", 80) == "KVMGEN-GUEST guest\n"
    assert seen_as(lan, "192.168.0.9", guest) == "10.20.0.1"
    running.check_expects()
    running.check_second_up_and_down()


@both_dialects
def test_a_bridged_guest_is_on_the_lan_and_the_host_keeps_its_way_out(start: Start, target: str) -> None:
    running = start("bridged", target)
    running.up()
    running.configure_guests()
    host = running.world
    assert "inet 192.168.0.162/16" in host.run("ip", "-o", "-4", "address", "show", "dev", "br0").stdout
    assert host.run("ip", "-o", "-4", "address", "show", "dev", "ens33").stdout == ""
    assert host.run("ip", "route", "show", "default").stdout.strip() == "default via 192.168.0.1 dev br0"
    assert host.lan.connect("192.168.1.51", 80) == "KVMGEN-GUEST guest\n"
    assert seen_as(host.lan, "192.168.0.9", running.console("test")) == "192.168.1.51"
    running.check_expects()
    running.check_second_up_and_down()


@both_dialects
def test_guests_on_a_nat_network_go_out_with_the_address_of_the_host(start: Start, target: str) -> None:
    running = start("nat", target)
    running.up()
    for name, address in ("test", "10.30.0.10"), ("test1", "10.30.0.100"):
        ready = running.console(name).ready()
        assert (ready["hostname"], ready["eth0"], ready["gw"]) == (name, f"{address}/24", "10.30.0.254")
    guest = running.console("test")
    if target == "debian12":  # centos7's QEMU keeps no log
        log = running.world.read("/run/kvmgen/nat/vm/test.console")
        assert re.search(r"KVMGEN-GUEST READY hostname=test eth0=10\.30\.0\.10/24 gw=10\.30\.0\.254 boot=disk", log)
    frames, translated = received(running.world, "vif0.0"), packets(running.world, "kg-postrouting-nat", "SNAT")
    assert guest.ping("203.0.113.7")
    assert received(running.world, "vif0.0") > frames
    assert packets(running.world, "kg-postrouting-nat", "SNAT") > translated
    assert seen_as(running.world.internet, "203.0.113.7", guest) == "192.168.0.162"
    for source in everywhere(running):
        assert source.connect("192.168.0.162", 2222) == "KVMGEN-GUEST test\n"
    running.check_expects()
    running.check_second_up_and_down()


@both_dialects
def test_the_host_publishes_an_address_of_its_own_for_each_guest_of_a_nat_network(start: Start, target: str) -> None:
    text = (LABS / "nat.dsl").read_text()
    publishes = "publish 192.168.0.201 to test\n    publish 192.168.0.202 to test1"
    running = start("nat", target, text.replace("publish tcp 192.168.0.162:2222 to test:22", publishes, 1))
    running.up()
    for source in everywhere(running):
        assert source.connect("192.168.0.201", 80) == "KVMGEN-GUEST test\n"
        assert source.connect("192.168.0.202", 80) == "KVMGEN-GUEST test1\n"
    seen = [seen_as(running.world.internet, "203.0.113.7", running.console(name)) for name in ("test", "test1")]
    assert seen == ["192.168.0.201", "192.168.0.202"]
    running.setup("vm", "kill", "test")
    running.setup("vm", "start", "test")  # and all that goes with it
    running.check_second_up_and_down()


@both_dialects
def test_behind_an_uplink_on_dhcp_the_guest_goes_out_by_masquerade(start: Start, target: str) -> None:
    running = start("masquerade", target)
    running.up()
    assert packets(running.world, "kg-postrouting-masquerade", "MASQUERADE") == 0
    assert seen_as(running.world.internet, "203.0.113.7", running.console("test")) == "192.168.0.162"
    assert packets(running.world, "kg-postrouting-masquerade", "MASQUERADE") > 0
    running.check_expects()
    running.check_second_up_and_down()


@both_dialects
def test_guests_behind_a_namespace_router_go_out_with_its_address(start: Start, target: str) -> None:
    running = start("router", target)
    running.up()
    for name, address in ("cirros1", "10.10.10.1"), ("cirros2", "10.10.10.2"):
        ready = running.console(name).ready()
        assert (ready["hostname"], ready["eth0"], ready["gw"]) == (name, f"{address}/24", "10.10.10.254")
    guest, router = running.console("cirros2"), running.world.netns("r1")
    frames, translated = received(running.world, "vf2.0"), packets(router, "kg-postrouting-router", "SNAT")
    assert guest.ping("203.0.113.7")
    assert received(running.world, "vf2.0") > frames
    assert packets(router, "kg-postrouting-router", "SNAT") > translated
    assert seen_as(running.world.internet, "203.0.113.7", guest) == "192.168.0.200"
    running.check_expects()
    running.check_second_up_and_down()


@both_dialects
def test_two_isolated_networks_do_not_see_each_other_nor_each_others_dhcp_server(start: Start, target: str) -> None:
    running = start("two-isolated", target)
    running.up()
    for network, prefix in ("a", "10.1.0"), ("b", "10.2.0"):
        leases = running.world.read(f"/run/kvmgen/two-isolated/dnsmasq-br-{network}.leases").splitlines()
        assert sorted(lease.split()[3] for lease in leases) == [f"{network}1", f"{network}2"]
        for name in f"{network}1", f"{network}2":
            guest = running.console(name)
            assert guest.ready()["eth0"].startswith(f"{prefix}.")
            _, offers = guest.shell("udhcpc -i eth0 -n -q -s /bin/true 2>&1 | grep obtained")
            assert re.fullmatch(rf"udhcpc: lease of {prefix}\.\d+ obtained from {prefix}\.254, .*\n", offers)
    running.check_expects()

    # Not even guests that know the way get out, on a host that forwards.
    first, second, lan = running.console("a1"), running.console("b1"), running.world.lan
    running.world.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    lan.run("ip", "route", "add", "10.1.0.0/24", "via", "192.168.0.162")
    assert first.shell("ip route add default via 10.1.0.254")[0] == 0
    assert second.shell("ip route add default via 10.2.0.254")[0] == 0
    assert reaches(first, "10.1.0.254")
    assert not reaches(first, running.address("b1"), tries=1)
    assert not reaches(first, "192.168.0.9", tries=1)
    assert not reaches(lan, running.address("a1"), tries=1)
    running.world.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
    running.check_second_up_and_down()


@both_dialects
def test_published_addresses_are_reached_from_outside_from_the_host_and_from_the_guests(
    start: Start, target: str
) -> None:
    running = start("public-addresses", target)
    running.up()
    running.check_expects()
    for source in everywhere(running):
        assert source.connect("192.168.0.201", 80) == "KVMGEN-GUEST web\n"
        assert source.connect("192.168.0.202", 80) == "KVMGEN-GUEST mail\n"
        assert source.connect("192.168.0.200", 2222) == "KVMGEN-GUEST shell\n"
    guests = [running.console(name) for name in ("web", "mail", "shell")]
    seen = [seen_as(running.world.internet, "203.0.113.7", guest) for guest in guests]
    assert seen == ["192.168.0.201", "192.168.0.202", "192.168.0.200"]
    running.check_second_up_and_down()


@both_dialects
def test_the_lab_of_the_language_reference_keeps_what_it_expects(start: Start, target: str) -> None:
    running = start("language", target)
    running.up()
    ready = {vm.name: running.console(vm.name).ready() for vm in running.lab.vms}
    assert {name: told["boot"] for name, told in ready.items()} == {
        "cirros1": "disk",
        "cirros2": "disk",
        "installer": "cd",
    }
    assert ready["cirros1"]["eth0"] == "10.10.10.1/24"
    assert ready["installer"]["eth1"] == "10.0.2.15/24"  # QEMU's user network
    assert running.world.lan.connect("192.168.0.201", 80) == "KVMGEN-GUEST cirros2\n"
    assert (running.world.connect("127.0.0.1", 2200) or "").startswith("KVMGEN-GUEST ")
    running.check_expects()
    running.check_second_up_and_down()


# The firewall is the same in both dialects; how taps become ports is not.
@pytest.mark.parametrize(
    ("name", "target"),
    [("nat", "centos7"), ("routed", "debian12"), ("bridged", "centos7"), ("two-isolated", "debian12")],
)
def test_the_models_hold_on_a_docker_host(start: Start, name: str, target: str) -> None:
    running = start(name, target, docker=True)
    running.up()
    running.configure_guests()
    running.check_expects()
    running.check_second_up_and_down()


def test_an_isolated_network_without_an_address_does_not_even_talk_to_the_host(start: Start) -> None:
    running = start("isolated")
    running.world.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    running.up()
    running.configure_guests()
    host, guest = running.world, running.console("test")
    others = ("192.168.0.162", "192.168.0.9", "203.0.113.7")
    # A guest that knows its way about: everything by way of the bridge's MAC. And a host that would answer it.
    mac = host.read("/sys/class/net/br0/address").strip()
    around = ["ip route add default dev eth0", *(f"arp -i eth0 -s {address} {mac}" for address in others)]
    status, output = guest.shell(" && ".join(around))
    assert status == 0, output
    host.run("ip", "route", "add", "10.0.0.0/24", "dev", "br0")
    host.lan.run("ip", "route", "add", "10.0.0.0/24", "via", "192.168.0.162")
    frames = received(host, "vif0.0")
    assert not any(guest.ping(address) for address in others)
    assert received(host, "vif0.0") >= frames + len(others)
    assert not reaches(host, "10.0.0.1", tries=1)
    assert not reaches(host.lan, "10.0.0.1", tries=1)
    assert "inet6" not in host.run("ip", "-6", "address", "show", "dev", "br0").stdout
    assert reaches(guest, "10.0.0.2")


def test_two_guests_with_the_same_mac_are_refused(tmp_path: Path) -> None:
    text = (LABS / "isolated.dsl").read_text()
    (tmp_path / "lab.dsl").write_text(text.replace("52:54:00:12:34:57", "52:54:00:12:34:56"))
    check = (sys.executable, "-m", "gen", "check", tmp_path / "lab.dsl")
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "52:54:00:12:34:56" in done.stderr


@both_dialects
@pytest.mark.parametrize("name", ["router", "nat", "kernel"])
def test_the_plain_commands_build_the_same_host_and_it_can_be_taken_down_both_ways(
    start: Start, name: str, target: str
) -> None:
    by_script, by_hand = start(name, target), start(name, target)
    by_script.setup("up", "--no-guard")
    paste(by_hand, "commands")
    assert by_hand.setup("status", check=False).returncode == 0
    assert "nothing to do" in by_hand.setup("up").stdout
    assert without_chance(by_hand.world.snapshot()) == without_chance(by_script.world.snapshot())

    paste(by_script, "commands", "down")
    by_hand.setup("down", "--wait", "0")
    for running in by_script, by_hand:
        assert running.world.snapshot(like=running.before) == running.before


def everywhere(running: Running) -> list[Source]:
    """The LAN, the internet, the host, and each guest of the lab."""
    world = running.world
    return [world.lan, world.internet, world, *(running.console(vm.name) for vm in running.lab.vms)]


def paste(running: Running, *words: str) -> None:
    """The plain commands, typed into a root shell."""
    commands = running.setup(*words).stdout
    running.world.run("bash", "-e", input=commands, timeout=120)


def without_chance(snapshot: Snapshot) -> Snapshot:
    lines = snapshot.without(*OF_ONE_RUN).lines
    return Snapshot(tuple(sorted(CHANCE.sub(lambda found: "MAC" if found[1] else "", line) for line in lines)))


def packets(place: Place, chain: str, target: str) -> int:
    """How many packets the rules of a nat chain with this target have taken: one for each connection."""
    rules = place.run("iptables", "-t", "nat", "-nvxL", chain).stdout.splitlines()[2:]
    return sum(int(rule.split()[0]) for rule in rules if rule.split()[2] == target)


def received(world: World, port: str) -> int:
    """How many frames a port of a bridge has taken from its guest."""
    return int(world.read(f"/sys/class/net/{port}/statistics/rx_packets"))


def seen_as(place: Place, address: str, guest: Console) -> str:
    """The address under which a server at this place and address sees the guest."""
    server = place.serve(address, 8080, "hello\n")
    assert guest.connect(address, 8080) == "hello\n"
    server.close()
    return server.clients[0]
