"""The genuine readers of a host's network files bring a lab's bridges up from nothing, as `up` does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from gen import driver, profile
from gen.diagnostics import Diagnostics
from gen.persist import Persistence, persistence
from gen.plan import plan
from gen.source import Source
from tests.test_persist import sources
from tests.world import World, reaches

pytestmark = pytest.mark.live

MAC = "00:0c:29:7e:1a:62"
PINNED = (MAC, "52:54:00:00:00:01", "52:54:00:00:00:02")

LABS = {
    "every kind of network": """
host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1  dns 192.168.0.1 } }
network br-ex bridged { uplink ens33  address 172.16.0.1/24 }
network br-in isolated
network br-rt routed { address 10.20.0.254/24  address 10.21.0.254/24  mtu 1400  mac 52:54:00:00:00:01 }
network br-st isolated { address 10.40.0.254/24  stp on }
network br-nt nat { address 10.30.0.254/24  via br-ex  publish 192.168.0.201 to web }
namespace web { nic e on br-nt { address 10.30.0.1/24 }  route default via 10.30.0.254 }
namespace n { nic e on br-in { address 10.0.0.1/24 } }
""",
    "a gateway outside the subnet": """
host { nic ens33 { address 192.168.0.162/32  gateway 192.168.0.1  mtu 1400 } }
network br0 bridged { uplink ens33  stp on  mac 52:54:00:00:00:02 }
""",
}

every_lab = pytest.mark.parametrize("lab", LABS)


def persisted(lab: str, target: str, style: str | None = None) -> Persistence:
    diagnostics = Diagnostics()
    analysed = driver.analyse(Source("lab.dsl", LABS[lab]), diagnostics)
    host = profile.load(target)
    host = host.persisting(style or host.persistence)
    made = plan(analysed, host, diagnostics)
    assert made is not None
    return persistence(analysed, made, host)


def network(world: World) -> dict[str, Any]:
    """The host's part of a lab: what its bridges are, their ports, addresses and ways out, and whether it forwards.

    A bridge's own MAC is left out where the kernel gave it, and its forward delay where there is no spanning tree to
    wait for: NetworkManager writes none then. The metric of a route is the reader's own affair, and so is whether a
    gateway outside the subnet has a route of its own.
    """

    def ip(*words: str) -> Any:
        return json.loads(world.run("ip", "-d", "-j", *words).stdout)

    links = {link["ifname"]: link for link in ip("link", "show")}
    addresses = {name: list[str]() for name in links}
    for link in filter(None, ip("-4", "address", "show")):
        addresses[link["ifname"]] = sorted(f"{entry['local']}/{entry['prefixlen']}" for entry in link["addr_info"])
    nic = links["ens33"]
    found: dict[str, Any] = {
        "forwards": world.read("/proc/sys/net/ipv4/ip_forward"),
        "routes": [(r["dst"], r["gateway"], r["dev"]) for r in ip("-4", "route", "show") if "gateway" in r],
        "ens33": (nic.get("master"), nic["mtu"], nic["address"], addresses["ens33"]),
    }
    for name, link in links.items():
        about = link.get("linkinfo", {})
        if about.get("info_kind") == "bridge":
            stp = about["info_data"]["stp_state"]
            found[name] = {
                "addresses": addresses[name],
                "up": "UP" in link["flags"],
                "mtu": link["mtu"],
                "stp": stp and about["info_data"]["forward_delay"],
                "mac": link["address"] if link["address"] in PINNED else None,
                "no ipv6": world.read(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"),
            }
    return found


def rules(world: World) -> list[str]:
    """The lab's lines of `iptables-save`."""
    return [line.partition(" [")[0] for line in world.run("iptables-save").stdout.splitlines() if "kg-" in line]


@cache
def after_up(lab: str) -> tuple[dict[str, Any], list[str]]:
    """What `up` makes of a host that has the addresses that the lab tells."""
    source = Source("lab.dsl", LABS[lab])
    script = driver.build(source, Diagnostics(), "debian12").script
    far = "outside" in lab
    with World(addresses=(f"192.168.0.162/{32 if far else 16}",), gateway=None) as world:
        mtu = "1400" if far else "1500"
        world.run("ip", "link", "set", "dev", "ens33", "mtu", mtu)
        world.run("ip", "route", "add", "default", "via", "192.168.0.1", "dev", "ens33", *["onlink"] * far)
        world.run("bash", world.script(script), "up", "--no-guard", "-y")
        return network(world), rules(world)


@pytest.fixture
def booting() -> Iterator[World]:
    """A host with nothing but its NIC, as at boot."""
    with World(mac=MAC, addresses=(), gateway=None) as world:
        yield world


def furnish(world: World, written: Persistence) -> None:
    """Put the files there and read the kernel's settings, as the boot does first."""
    assert not written.refused
    for kept in written.kept:
        if kept.how == "whole":
            world.write(kept.path, kept.text.replace("@mac:ens33@", MAC), int(kept.mode, 8))
    world.run("/lib/systemd/systemd-sysctl")


def check(world: World, lab: str) -> None:
    """Wait until the host is as `up` leaves it and has a way out; AssertionError shows what differs."""
    expected = after_up(lab)[0]
    end = time.monotonic() + 30
    while True:
        for name in expected:  # what udev does when a link is new
            world.run("/lib/systemd/systemd-sysctl", f"--prefix=/net/ipv6/conf/{name}")
        found = network(world)
        if found == expected or time.monotonic() > end:
            break
        time.sleep(0.2)
    assert found == expected
    wait(lambda: reaches(world, "203.0.113.7"))  # a spanning tree takes some seconds to let anything through


def start_networkd(world: World) -> None:
    world.run("mount", "-o", "remount,ro,bind", "/sys")  # as in a container: there is no udev to wait for
    for folder in ("netif", "netif/links", "netif/leases", "netif/lldp"):
        world.run("install", "-d", "-o", "systemd-network", "-g", "systemd-network", f"/run/systemd/{folder}")
    world.popen("/lib/systemd/systemd-networkd", stdout=None, stderr=None)


def start_network_manager(world: World) -> None:
    world.run("mount", "-o", "remount,ro,bind", "/sys")
    world.run("mkdir", "/run/dbus")
    world.popen("dbus-daemon", "--system", "--nofork", "--nopidfile")
    wait(lambda: world.run("test", "-S", "/run/dbus/system_bus_socket", check=False).returncode == 0)
    world.popen("NetworkManager", "--no-daemon")
    wait(lambda: world.run("nmcli", "general", check=False).returncode == 0)


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited for half a minute"
        time.sleep(0.1)


@every_lab
def test_ifupdown_brings_it_up(booting: World, lab: str) -> None:
    furnish(booting, persisted(lab, "debian12"))
    booting.run("mkdir", "-p", "/run/network")
    assert "source /etc/network/interfaces.d/*" in booting.read("/etc/network/interfaces")
    booting.run("ifup", "-a")
    check(booting, lab)


@every_lab
def test_networkd_brings_it_up_and_leaves_cables_alone(booting: World, lab: str) -> None:
    furnish(booting, persisted(lab, "debian12", "networkd"))
    booting.write("/etc/systemd/network/50-all.network", "[Match]\nType=ether\n[Network]\nDHCP=yes\n")
    start_networkd(booting)
    check(booting, lab)
    if "br-in" in LABS[lab]:
        booting.run("ip", "link", "add", "n-e", "type", "veth", "peer", "name", "other")
        state = {"n-e": "unmanaged", "other": "configuring"}
        wait(lambda: {name: managed_by_networkd(booting, name) for name in state} == state)


def managed_by_networkd(world: World, link: str) -> str | None:
    index = world.read(f"/sys/class/net/{link}/ifindex").strip()
    said = world.run("cat", f"/run/systemd/netif/links/{index}", check=False).stdout
    return next((line.partition("=")[2] for line in said.splitlines() if line.startswith("ADMIN_STATE=")), None)


@every_lab
def test_netplan_gives_it_to_networkd(booting: World, lab: str) -> None:
    furnish(booting, persisted(lab, "ubuntu2404"))
    generated = booting.run("netplan", "generate", "--root-dir", "/")
    assert generated.stderr == ""
    start_networkd(booting)
    check(booting, lab)


ANY_NIC = """
[connection]
id=any
uuid=3f2f5a4e-0000-4000-8000-000000000001
type=ethernet
[ipv4]
method=manual
address1=10.9.9.9/24
"""
"""A connection of the host's own, for whatever NIC there is, that was used last."""


@every_lab
def test_network_manager_brings_it_up_and_leaves_cables_alone(booting: World, lab: str) -> None:
    furnish(booting, persisted(lab, "rocky9"))
    booting.write("/etc/NetworkManager/system-connections/any.nmconnection", ANY_NIC, 0o600)
    used = "[timestamps]\n3f2f5a4e-0000-4000-8000-000000000001=1800000000\n"
    booting.write("/var/lib/NetworkManager/timestamps", used)
    start_network_manager(booting)
    check(booting, lab)
    if "br-in" in LABS[lab]:
        booting.run("ip", "link", "add", "n-e", "type", "veth", "peer", "name", "other")
        wait(lambda: "other:" in booting.run("nmcli", "-t", "-f", "DEVICE,STATE", "device").stdout)
        assert "n-e:unmanaged" in booting.run("nmcli", "-t", "-f", "DEVICE,STATE", "device").stdout
        booting.run("nmcli", "connection", "up", "br-ex")
        check(booting, lab)


def test_the_boot_restores_the_rules_that_up_makes_before_the_hosts_own(booting: World) -> None:
    lab = "every kind of network"
    (kept,) = (kept for kept in persisted(lab, "rocky9").kept if kept.how == "rules")
    filter, nat = kept.text.split("COMMIT\n")[:2]
    els_own = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j REJECT\n-A INPUT -j REJECT\n"
    booting.run("iptables-restore", input=filter.replace("*filter\n", f"*filter\n{els_own}") + f"COMMIT\n{nat}COMMIT\n")
    assert rules(booting) == after_up(lab)[1]
    _, first, *_ = booting.run("iptables", "-S", "FORWARD").stdout.splitlines()
    assert first.endswith("-j kg-forward-lab")


def test_iptables_takes_the_rules_of_every_lab(booting: World) -> None:
    for source in sources():
        diagnostics = Diagnostics()
        lab = driver.analyse(source, diagnostics)
        host = profile.load("rocky9")
        made = plan(lab, host, diagnostics)
        assert made is not None
        for kept in persistence(lab, made, host).kept:
            if kept.how == "rules":
                booting.run("iptables-restore", "--test", input=kept.text)
