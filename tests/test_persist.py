"""What the host's own boot reads, in every style: as committed in tests/persist/, and as each language takes it.

`pytest tests/test_persist.py --update` writes tests/persist/ anew: read the difference.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen import driver, encode, profile
from gen.diagnostics import Diagnostics
from gen.persist import STYLES, Persistence, persistence
from gen.persist.firewall import word
from gen.persist.host import HostConfig, host_config
from gen.persist.units import RC, SYSTEMD
from gen.plan import Plan, plan
from gen.profile import ProfileError
from gen.source import Source

TESTS = Path(__file__).parent
LABS = ("bridged", "nat", "isolated", "routed", "public-addresses", "language")

EVERYTHING = """
lab every-thing
host {
    nic ens33 { address 10.7.0.5/32  address 192.168.0.162/16  gateway 192.168.0.1  dns 192.168.0.1  dns 9.9.9.9 }
    nic ens34 { address 198.51.100.7/32  gateway 203.0.113.1  mtu 1400 }
}
network br-two  bridged { uplink ens33  address 172.16.0.1/24 }
network br-far  bridged { uplink ens34  stp on  mac 52:54:00:00:00:02 }
network br-slow routed  { address 10.20.0.254/24  mtu 1400  mac 52:54:00:00:00:01 }
network br-ring isolated { address 10.40.0.254/24  stp on }
network br-own  isolated { external }
network br-web  nat { address 10.30.0.254/24  via br-two  publish 192.168.0.201 to web }
namespace web { nic e on br-web { address 10.30.0.1/24 }  route default via 10.30.0.254 }
link br-slow - br-ring
"""
"""What the example labs do not have."""

HOSTS = {
    "network-scripts": "centos6", "ifcfg": "rocky8", "keyfile": "rocky9", "ifupdown": "debian12",
    "netplan": "ubuntu2404", "networkd": "debian12", "wicked": "leap15",
}  # fmt: skip
"""A profile that has the style."""


def compiled(source: Source, style: str) -> tuple[HostConfig, Plan, Persistence]:
    diagnostics = Diagnostics()
    lab = driver.analyse(source, diagnostics)
    host = profile.load(HOSTS[style]).persisting(style)
    # A host of the network-scripts alone cannot have namespaces; what it persists does not depend on them.
    made = plan(lab, replace(host, lacks={}), diagnostics)
    assert made is not None
    return host_config(lab, made), made, persistence(lab, made, host)


def sources() -> list[Source]:
    labs = [TESTS / "labs" / f"{name}.dsl" for name in LABS]
    return [*(Source(lab.name, lab.read_text()) for lab in labs), Source("every-thing.dsl", EVERYTHING)]


@pytest.mark.parametrize("style", STYLES)
def test_each_style_writes_what_was_reviewed(style: str, request: pytest.FixtureRequest) -> None:
    text = ""
    for source in sources():
        for kept in compiled(source, style)[2].kept:
            if kept.how != "rules" and not kept.path.startswith((SYSTEMD, RC)):
                text += f"==> {source.name}: {kept.how} {kept.mode} {kept.path}\n{kept.text}\n"
    expected = TESTS / "persist" / f"{style}.txt"
    if request.config.getoption("--update"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(text)
    assert text == expected.read_text()


def test_every_style_that_a_profile_names_has_what_writes_it() -> None:
    assert set(STYLES) == set(profile.STYLES)
    for name in profile.names():
        host = profile.load(name)
        assert host.persistence in host.styles


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_bash_reads_in_ifcfg_files_what_the_model_says(source: Source) -> None:
    host, _, written = compiled(source, "ifcfg")
    read = {}
    for kept in written.kept:
        name = Path(kept.path).name
        if name.startswith("ifcfg-"):
            read[name.removeprefix("ifcfg-")] = sourced(kept.text)
    ports = {bridge.port.name: bridge for bridge in host.bridges if bridge.port is not None}
    assert set(read) == {bridge.name for bridge in host.bridges} | set(ports)
    for name, bridge in ports.items():
        mtu = bridge.port.mtu if bridge.port else None
        assert (read[name]["DEVICE"], read[name]["BRIDGE"]) == (name, bridge.name)
        assert (read[name]["TYPE"], read[name].get("MTU")) == ("Ethernet", mtu and str(mtu))
        assert not {"IPADDR", "GATEWAY", "DNS1"} & set(read[name])
    for bridge in host.bridges:
        found = read[bridge.name]
        numbers = ["", *map(str, range(1, len(bridge.addresses)))] if bridge.addresses else []
        assert [f"{found[f'IPADDR{n}']}/{found[f'PREFIX{n}']}" for n in numbers] == [*map(str, bridge.addresses)]
        assert found.get("GATEWAY") == (None if bridge.far_gateway or not bridge.gateway else str(bridge.gateway))
        assert [found[key] for key in sorted(found) if key.startswith("DNS")] == [*map(str, bridge.dns)]
        assert (found["DEVICE"], found["TYPE"], found.get("MACADDR")) == (bridge.name, "Bridge", bridge.mac)
        assert (found["STP"], found.get("MTU")) == ("on" if bridge.stp else "off", bridge.mtu and str(bridge.mtu))
        assert found.get("DELAY") == (None if bridge.stp else "0")


def sourced(text: str) -> dict[str, str]:
    """The variables that an ifcfg file sets in a bash that has none, once `bash -n` takes it."""
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    before, after = (
        subprocess.run(
            ["env", "-i", "bash", "--norc", "--noprofile", "-c", f"{source}set -o posix; set"],
            input=text, text=True, capture_output=True, check=True,
        )
        for source in ("", ". /dev/stdin; ")
    )  # fmt: skip
    assert after.stderr == ""
    new = set(after.stdout.splitlines()) - set(before.stdout.splitlines())
    return {key: shlex.split(value)[0] for key, _, value in (line.partition("=") for line in new) if key != "_"}


def test_no_comment_of_an_ifcfg_file_looks_like_an_assignment() -> None:
    for source in sources():
        for kept in compiled(source, "ifcfg")[2].kept:
            assert not re.search("(?m)^#.*=", kept.text)


def test_a_lab_whose_uplink_has_no_known_address_is_refused_with_the_way_out() -> None:
    _, _, written = compiled(Source("l", "host { nic ens33 }\nnetwork br0 bridged { uplink ens33 }\n"), "ifupdown")
    ((reason, at),) = written.refused
    assert (written.kept, at.text) == ((), "ens33")
    assert reason.endswith("add `nic ens33 { address ...  gateway ... }` to `host`")


def test_bridges_and_ports_of_the_lab_have_rivals_in_every_style_that_the_host_reads() -> None:
    _, _, written = compiled(Source("l", EVERYTHING), "networkd")
    names = {"br-two", "br-far", "br-slow", "br-ring", "br-web", "ens33", "ens34"}
    assert {(rival.style, rival.nic) for rival in written.rivals} == {
        (style, name) for style in ("ifupdown", "networkd") for name in names
    }
    assert {name for name, _ in written.bridges} == names - {"ens33", "ens34"}


def test_what_is_the_hosts_own_is_not_written() -> None:
    for style in STYLES:
        _, _, written = compiled(Source("l", EVERYTHING), style)
        assert not any("br-own" in kept.text for kept in written.kept if kept.how != "rules")


def test_a_host_persists_in_a_style_that_it_reads_or_says_which_those_are() -> None:
    assert profile.load("debian12").persisting("networkd").persistence == "networkd"
    with pytest.raises(ProfileError, match="debian12 does not read `wicked` at boot; it reads: ifupdown, networkd"):
        profile.load("debian12").persisting("wicked")


@given(st.text())
def test_a_bare_word_is_one_word_in_every_language_or_refused(value: str) -> None:
    try:
        written = encode.bare(value)
    except ValueError:
        return
    assert written == value
    assert shlex.split(f"KEY={written}", comments=True) == [f"KEY={value}"]
    assert not set(written) & set(" \t\n;,#%=\"'\\$`[]{}")


@pytest.mark.parametrize("name", ["a b", "$(reboot)", "a;b", "a\nGATEWAY=1.2.3.4", "%n", ""])
def test_no_hostile_name_comes_into_a_file(name: str) -> None:
    diagnostics = Diagnostics()
    lab = driver.analyse(Source("l", EVERYTHING), diagnostics)
    made = plan(lab, profile.load("debian12"), diagnostics)
    assert made is not None
    for hostile in (
        replace(lab, name=name),
        replace(lab, networks=(replace(lab.networks[0], name=name),)),
        replace(lab, host=(replace(lab.host[0], name=name),), networks=(replace(lab.networks[0], uplink=name),)),
    ):
        with pytest.raises(ValueError, match="cannot stand in a file of the host's network"):
            host_config(hostile, made)


@given(st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"])))
def test_a_word_of_a_rule_survives_iptables_restore(text: str) -> None:
    assert as_iptables_restore_splits(f"-A INPUT --comment {word(text)} -j ACCEPT")[3] == text


def as_iptables_restore_splits(line: str) -> list[str]:
    """add_param_to_argv() of iptables' xshared.c: double quotes hold blanks, a backslash in them the next sign."""
    words: list[str] = []
    part, quoted, escaped, open = "", False, False, False
    for char in line:
        if quoted and escaped:
            part, escaped = part + char, False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted, open = not quoted, True
        elif char in " \t" and not quoted:
            words += [part] if part or open else []
            part, open = "", False
        else:
            part += char
    return [*words, part] if part or open else words
