"""`persist` and `unpersist` on a private host: all or nothing, and byte for byte back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults import KINDS, Call, Fault, Shims
from tests.live.conftest import Running
from tests.world import World

pytestmark = pytest.mark.live

Start = Callable[..., Running]

LAB = """
host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 } }
network br0 bridged { uplink ens33 }
network br1 nat { address 10.3.0.254/24  via br0 }
namespace a { nic e on br1 { address 10.3.0.1/24 } }
"""
INTERFACES = """\
# what the installer wrote
source /etc/network/interfaces.d/*

auto lo ens33
iface lo inet loopback

# the LAN
iface ens33 inet static
    address 192.168.0.162/16
    # not the old one
    gateway 192.168.0.1

auto eth1
iface eth1 inet dhcp
"""
OURS = "/etc/network/interfaces.d/kvmgen-lab"
RULES = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"


def furnish(world: World, interfaces: str = "source /etc/network/interfaces.d/*\n") -> None:
    """A Debian host whose boot reads ifupdown's files."""
    write(world, "/etc/network/interfaces", interfaces)
    world.run(
        "mkdir", "-p", "/etc/network/interfaces.d", "/etc/iptables", "/etc/systemd/system/multi-user.target.wants"
    )
    world.run("touch", "/etc/systemd/system/multi-user.target.wants/networking.service")
    world.run("chmod", "600", "/etc/network/interfaces")


def write(world: World, path: str, text: str) -> None:
    world.run("bash", "-c", 'printf %s "$1" >"$2"', "-", text, path)


def read(world: World, path: str) -> str:
    return world.run("cat", path).stdout


@pytest.fixture
def lab(start: Start) -> Running:
    running = start("lab", text=LAB)
    furnish(running.world)
    running.before = running.world.snapshot()
    return running


def test_persist_unpersist_and_persist_again_give_the_same_bytes_each_time(lab: Running) -> None:
    said = lab.setup("persist").stdout
    assert "is persisted" in said
    assert "bridge_ports ens33" in read(lab.world, OURS)
    persisted = lab.world.snapshot()
    assert "nothing to do" in lab.setup("persist").stdout
    assert lab.world.snapshot() == persisted
    lab.setup("unpersist")
    assert lab.world.snapshot() == lab.before
    lab.setup("persist")
    assert lab.world.snapshot() == persisted
    lab.setup("unpersist")
    assert lab.world.snapshot() == lab.before
    assert "nothing to do" in lab.setup("unpersist").stdout


def test_a_dry_run_prints_the_difference_and_touches_nothing(lab: Running) -> None:
    before = lab.world.snapshot(exact=True)
    said = lab.setup("persist", "--dry-run").stdout
    assert f"+++ {OURS}\n" in said
    assert "\n+    bridge_ports ens33\n" in said
    assert lab.world.snapshot(exact=True, like=before) == before


def test_a_foreign_file_is_refused_with_its_line_and_adopt_gives_it_back_later(lab: Running) -> None:
    write(lab.world, OURS, "mine\n")
    lab.world.run("chmod", "640", OURS)
    lab.world.run("chown", "nobody", OURS)
    before = lab.world.snapshot()
    refused = lab.setup("persist", check=False)
    assert refused.returncode == 6
    assert f"{OURS}: this lab did not write it  (lab.dsl:3: network br0 bridged {{ uplink ens33 }})" in refused.stderr
    assert lab.world.snapshot() == before
    lab.setup("persist", "--adopt")
    assert "bridge_ports ens33" in read(lab.world, OURS)
    lab.setup("unpersist")
    assert lab.world.snapshot() == before


def test_a_stanza_of_the_uplink_elsewhere_is_in_the_way_and_is_set_aside(lab: Running) -> None:
    furnish(lab.world, INTERFACES)
    before = lab.world.snapshot()
    refused = lab.setup("persist", check=False)
    assert refused.returncode == 6
    assert "/etc/network/interfaces: it configures ens33" in refused.stderr
    lab.setup("persist", "--adopt")
    assert read(lab.world, "/etc/network/interfaces") == INTERFACES.replace("auto lo ens33", "auto lo").replace(
        "iface ens33 inet static\n    address 192.168.0.162/16\n    # not the old one\n    gateway 192.168.0.1\n", ""
    )
    assert "nothing to do" in lab.setup("persist").stdout
    lab.setup("unpersist")
    assert lab.world.snapshot() == before


def test_rules_go_into_the_hosts_own_file_and_come_out_again(lab: Running) -> None:
    write(lab.world, "/etc/iptables/rules.v4", RULES)
    before = lab.world.snapshot()
    lab.setup("persist")
    merged = read(lab.world, "/etc/iptables/rules.v4")
    lines = merged.splitlines()
    assert [line for line in RULES.splitlines() if line not in lines] == []
    assert lines.index("-A INPUT -i lo -j ACCEPT") < lines.index("# kvmgen:lab begin") < lines.index("COMMIT")
    lab.world.run("unshare", "-n", "iptables-restore", "--test", "/etc/iptables/rules.v4")
    write(lab.world, "/etc/iptables/rules.v4", merged.replace("-A INPUT", "-A INPUT -s 10.0.0.1 -j ACCEPT\n-A INPUT"))
    lab.setup("unpersist")
    assert read(lab.world, "/etc/iptables/rules.v4") == RULES.replace("-A", "-A INPUT -s 10.0.0.1 -j ACCEPT\n-A", 1)
    write(lab.world, "/etc/iptables/rules.v4", RULES)
    assert lab.world.snapshot() == before


def test_rules_that_iptables_does_not_take_stay_as_they_were(lab: Running) -> None:
    write(lab.world, "/etc/iptables/rules.v4", RULES)
    lab.world.run("bash", "-c", "printf '#!/bin/bash\\necho no such match >&2\\nexit 2\\n' >/usr/sbin/iptables-restore")
    before = lab.world.snapshot()
    refused = lab.setup("persist", check=False)
    assert refused.returncode == 1
    assert "no such match" in refused.stderr
    assert lab.world.snapshot() == before


def test_what_was_changed_since_stays_and_is_named(lab: Running) -> None:
    lab.setup("persist")
    write(lab.world, OURS, "edited\n")
    assert f"differs: {OURS} was changed" in lab.setup("status", check=False).stdout
    left = lab.setup("unpersist", check=False)
    assert left.returncode == 8
    assert f"{OURS}: it was changed since" in left.stderr
    assert read(lab.world, OURS) == "edited\n"
    assert lab.world.run("test", "-e", "/etc/systemd/system/kvmgen-lab.service", check=False).returncode == 1
    lab.world.run("rm", OURS)
    lab.setup("unpersist")
    assert lab.world.snapshot() == lab.before


def test_below_a_root_the_running_system_is_not_touched(lab: Running) -> None:
    lab.edit(LAB.replace("uplink ens33 }", "uplink ens33  mac 52:54:00:00:00:01 }"))
    lab.world.run("mkdir", "-p", "/srv/image/etc/network")
    write(lab.world, "/srv/image/etc/network/interfaces", "source /etc/network/interfaces.d/*\n")
    before = lab.world.snapshot()
    lab.setup("persist", "--root", "/srv/image")
    assert "bridge_ports ens33" in read(lab.world, f"/srv/image{OURS}")
    assert lab.world.run("test", "-e", OURS, check=False).returncode == 1
    assert lab.world.run("test", "-x", "/srv/image/var/lib/kvmgen/lab/persist/setup.sh").returncode == 0
    assert "persisted: no" in lab.setup("status", check=False).stdout
    lab.setup("unpersist", "--root", "/srv/image")
    assert lab.world.snapshot() == before
    assert lab.setup("persist", "--root", "/nowhere", check=False).returncode == 2


def test_no_way_leads_out_of_a_root(lab: Running) -> None:
    lab.world.run("mkdir", "-p", "/srv/image/etc", "/srv/image/etc/systemd")
    lab.world.run("ln", "-s", "/etc/network", "/srv/image/etc/network")
    before = lab.world.snapshot()
    refused = lab.setup("persist", "--root", "/srv/image", check=False)
    assert refused.returncode == 1
    assert "leads out of /srv/image" in refused.stderr
    assert lab.world.snapshot() == before


def test_persist_is_refused_until_the_move_of_the_uplink_is_confirmed(lab: Running) -> None:
    lab.setup("up")
    assert lab.setup("persist", check=False).returncode == 10
    lab.world.run("setsid", "bash", lab.path, "confirm")
    lab.setup("persist")
    assert "lab is up; persisted: yes" in lab.setup("status").stdout
    assert json.loads(lab.setup("status", "--json").stdout)["persisted"] == "yes"
    lab.setup("down")
    assert "persisted: yes" in lab.setup("status", check=False).stdout
    lab.setup("unpersist")
    assert lab.world.snapshot() == lab.before


def test_another_build_differs_until_it_is_persisted(lab: Running) -> None:
    lab.setup("persist")
    lab.edit(LAB.replace("10.3.0.254", "10.3.0.253"))
    assert "differs: another build of this lab was persisted" in lab.setup("status", check=False).stdout
    lab.setup("persist")
    assert "10.3.0.253/24" in read(lab.world, OURS)
    lab.edit("namespace a\n")
    lab.setup("persist")
    assert lab.world.run("test", "-e", OURS, check=False).returncode == 1
    lab.setup("unpersist")
    lab.edit(LAB)
    assert lab.world.snapshot() == lab.before


def test_a_host_whose_boot_reads_no_such_files_is_told_what_it_lacks(lab: Running) -> None:
    write(lab.world, "/etc/network/interfaces", "auto lo\niface lo inet loopback\n")
    lab.world.run("rm", "/etc/systemd/system/multi-user.target.wants/networking.service")
    before = lab.world.snapshot()
    refused = lab.setup("persist", check=False)
    assert refused.returncode == 5
    assert "systemctl enable networking" in refused.stderr
    assert "source /etc/network/interfaces.d/*" in refused.stderr
    assert lab.world.snapshot() == before


def test_a_lab_that_does_not_tell_the_uplinks_address_cannot_be_persisted(start: Start) -> None:
    lab = start("lab", text="network br0 bridged { uplink ens33 }\n")
    refused = lab.setup("persist", check=False)
    assert refused.returncode == 5
    assert "add `nic ens33 { address ...  gateway ... }` to `host`" in refused.stderr
    assert lab.world.snapshot() == lab.before


WRITERS = ("mv", "ln", "cp", "chmod", "mkdir", "rm")


def stops(calls: Sequence[Call]) -> Iterator[Fault]:
    """At each call that writes: failure and both ways to be killed; and at every call another way in its turn."""
    for number, call in enumerate(calls):
        kinds = {KINDS[number % len(KINDS)]}
        if call.words.startswith(WRITERS):
            kinds |= {"fail", "KILL before", "KILL after"}
        yield from (Fault(kind, call) for kind in sorted(kinds) if not call.words.startswith("flock"))


@pytest.mark.parametrize("adopting", [False, True], ids=["anew", "adopting"])
def test_whatever_stops_persist_each_file_is_the_old_or_the_new_and_all_are_put_back(
    adopting: bool, start: Start, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    lab = start("lab", text=LAB)
    furnish(lab.world, INTERFACES if adopting else "source /etc/network/interfaces.d/*\n")
    if adopting:
        write(lab.world, OURS, "mine\n")
        write(lab.world, "/etc/iptables/rules.v4", RULES)
    (tmp_path / "shims").mkdir()
    shims = Shims(lab.world, tmp_path / "shims")
    command = ("bash", lab.path, "persist", *(["--adopt"] if adopting else []))
    before = lab.world.snapshot()
    old = forms(lab.world)
    calls = [call for call in shims.record(*command) if not call.verb]
    new = forms(lab.world)
    lab.setup("unpersist")
    assert lab.world.snapshot() == before
    tried = restored = 0
    for fault in stops(calls):
        tried += 1
        done = shims.run(fault, *command)
        said = f"{fault}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        for path, form in forms(lab.world).items():
            assert form in (old[path], new[path]), f"{path}: {form}\n{said}"
        if done.returncode == 0:
            lab.setup("unpersist")
        elif done.returncode == 137:
            lab.setup("unpersist", "--wait", "20")
        assert lab.world.snapshot() == before, said
        restored += 1
    record_property("faults of persist tried", tried)
    record_property("hosts restored", restored)


def forms(world: World) -> dict[str, str]:
    """Mode and text of every file that persist may write or set aside."""
    each = 'if [ -L "$f" ]; then readlink "$f"; elif [ -e "$f" ]; then stat -c %a "$f"; cat "$f"; fi; echo @'
    found = world.run("sh", "-c", f"for f; do {each}; done", "-", *FILES).stdout.split("@\n")
    return dict(zip(FILES, found, strict=False))


FILES = (
    OURS,
    "/etc/network/interfaces",
    "/etc/iptables/rules.v4",
    "/etc/systemd/system/kvmgen-lab.service",
    "/etc/systemd/system/multi-user.target.wants/kvmgen-lab.service",
    "/etc/sysctl.d/90-kvmgen-lab.conf",
)
