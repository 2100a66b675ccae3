"""Bridges that the host's own boot makes, as `persist` told it to: `up` takes them for right, `down` leaves them."""

from __future__ import annotations

import re

import pytest

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.world import World

pytestmark = pytest.mark.live

LAB = """
host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 } }
network br0 bridged { uplink ens33  stp off }
network lan nat { address 10.30.0.254/24  via br0  dhcp 10.30.0.10 - 10.30.0.20 }
namespace inside { nic eth0 on lan { address 10.30.0.1/24 }  route default via 10.30.0.254 }
"""

MANIFEST = f"""kvmgen 1 {"0" * 64}
whole {"1" * 64}:644 {"2" * 64} absent - /etc/network/interfaces.d/kvmgen-kept
boots br0
boots lan
folder /etc/network/interfaces.d
"""

BRIDGES = """
link add br0 address 00:0c:29:7e:1a:62 type bridge forward_delay 0
link set br0 up
address add 192.168.0.162/16 brd + dev br0
link set ens33 master br0
address del 192.168.0.162/16 dev ens33
route add default via 192.168.0.1 dev br0
link add lan address 02:00:00:00:00:01 type bridge
link set lan up
address add 10.30.0.254/24 dev lan
"""


class Booted:
    """A host whose boot made both bridges of the lab. `before` is what it looked like."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.script = world.script(driver.build(Source("kept.dsl", LAB), Diagnostics(), "debian12").script)
        world.run("install", "-d", "-m", "1700", "/var/lib/kvmgen", "/var/lib/kvmgen/kept")
        world.write("/var/lib/kvmgen/kept/persist/manifest", MANIFEST, 0o600)
        self.boot()
        self.before = world.snapshot()

    def setup(self, code: int, *words: str) -> str:
        """What `setup.sh WORDS...` says, which exits with the code."""
        done = self.world.run("bash", self.script, *words, check=False, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ip(self, lines: str) -> None:
        self.world.run("ip", "-batch", "-", input=lines)

    def boot(self) -> None:
        """What the files do that the host's boot reads."""
        self.world.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        self.ip(BRIDGES)
        # A bridge gets its link-local address with its first port, and keeps it.
        self.world.run("sysctl", "-q", "-w", "net.ipv6.conf.lan.disable_ipv6=1")

    def reboot(self) -> None:
        """What the lab has is gone, /run is empty, and the bridges are there again."""
        self.world.run("sh", "-c", "kill $(cat /run/kvmgen/kept/dnsmasq-lan.pid); rm -r /run/kvmgen")
        self.ip("netns delete inside\nlink delete br0\nlink delete lan\naddress add 192.168.0.162/16 brd + dev ens33\n")
        self.world.run("sh", "-c", "iptables -F; iptables -X; iptables -t nat -F; iptables -t nat -X")
        self.world.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
        self.boot()

    def is_as_before(self) -> None:
        assert self.world.snapshot(like=self.before).difference(self.before) == []


@pytest.fixture
def booted(world: World) -> Booted:
    return Booted(world)


def test_up_takes_them_for_right_and_down_leaves_them(booted: Booted) -> None:
    plan = booted.setup(11, "plan")
    for name in ("bridge br0", "bridge lan", "uplink ens33", "forward-delay br0", "address lan 10.30.0.254/24"):
        assert f"= {name}  (kept.dsl:" in plan
    assert re.findall("^[!~-] .*", plan, re.MULTILINE) == []
    booted.setup(3, "status")
    booted.setup(0, "up")
    booted.setup(0, "status")
    assert "alias" not in booted.world.run("ip", "link", "show", "type", "bridge").stdout
    assert booted.world.netns("inside").ping("203.0.113.7")
    made = booted.world.snapshot(exact=True)
    assert "nothing to do" in booted.setup(0, "up")
    assert booted.world.snapshot(exact=True, like=made).difference(made) == []
    said = booted.setup(0, "down")
    for bridge in ("br0", "lan"):
        assert said.count(f"bridge {bridge} stays: the host's boot made it (setup.sh unpersist)\n") == 1
    booted.is_as_before()
    booted.setup(3, "status")
    assert "is down already" in booted.setup(0, "down")
    booted.setup(0, "up")
    booted.setup(0, "restart")
    booted.reboot()
    booted.setup(0, "up")
    booted.setup(0, "status")
    booted.setup(0, "down")
    booted.is_as_before()


def test_what_up_mends_of_them_is_taken_back(booted: Booted) -> None:
    booted.ip(
        "link set br0 type bridge forward_delay 1500\n"
        "address del 10.30.0.254/24 dev lan\n"
        "address add 192.168.0.162/16 brd + dev ens33\nlink set ens33 nomaster\n"
        "link set br0 address 02:00:00:00:00:07\n"
        "address del 192.168.0.162/16 dev br0\nroute add default via 192.168.0.1 dev ens33\n"
    )
    drifted = booted.world.snapshot()
    plan = booted.setup(11, "plan")
    assert "= bridge br0" in plan
    assert "~ forward-delay br0" in plan
    assert "+ address lan" in plan
    assert "+ uplink ens33" in plan
    booted.setup(0, "up", "--no-guard")
    booted.setup(0, "status")
    assert booted.world.netns("inside").ping("203.0.113.7")
    booted.setup(0, "down")
    assert booted.world.snapshot(like=drifted).difference(drifted) == []


def test_one_that_came_with_a_spanning_tree_gets_rid_of_it_before_its_delay(booted: Booted) -> None:
    booted.ip("link set br0 type bridge forward_delay 1500 stp_state 1\n")
    booted.setup(0, "up")
    booted.setup(0, "status")


def test_a_failed_up_leaves_them(booted: Booted) -> None:
    booted.world.write("/usr/local/sbin/dnsmasq", "#!/bin/sh\nexit 1\n", 0o755)
    booted.world.run("mount", "--bind", "/usr/local/sbin/dnsmasq", "/usr/sbin/dnsmasq")
    before = booted.world.snapshot()
    booted.setup(1, "up")
    assert booted.world.snapshot(like=before).difference(before) == []


def test_without_the_manifest_they_are_foreign(booted: Booted) -> None:
    booted.world.run("rm", "-r", "/var/lib/kvmgen/kept")
    before = booted.world.snapshot()
    assert "! bridge br0  (kept.dsl:3: " in booted.setup(6, "plan")
    assert "bridge lan  (kept.dsl:4: " in booted.setup(6, "up")
    booted.setup(0, "down")
    assert booted.world.snapshot(like=before).difference(before) == []


@pytest.mark.parametrize("alias", ["somebody", "kvmgen:other"])
def test_one_with_an_alias_is_somebody_elses(booted: Booted, alias: str) -> None:
    booted.ip(f"link set lan alias {alias}\n")
    said = booted.setup(6, "plan")
    assert "! bridge lan" in said
    assert "= bridge br0" in said


def test_a_link_of_that_name_that_is_no_bridge_is_foreign(booted: Booted) -> None:
    booted.ip("link delete lan\nlink add lan type veth peer name other\n")
    assert "! bridge lan" in booted.setup(6, "plan")


def test_one_that_the_lab_made_is_the_labs_though_the_manifest_names_it(booted: Booted) -> None:
    booted.ip("link delete lan\n")
    booted.setup(0, "up")
    said = booted.setup(0, "down")
    assert "bridge br0 stays" in said
    assert "bridge lan stays" not in said
    assert booted.world.run("ip", "link", "show", "lan", check=False).returncode == 1


def test_the_lab_stays_up_when_the_manifest_goes(booted: Booted) -> None:
    booted.setup(0, "up")
    booted.world.run("rm", "-r", "/var/lib/kvmgen/kept/persist")
    booted.setup(0, "plan")
    assert "nothing to do" in booted.setup(0, "up")
    assert "bridge lan stays" in booted.setup(0, "restart")
    booted.setup(0, "status")
    assert "bridge br0 stays" in booted.setup(0, "down")
    assert "! bridge br0" in booted.setup(6, "plan")


def test_chains_that_the_boot_restored_are_the_labs(booted: Booted) -> None:
    booted.setup(0, "up")
    rules = booted.world.run("iptables-save").stdout
    booted.setup(0, "down")
    booted.world.run("iptables-restore", input=rules)
    plan = booted.setup(11, "plan")
    assert re.search(r"^= filter kg-forward-kept ", plan, re.MULTILINE)
    assert re.search(r"^= source-nat kg-postrouting-kept ", plan, re.MULTILINE)
    booted.setup(0, "up")
    booted.setup(0, "down")
    booted.is_as_before()
