"""Guests: how they boot, their disks, screens and user network, and what `setup.sh vm` does to them, all for real."""

from __future__ import annotations

import os
import re
import select
import termios
import time
from collections.abc import Callable

import pytest

from tests.console import Qmp
from tests.live.conftest import Running
from tests.world import reaches

pytestmark = pytest.mark.live
Start = Callable[..., Running]
both_dialects = pytest.mark.parametrize("target", ["centos7", "debian12"])


@both_dialects
def test_a_guest_is_installed_from_its_cd_and_then_boots_from_its_disk(start: Start, target: str) -> None:
    running = start("install", target)
    running.up()
    console = running.console("centos")
    assert console.ready()["boot"] == "cd"
    assert console.shell("cat /sys/block/vda/size /sys/block/vdb/size")[1].split() == ["131072", "32768"]
    console.type("reboot -f")
    assert "boot=disk" in console.wait_for(r"KVMGEN-GUEST READY[^\n]*\n", 90)[0]
    assert reaches(console, "10.10.10.254")

    other = running.console("net")
    assert (other.ready()["hostname"], other.ready()["boot"]) == ("net", "disk")
    assert "HARDDISK" in other.shell("cat /sys/bus/scsi/devices/*/model")[1]
    assert "vda" in other.shell("ls /sys/block")[1].split()

    assert "nothing to do" in running.setup("up").stdout
    running.setup("down")
    made = r"/srv/images/(centos.qcow2|data.raw|more.qcow2)"
    assert running.world.snapshot(like=running.before).without(made) == running.before
    assert (
        '"format": "qcow2"' in running.world.run("qemu-img", "info", "--output=json", "/srv/images/centos.qcow2").stdout
    )


def test_an_overlay_keeps_what_the_guest_writes_and_leaves_the_image_as_it_is(start: Start) -> None:
    running = start("user")
    image = "/srv/images/guest.qcow2"
    before = running.world.run("sha256sum", image).stdout
    running.up()
    status, output = running.console("alone").shell("echo written | dd of=/dev/vda bs=512 seek=40000 conv=fsync")
    assert status == 0, output
    running.setup("vm", "stop", "alone")
    running.setup("vm", "start", "alone")
    read = "dd if=/dev/vda bs=512 skip=40000 count=1 2>/dev/null | head -n1"
    assert running.started_again("alone").shell(read)[1] == "written\n"
    assert running.world.run("sha256sum", image).stdout == before
    assert image in running.world.run("qemu-img", "info", "-U", "/var/lib/kvmgen/user/alone-0.qcow2").stdout
    running.check_second_up_and_down()


@both_dialects
def test_the_user_network_forwards_a_port_of_the_hosts_loopback_only(start: Start, target: str) -> None:
    running = start("user", target)
    running.up()
    # QEMU's own DHCP server tells no names.
    assert running.world.connect("127.0.0.1", 2200) == "KVMGEN-GUEST guest\n"
    assert running.world.lan.connect("192.168.0.162", 2200) is None
    running.check_second_up_and_down()


@both_dialects
def test_routers_switches_and_a_guest_without_a_boot_loader(start: Start, target: str) -> None:
    running = start("kernel", target)
    running.up()
    assert running.console("direct").ready()["boot"] == "kernel"
    running.check_expects()
    for node, nic, rate in (("core", "up", "10Mbit"), ("edge", "west", "100Mbit"), ("right", "eth0", "100Mbit")):
        qdisc = running.world.netns(node).run("tc", "qdisc", "show", "dev", nic).stdout
        assert re.search(rf"qdisc tbf .* rate {rate} ", qdisc)
    assert len(running.world.netns("edge").run("ls", "/sys/class/net/sw/brif").stdout.split()) == 2
    running.check_second_up_and_down()


@both_dialects
def test_a_guest_boots_from_a_scsi_disk_and_its_screen_is_on_the_loopback(start: Start, target: str) -> None:
    lab = """
        vm s {
            memory 128M
            disk /srv/images/guest.qcow2 { overlay on  bus scsi }
            disk /srv/images/more.raw { size 8M  bus scsi  cache none }
            display vnc :7
        }
    """
    running = start("scsi", target, lab)
    running.up()
    console = running.console("s")
    assert console.ready()["boot"] == "disk"
    assert console.shell("cat /sys/bus/scsi/devices/*/model | grep -c HARDDISK")[1] == "2\n"
    listening = running.world.run("ss", "-Hltn").stdout
    assert re.findall(r"\S+:5907\b", listening) == ["127.0.0.1:5907"]
    running.setup("down")
    assert running.world.snapshot(like=running.before).without(r"/srv/images/more\.raw") == running.before


@both_dialects
def test_dhcp_on_a_link_is_served_inside_the_routers_namespace(start: Start, target: str) -> None:
    lab = """
        router r { nic down { address 10.9.0.1/24  dhcp 10.9.0.100 - 10.9.0.100  domain link.example } }
        namespace h
        link r.down - h.up 10.9.0.2/24
    """
    running = start("link", target, lab)
    running.setup("up")
    running.world.write("/root/lease", '#!/bin/sh\n[ "$1" != bound ] || echo "$ip/$mask $router $domain"\n', 0o755)
    client = ("busybox", "udhcpc", "-i", "up", "-n", "-q", "-f", "-s", "/root/lease")
    assert "10.9.0.100/24 10.9.0.1 link.example" in running.world.netns("h").run(*client).stdout
    assert "10.9.0.100" in running.world.read("/run/kvmgen/link/dnsmasq-r-down.leases")
    running.world.run("rm", "/root/lease")
    running.check_second_up_and_down()


@both_dialects
def test_a_guest_is_listed_started_stopped_and_killed(start: Start, target: str) -> None:
    running = start("console", target)
    running.setup("up")
    assert states(running) == {"serial": "running", "later": "stopped"}
    assert "-cpu" not in running.world.run("cat", f"/proc/{pid(running, 'serial')}/cmdline").stdout.split("\0")

    if target == "debian12":
        check_refused(running, "log later", 1, "later has written nothing: it was not started yet")

    started = running.setup("vm", "start", "later").stdout
    assert started == f"later is running, process {pid(running, 'later')}\n"
    assert running.setup("vm", "start", "later").stdout == "later is running\n"
    assert running.setup("status", check=False).returncode == 0
    assert ask(running, "later", "echo typed-$((40 + 2))") == "typed-42"
    if target == "debian12":
        assert "KVMGEN-GUEST READY" in running.setup("vm", "log", "later").stdout
    else:
        check_refused(running, "log later", 1, "this target's QEMU keeps no console log", "setup.sh vm console later")
    assert running.setup("vm", "stop", "later").stdout == "later is off\n"
    assert states(running) == {"serial": "running", "later": "stopped"}

    # A guest that is halted does not hear its power button.
    qmp = Qmp(running.world.path("/run/kvmgen/console/vm/serial.qmp"))
    qmp.execute("stop")
    qmp.close()
    check_refused(running, "stop serial --wait 1", 1, "has not gone off in 1 seconds", "setup.sh vm kill serial")
    assert states(running)["serial"] == "running"
    assert running.setup("vm", "kill", "serial").stdout == "serial is off\n"
    assert states(running) == {"serial": "stopped", "later": "stopped"}
    assert running.setup("status", check=False).returncode == 4
    assert "console is up: 1 made" in running.setup("up").stdout
    running.check_second_up_and_down()


@both_dialects
def test_at_a_terminal_the_console_is_left_by_its_escape_key(start: Start, target: str) -> None:
    running = start("user", target)
    running.setup("up")
    ask(running, "alone", "true")
    master, slave = os.openpty()
    settings = termios.tcgetattr(slave)
    console = running.world.popen(
        "bash", running.path, "vm", "console", "alone", stdin=slave, stdout=slave, stderr=slave
    )
    read_until(master, "leave it with Ctrl-]")
    os.write(master, b"\recho typed-$((40 + 2))\r")
    read_until(master, "typed-42")
    check_refused(running, "console alone", 7, "the console of alone is open in another terminal")
    os.write(master, b"\x1d")
    assert console.wait(20) == 0
    assert termios.tcgetattr(slave) == settings
    os.close(master)
    os.close(slave)
    assert ask(running, "alone", "echo still $((6 * 7))") == "still 42"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("start nobody", "this lab has no guest `nobody`"),
        ("console nobody", "it has serial later"),
        ("log br0", "this lab has no guest `br0`"),
        ("pause serial", "`vm pause serial` is not a command"),
        ("stop", "vm start|stop|kill|console NAME"),
        ("", "`vm` is not a command"),
    ],
)
def test_a_wrong_word_after_vm_is_told_and_nothing_is_done(start: Start, words: str, message: str) -> None:
    running = start("console")
    check_refused(running, words, 2, message)
    assert running.world.snapshot() == running.before


def test_a_guest_of_a_lab_that_is_down_is_not_started(start: Start) -> None:
    running = start("console")
    check_refused(running, "start later", 1, "console is down", "setup.sh up builds it")
    assert running.world.snapshot(like=running.before) == running.before


def test_a_link_of_somebody_elses_with_the_name_of_a_tap_is_left_alone(start: Start) -> None:
    running = start("console")
    running.world.run("ip", "tuntap", "add", "serial.0", "mode", "tap")
    running.world.run("ip", "tuntap", "add", "later.0", "mode", "tap")
    before = running.world.snapshot(exact=True)
    done = running.setup("up", check=False)
    assert done.returncode == 6
    assert "guest serial  (console.dsl:4: vm serial {)" in done.stderr
    assert "guest later  (console.dsl:13: vm later {)" not in done.stderr
    assert running.world.snapshot(exact=True) == before
    running.world.run("ip", "link", "delete", "serial.0")
    running.setup("up")
    check_refused(running, "start later", 6, "console.dsl:13: vm later {")


TWO_GUESTS = """
    defaults vm { memory 128M; disk /srv/images/guest.qcow2 { overlay on } }
    vm a { nic on br0 { address 10.0.0.1/24 } }
    vm b { nic on br0 { address 10.0.0.2/24 }; autostart off }
"""


@both_dialects
def test_guests_that_run_get_their_taps_back_into_a_bridge_made_anew(start: Start, target: str) -> None:
    before, after = (f"network br0 isolated{block}\n{TWO_GUESTS}" for block in ("", " { address 10.0.0.254/24 }"))
    running = start("anew", target, before)
    running.setup("up")
    running.setup("vm", "start", "b")
    running.configure_guests()
    assert reaches(running.console("a"), "10.0.0.2")
    processes = pid(running, "a"), pid(running, "b")

    # Somebody takes the bridge away.
    running.world.run("ip", "link", "delete", "br0")
    assert running.setup("status", check=False).returncode == 4
    assert "~ guest b" in running.setup("plan", check=False).stdout
    running.setup("up")
    assert reaches(running.console("a"), "10.0.0.2")
    assert running.setup("status", check=False).returncode == 0

    # An edit of the bridge.
    running.edit(after)
    running.setup("up")
    assert reaches(running.console("a"), "10.0.0.2")
    assert reaches(running.world, "10.0.0.2")
    assert (pid(running, "a"), pid(running, "b")) == processes
    assert "nothing to do" in running.setup("up").stdout

    running.edit(before)
    running.setup("down", "--wait", "1")
    assert running.world.snapshot(like=running.before) == running.before


@both_dialects
def test_an_edit_that_fails_leaves_the_taps_of_guests_in_the_bridge_as_it_was(start: Start, target: str) -> None:
    guest = "vm a { memory 64M; nic on br0 { address 10.0.0.1/24 } }\n"
    before = f"network br0 isolated\n{guest}"
    running = start("failing", target, before)
    running.setup("up")
    process = pid(running, "a")
    running.edit(f"network br0 isolated {{ address 10.0.0.254/24 }}\n{guest}vm b {{ memory 64M; option nonsense x }}")
    failed = running.setup("up", check=False)
    assert failed.returncode == 1
    assert "the older build stands as before" in failed.stderr
    running.edit(before)
    assert running.setup("status", check=False).returncode == 0
    assert running.world.run("ls", "/sys/class/net/br0/brif").stdout == "a.0\n"
    assert pid(running, "a") == process


def test_on_a_host_whose_ip_does_not_tell_bridges_the_ports_are_found_all_the_same(start: Start) -> None:
    lab = """
        network br0 isolated
        network br1 isolated
        link br0 - br1
        vm a { memory 64M; nic on br0 { address 10.0.0.1/24 } }
    """
    running = start("old", "centos6", lab)
    # As that of CentOS 6, whose kernel does not say which bridge a link is a port of.
    running.world.run("mv", "/usr/sbin/ip", "/usr/sbin/ip.new")
    old = "#!/bin/bash\nset -o pipefail\nip.new \"$@\" | sed 's/ master [^ ]*//'\n"
    running.world.write("/usr/sbin/ip", old, 0o755)
    running.setup("up")
    assert "nothing to do" in running.setup("up").stdout
    running.world.run("ip.new", "link", "set", "dev", "a.0", "nomaster")
    assert running.setup("status", check=False).returncode == 4
    running.setup("up")
    assert running.setup("status", check=False).returncode == 0
    running.setup("down", "--wait", "0")
    assert running.world.snapshot(like=running.before).without("files: /usr/s?bin/ip") == running.before


def check_refused(running: Running, words: str, code: int, *messages: str) -> None:
    """`setup.sh vm WORDS` ends with the code and says this, and nothing else than errors."""
    done = running.setup("vm", *words.split(), check=False)
    assert (done.returncode, done.stdout) == (code, "")
    for message in messages:
        assert message in done.stderr


def states(running: Running) -> dict[str, str]:
    """What `vm list` says of each guest."""
    lines = running.setup("vm", "list").stdout.splitlines()[1:]
    return {name: state for name, state, *_ in map(str.split, lines)}


def pid(running: Running, name: str) -> str:
    return running.world.read(f"/run/kvmgen/{running.lab.name}/vm/{name}.pid").strip()


def ask(running: Running, name: str, command: str) -> str:
    """What the command prints in the guest, by way of `vm console`, once the guest has booted."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        typed = f"\necho KG''-BEGIN; {command}; echo KG''-END\n"
        said = running.setup("vm", "console", name, input=typed).stdout
        if match := re.search(r"KG-BEGIN\s+(.*?)\s*KG-END", said, re.DOTALL):
            return match[1]
    raise AssertionError(f"{name} does not answer at its console")


def read_until(terminal: int, text: str) -> None:
    """Reads what the terminal shows until the text is in it. AssertionError: not within 20 seconds."""
    shown = ""
    end = time.monotonic() + 20
    while text not in shown:
        assert time.monotonic() < end, f"no {text!r} at the terminal: {shown}"
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
