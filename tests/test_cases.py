"""Every lab of tests/labs, built: the committed script in out/, byte for byte, and what holds for all of them.

`pytest tests/test_cases.py --update` writes out/ anew: read the difference.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from gen import driver, profile
from gen.audit import audit, parts
from gen.audit.rules import tree_findings
from gen.audit.shellcheck import shellcheck
from gen.bind import split
from gen.diagnostics import Diagnostics, render
from gen.plan import Plan, plan
from gen.source import Source
from gen.syntax.format import format_source

ROOT = Path(__file__).parent.parent
LABS = sorted((ROOT / "tests" / "labs").rglob("*.dsl"))
OUT = ROOT / "out"


@dataclass(frozen=True)
class Case:
    """A lab and a target; `folder` is where out/ keeps what is built of it."""

    lab: Path
    target: str

    def __str__(self) -> str:
        return f"{self.lab.stem}-{self.target}"

    @property
    def folder(self) -> Path:
        return OUT / self.lab.relative_to(ROOT / "tests" / "labs").with_suffix("") / self.target


CASES = [Case(lab, target) for lab in LABS for target in ("centos7", "debian12")]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_lab = pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)


def read(lab: Path) -> Source:
    """The lab under the name by which a person in the project's folder calls it."""
    return Source(str(lab.relative_to(ROOT)), lab.read_text(encoding="utf-8"))


@cache
def built(case: Case) -> driver.Build:
    diagnostics = Diagnostics()
    try:
        return driver.build(read(case.lab), diagnostics, case.target)
    except driver.Stopped:
        pytest.fail(render(diagnostics))


def planned(source: Source, target: str) -> Plan:
    diagnostics = Diagnostics()
    made = plan(driver.analyse(source, diagnostics), profile.load(target), diagnostics)
    assert made is not None
    return made


@every_case
def test_out_holds_what_build_gives(case: Case, request: pytest.FixtureRequest) -> None:
    files = built(case).files
    if request.config.getoption("--update"):
        for name, text in files.items():
            path = case.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    found = {str(p.relative_to(case.folder)): p.read_text() for p in case.folder.rglob("*") if p.is_file()}
    assert sorted(found) == sorted(files)
    for name, text in files.items():
        assert found[name] == text, f"{case.folder / name} is not what build gives: see --update"


def test_out_holds_nothing_else() -> None:
    expected = {case.folder for case in CASES}
    assert {path.parent for path in OUT.rglob("setup.sh")} == expected


def test_the_runtime_is_noted_as_one_that_the_checkers_accept(request: pytest.FixtureRequest) -> None:
    script = built(CASES[0]).script
    assert shellcheck(script) == []
    assert tree_findings(script)[0] == []
    if request.config.getoption("--update"):
        parts.note().write_text(f"{parts.runtime_sum()}\n", encoding="ascii")
    assert parts.is_vouched(), f"the runtime has changed: `make out` notes in {parts.note().name} that it is accepted"


@every_case
def test_the_audit_accepts_the_script(case: Case) -> None:
    assert audit(built(case).script).findings == ()


@every_case
def test_bash_reads_the_script_and_shellcheck_and_shfmt_have_nothing_to_say(case: Case) -> None:
    for name, text in built(case).files.items():
        if text.startswith("#!"):
            assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0, name
            assert name == "setup.sh" or shellcheck(text) == [], name
            shfmt = [str(Path(sys.executable).parent / "shfmt"), "-d", "-i", "2", "-ci"]
            done = subprocess.run(shfmt, input=text, text=True, capture_output=True, check=False)
            assert done.stdout == "", name


@every_lab
def test_the_same_lab_gives_the_same_bytes_whatever_the_hash_seed(lab: Path) -> None:
    command = [sys.executable, "-m", "gen", "build", "--no-shellcheck", str(lab.relative_to(ROOT))]
    scripts = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, cwd=ROOT).stdout
        for seed in ("1", "2")
    }
    assert len(scripts) == 1


@every_lab
def test_a_formatted_lab_is_stable_and_builds_the_same(lab: Path) -> None:
    diagnostics = Diagnostics()
    source = read(lab)
    formatted = Source(source.name, format_source(source, diagnostics, split))
    assert format_source(formatted, diagnostics, split) == formatted.text
    before, after = planned(source, "debian12"), planned(formatted, "debian12")
    assert [(o.do, o.undo, o.probe) for o in before.operations] == [(o.do, o.undo, o.probe) for o in after.operations]


@every_case
def test_operations_are_numbered_in_order_and_lie_within_earlier_ones(case: Case) -> None:
    operations = list(planned(read(case.lab), case.target).operations)
    assert [operation.number for operation in operations] == list(range(1, len(operations) + 1))
    assert all(operation.within < operation.number for operation in operations)
    for operation in operations:
        assert operation.probe or operation.file, f"operation {operation.number} cannot say whether it is done"


@every_case
def test_the_script_prints_the_lab_that_it_was_built_from(case: Case) -> None:
    script = built(case).script
    done = subprocess.run(["bash", "-s", "source"], input=script, text=True, capture_output=True, check=False)
    assert done.stdout == case.lab.read_text(), done.stderr
