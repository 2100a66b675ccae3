"""What the finished script says about the files that it was built from."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from gen import driver
from gen.audit import audit
from gen.diagnostics import Diagnostics, render
from gen.source import Source

LAB = """\
let guests 2
include parts/switch.dsl
vm a { nic on br-in { address 10.0.0.1/24 } }
"""
SWITCH = """\
# The switch, in a file of its own.
include "../it's shared.dsl"
network br-in isolated
"""
SHARED = "namespace n { nic e0 on br-in { address 10.0.0.9/24 } }"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lab of three files, in a folder of its own."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "lab.dsl").write_text(LAB)
    (tmp_path / "parts" / "switch.dsl").write_text(SWITCH)
    (tmp_path / "it's shared.dsl").write_text(SHARED)
    return tmp_path


def script_of(path: str | Path) -> str:
    diagnostics = Diagnostics()
    try:
        return driver.build(Source.read(path), diagnostics).script
    except driver.Stopped:
        pytest.fail(render(diagnostics))


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-s", "--", *words], input=script, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_script_of_several_files_prints_all_of_them(folder: Path) -> None:
    done = run(script_of(folder / "lab.dsl"), "source")
    assert done.returncode == 0
    assert done.stdout == (f"{LAB}\n# ---- parts/switch.dsl ----\n{SWITCH}\n# ---- it's shared.dsl ----\n{SHARED}\n")


@pytest.mark.parametrize(
    ("name", "text"), [("lab.dsl", LAB), ("parts/switch.dsl", SWITCH), ("it's shared.dsl", SHARED + "\n")]
)
def test_each_of_the_files_can_be_had_alone(folder: Path, name: str, text: str) -> None:
    assert run(script_of(folder / "lab.dsl"), "source", name).stdout == text


def test_a_file_that_the_script_was_not_built_from_is_refused(folder: Path) -> None:
    done = run(script_of(folder / "lab.dsl"), "source", "other.dsl")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("setup.sh: this was built from no file `other.dsl`\n")


def test_the_header_has_the_sum_of_each_file(folder: Path) -> None:
    script = script_of(folder / "lab.dsl")
    for name, text in (("lab.dsl", LAB), ("parts/switch.dsl", SWITCH), ("it's shared.dsl", SHARED)):
        assert f"\n# sha256 of {name}: {sha256(text.encode()).hexdigest()}\n" in script


def test_an_operation_is_shown_with_the_file_and_line_that_ask_for_it(folder: Path) -> None:
    said = run(script_of(folder / "lab.dsl"), "explain").stdout
    places = {line.split(maxsplit=1)[1] for line in said.splitlines() if line.startswith("  from ")}
    assert {
        "parts/switch.dsl:3: network br-in isolated",
        f"it's shared.dsl:1: {SHARED}",
        "lab.dsl:3: vm a { nic on br-in { address 10.0.0.1/24 } }",
    } == places


def test_a_script_of_several_files_is_clean(folder: Path) -> None:
    assert audit(script_of(folder / "lab.dsl")).findings == ()


def test_the_same_files_give_the_same_bytes_wherever_the_build_is_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute = script_of(folder / "lab.dsl")
    for place, path in (
        (folder, "lab.dsl"),
        (folder / "parts", "../lab.dsl"),
        (folder.parent, f"{folder.name}/lab.dsl"),
    ):
        monkeypatch.chdir(place)
        assert script_of(path) == absolute


@pytest.mark.parametrize(
    "name", ["od\nd.dsl", "\x1b[31mred.dsl", "\udcff\udcfe.dsl", "grün.dsl", "'$(x)`;.dsl", "..dsl"]
)
def test_a_file_may_have_any_name_and_is_shown_in_printable_characters(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(SHARED.replace("on br-in ", "") + "\nnamespace m\nlink n.e0 - m.e0 10.0.0.8/24\n")
    script = script_of(tmp_path / name)
    shown = "".join(char if char.isprintable() else "?" for char in name)
    assert f"\n# sha256 of {shown}: " in script
    assert f"  from   {shown}:1: " in run(script, "explain").stdout


def test_bash_can_run_the_script_of_two_thousand_namespaces(tmp_path: Path) -> None:
    lab = "network lan isolated\nfor i in 1..2000 { namespace h$i { nic eth0 on lan { mtu 1400 } } }\n"
    path = tmp_path / "setup.sh"
    path.write_text(driver.build(Source("lab.dsl", lab), Diagnostics()).script)
    done = subprocess.run(["bash", path, "commands"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ip netns add") == 2000
