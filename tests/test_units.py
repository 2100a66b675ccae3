"""What a host's boot starts of a lab: units as systemd itself reads them, and EL 6's script as its init calls it.

`pytest tests/test_units.py --update` writes tests/persist/units.txt anew: read the difference.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from gen import driver, profile
from gen.audit.program import find
from gen.audit.shellcheck import shellcheck
from gen.diagnostics import Diagnostics
from gen.persist import Kept
from gen.persist.units import units
from gen.source import Source
from tests.snapshot import Snapshot
from tests.world import World

TESTS = Path(__file__).parent
LABS = ("bridged", "isolated", "language", "nat", "netns-basics", "routed")
TWO_BRIDGES = """
lab two
target centos6
network br-a isolated { address 10.1.0.254/24 }
network br-b isolated { address 10.2.0.254/24 }
"""
SCRIPT = "/etc/rc.d/init.d/kvmgen-two"
LOCK = "/var/lock/subsys/kvmgen-two"


def kept(source: Source, target: str) -> dict[str, Kept]:
    lab = driver.analyse(source, Diagnostics())
    return {kept.path: kept for kept in units(lab, profile.load(target))}


def test_units_are_as_they_were_reviewed(request: pytest.FixtureRequest) -> None:
    guests = "lab l\nnetwork n isolated\nvm web-1 { nic on n }\nvm spare { nic on n  autostart off }\n"
    text = ""
    for lab, target in ((guests, "debian12"), (TWO_BRIDGES, "centos6")):
        for path, unit in kept(Source("lab.dsl", lab), target).items():
            text += f"==> {unit.how} {unit.mode} {path}\n{unit.text}\n"
    expected = TESTS / "persist" / "units.txt"
    if request.config.getoption("--update"):
        expected.write_text(text)
    assert text == expected.read_text()


def said_by_systemd(folder: Path, *names: str) -> str:
    """What systemd finds wrong with units: its exit status is 0 for unknown keys too."""
    command = ["systemd-analyze", "verify", "--man=no", *names]
    done = subprocess.run(command, capture_output=True, text=True, env={"SYSTEMD_UNIT_PATH": f"{folder}:"}, check=False)
    return done.stdout + done.stderr


@pytest.mark.live
@pytest.mark.parametrize("name", LABS)
def test_systemd_has_nothing_to_say_about_the_units_of_a_lab(name: str, tmp_path: Path) -> None:
    path = TESTS / "labs" / f"{name}.dsl"
    for unit in kept(Source(path.name, path.read_text()), "debian12").values():
        place = tmp_path / Path(unit.path).relative_to("/etc/systemd/system")
        place.parent.mkdir(exist_ok=True)
        if unit.how == "link":
            place.symlink_to(tmp_path / Path(unit.text).name)
        else:
            place.write_text(unit.text)
    started = {Path(file.name).name for file in tmp_path.glob("*.wants/*")}
    assert started
    assert said_by_systemd(tmp_path, *started) == ""
    lab = next(tmp_path.glob("kvmgen-*[!@].service"))
    lab.write_text(lab.read_text().replace("RemainAfterExit", "RemainsAfterExit"))
    assert "RemainsAfterExit" in said_by_systemd(tmp_path, lab.name)


def test_each_guest_that_starts_with_the_lab_has_an_instance_that_the_lab_wants() -> None:
    text = (
        "lab l\nnetwork n isolated\nvm web-1 { nic on n }\nvm db { nic on n }\nvm spare { nic on n  autostart off }\n"
    )
    links = {path: unit.text for path, unit in kept(Source("l.dsl", text), "rocky9").items() if unit.how == "link"}
    system = "/etc/systemd/system"
    assert links == {
        f"{system}/multi-user.target.wants/kvmgen-l.service": f"{system}/kvmgen-l.service",
        f"{system}/kvmgen-l.service.wants/kvmgen-l-vm@web-1.service": f"{system}/kvmgen-l-vm@.service",
        f"{system}/kvmgen-l.service.wants/kvmgen-l-vm@db.service": f"{system}/kvmgen-l-vm@.service",
    }


def test_the_links_of_el6_are_those_that_chkconfig_makes_of_the_header() -> None:
    written = kept(Source("two.dsl", TWO_BRIDGES), "centos6")
    header = re.search(r"^# chkconfig: (\d+) (\d+) (\d+)$", written[SCRIPT].text, re.MULTILINE)
    assert header
    levels, start, stop = header.groups()
    places = [f"rc{n}.d/{f'S{start}' if n in levels else f'K{stop}'}kvmgen-two" for n in "0123456"]
    assert [path for path, unit in written.items() if unit.how == "link"] == [f"/etc/rc.d/{place}" for place in places]
    assert {unit.text for unit in written.values() if unit.how == "link"} == {"../init.d/kvmgen-two"}


def test_the_script_of_el6_is_clean_bash() -> None:
    text = kept(Source("two.dsl", TWO_BRIDGES), "centos6")[SCRIPT].text
    assert shellcheck(text) == []
    shfmt = find("shfmt")
    assert shfmt
    assert subprocess.run([shfmt, "-d", "-i", "2", "-ci"], input=text, text=True, capture_output=True).stdout == ""


@pytest.mark.live
def test_init_of_el6_starts_stops_and_asks_as_the_lsb_says(world: World) -> None:
    before = installed(world)
    assert init(world, "status") == 3
    assert init(world, "condrestart") == 0
    assert init(world, "status") == 3
    assert init(world, "start") == 0
    assert init(world, "start") == 0
    world.run("test", "-e", LOCK)
    assert init(world, "status") == 0
    world.run("ip", "link", "delete", "br-b")
    assert init(world, "status") == 4
    assert init(world, "restart") == 0
    assert init(world, "status") == 0
    assert init(world, "stop") == 0
    assert init(world, "stop") == 0
    assert init(world, "status") == 3
    assert init(world, "nonsense") == 2
    assert world.snapshot(like=before) == before


@pytest.mark.live
def test_when_the_host_goes_down_the_networks_are_left_to_end_with_it(world: World) -> None:
    installed(world)
    assert init(world, "start") == 0
    world.write("/sbin/runlevel", "#!/bin/sh\necho 3 6\n", 0o755)  # the world has no init of its own
    up = world.snapshot()
    assert init(world, "stop") == 0
    world.run("test", "!", "-e", LOCK)
    world.run("touch", LOCK)
    assert world.snapshot(like=up) == up


def installed(world: World) -> Snapshot:
    built = driver.build(Source("two.dsl", TWO_BRIDGES), Diagnostics())
    world.write("/var/lib/kvmgen/two/persist/setup.sh", built.script, 0o700)
    world.write(SCRIPT, kept(Source("two.dsl", TWO_BRIDGES), "centos6")[SCRIPT].text, 0o755)
    world.run("mkdir", "-p", "/var/lock/subsys")
    return world.snapshot()


def init(world: World, word: str) -> int:
    return world.run(SCRIPT, word, check=False).returncode
