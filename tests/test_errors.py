"""Labs with mistakes: what is found, where, and how it is drawn.

tests/errors/NAME.dsl marks its mistakes in place. `#! code` or `#! code: piece of the label` at the end of a line says
that the code is reported for that line; several may follow each other, and `#!+1 code` is about the next line, for
lines that can bear no comment. A lab without marks has nothing wrong with it. NAME.txt holds the whole drawing;
`pytest tests/test_errors.py --update` writes it anew: read the difference.
"""

from __future__ import annotations

import re
from contextlib import chdir
from functools import cache
from pathlib import Path

import pytest

from gen import driver, profile
from gen.codes import CODES
from gen.diagnostics import Diagnostics, render
from gen.plan import plan
from gen.source import Source

ROOT = Path(__file__).parent.parent
ERRORS = sorted((ROOT / "tests" / "errors").glob("*.dsl"))
LABS = sorted((ROOT / "tests" / "labs").rglob("*.dsl"))
MARK = re.compile(r"#!([+-]\d+)? ([a-z0-9-]+)(?:: (.*?))?(?=\s*#!|\s*$)")

every_case = pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.stem)


def found_in(source: Source) -> Diagnostics:
    """All that any pass up to the plan says about the lab."""
    diagnostics = Diagnostics()
    try:
        lab = driver.analyse(source, diagnostics)
        plan(lab, profile.load(lab.target), diagnostics)
    except driver.Stopped:
        pass
    return diagnostics


@cache
def found_in_case(case: Path) -> Diagnostics:
    # Messages show the path, and `include` goes by it.
    with chdir(ROOT):
        return found_in(Source(f"tests/errors/{case.name}", case.read_text(encoding="utf-8")))


def marks_of(case: Path) -> list[tuple[int, str, str]]:
    """What the lab itself says is wrong with it: line, code, piece of the label."""
    return [
        (number + int(offset or 0), code, label)
        for number, line in enumerate(case.read_text(encoding="utf-8").splitlines(), 1)
        for offset, code, label in MARK.findall(line)
    ]


@every_case
def test_a_lab_has_the_mistakes_that_are_marked_in_it_and_no_others(case: Path) -> None:
    marked = sorted(marks_of(case))
    found = sorted((one.label.span.line, one.code, one.label.text) for one in found_in_case(case))
    assert [one[:2] for one in found] == [one[:2] for one in marked]
    for number, code, piece in marked:
        assert any(piece in text for line, other, text in found if (line, other) == (number, code)), (number, piece)


@every_case
def test_the_mistakes_of_a_lab_are_drawn_as_pinned(case: Path, request: pytest.FixtureRequest) -> None:
    drawing = render(found_in_case(case))
    pinned = case.with_suffix(".txt")
    if request.config.getoption("--update"):
        pinned.unlink(missing_ok=True)
        if drawing:
            pinned.write_text(drawing, encoding="utf-8")
    assert drawing == (pinned.read_text(encoding="utf-8") if pinned.exists() else "")


def test_every_drawing_belongs_to_a_lab() -> None:
    assert {path.stem for path in (ROOT / "tests" / "errors").glob("*.txt")} <= {case.stem for case in ERRORS}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_case(code: str) -> None:
    assert any(code == found.code for case in ERRORS for found in found_in_case(case))


@pytest.mark.parametrize("code", [code for code, explanation in CODES.items() if explanation.wrong])
def test_the_wrong_example_of_a_code_has_that_mistake_alone_and_the_right_one_has_none(code: str) -> None:
    wrong, right = (found_in(Source("lab.dsl", text + "\n")) for text in (CODES[code].wrong, CODES[code].right))
    assert code in {found.code for found in wrong}
    assert {found.code for found in wrong if found.severity == "error"} <= {code}
    assert not right.has_errors
    assert code not in {found.code for found in right}


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_whole_sentences(code: str) -> None:
    explanation = CODES[code]
    assert explanation.title and not explanation.title.endswith(".")
    assert explanation.text.endswith((".", "`"))


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_the_example_labs_have_no_mistake(lab: Path) -> None:
    assert render(found_in(Source(lab.name, lab.read_text(encoding="utf-8")))) == ""
