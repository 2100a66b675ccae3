"""Profiles are data, and a mistake in one is told with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gen import profile
from gen.profile import ProfileError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in profile.folder().glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


@pytest.mark.parametrize("name", profile.names())
def test_every_profile_is_valid_and_describes_itself(name: str) -> None:
    assert name in profile.describe(profile.load(name))


def test_the_profiles_that_are_promised_are_there() -> None:
    assert {"centos6", "centos7", "rocky8", "rocky9", "debian12", "ubuntu2404", "leap15"} <= set(profile.names())


def test_centos7_speaks_the_notes_dialect() -> None:
    centos7 = profile.load("centos7")
    assert centos7.command("bridge_add", bridge="br0") == (("brctl", "addbr", "br0"),)
    assert centos7.command("bridge_port", bridge="br0", port="vif0.0") == (("brctl", "addif", "br0", "vif0.0"),)
    assert (centos7.qemu, centos7.qemu_link) == ("/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm")


def test_leap15_keeps_its_network_in_wicked_s_files_and_no_firewall_rules() -> None:
    leap15 = profile.load("leap15")
    assert (leap15.persistence, leap15.styles, leap15.rules) == ("wicked", ("wicked",), "")
    assert "no file that is restored at boot" in profile.describe(leap15)
    assert leap15.command("bridge_add", bridge="br0") == profile.load("debian12").command("bridge_add", bridge="br0")


def test_a_profile_inherits_what_it_does_not_say() -> None:
    assert profile.load("ubuntu2404").commands == profile.load("debian12").commands


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: debian12\nbtach: true\n", "mine.yaml:2: unknown key `btach`"),
        ("extends: debian12\nbatch: perhaps\n", "mine.yaml:2: `perhaps` is not one of true, false"),
        ("extends: debian12\nrun_dir: run\n", "mine.yaml:2: `run` is not an absolute path"),
        ("extends: debian12\n\ncommands:\n  bridge_ad: []\n", "mine.yaml:4: unknown command `bridge_ad`"),
        ("extends: debian12\ncommands:\n  bridge_add:\n    - [brctl, addbr, '{brige}']\n", "mine.yaml:4: .*{brige}"),
        ("extends: debian12\ncommands:\n  bridge_add: [brctl]\n", "mine.yaml:3: .*list of commands"),
        ("extends: debian12\nbatch: true\nbatch: false\n", "mine.yaml:3: `batch` stands here twice"),
        ("extends: debian12\nlacks:\n  wheels: none\n", "mine.yaml:3: unknown feature `wheels`"),
        ("extends: debian12\nnic_style: usb\n", "mine.yaml:2: `usb` is not one of"),
        ("extends: debian12\npersistence: ifconfig\n", "mine.yaml:2: `ifconfig` is not one of network-scripts"),
        ("extends: debian12\nstyles: networkd\n", "mine.yaml:2: expected a list of words"),
        ("extends: debian12\nstyles: [networkd, nm]\n", "mine.yaml:2: `nm` is not one of network-scripts"),
        ("extends: debian12\npersistence: wicked\n", "mine does not read `wicked` at boot"),
        ("extends: mine\n", "extends itself by way of mine -> mine"),
        ("title: T\n", "`run_dir` is missing"),
        ("- a\n- b\n", "mine.yaml:1: expected a mapping"),
        ("a: [1\n", "mine.yaml:2: "),
        ("", "mine.yaml:1: a profile is a mapping"),
    ],
)
def test_a_mistake_in_a_profile_is_told_at_its_line(folder: Path, text: str, message: str) -> None:
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(ProfileError, match=message):
        profile.load("mine", folder)


def test_an_unknown_profile_is_answered_with_those_there_are() -> None:
    with pytest.raises(ProfileError, match=r"no profile `debain12`; there are: .*debian12"):
        profile.load("debain12")
