"""`kvmgen explain CODE`: every code that can be reported is explained, and the examples of the syntax are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gen.codes import CODES
from gen.diagnostics import Diagnostics
from gen.expand import expand
from gen.lint_ifcfg.codes import CODES as IFCFG_CODES
from gen.source import Source
from gen.syntax.parser import parse

GEN = Path(__file__).parent.parent / "gen"
REPORTED = re.compile(r'\.(?:error|warning|note)\(\s*"([a-z0-9-]+)"')


def codes_reported_in(*paths: Path) -> set[str]:
    return {code for path in paths for code in REPORTED.findall(path.read_text())}


SYNTAX_CODES = sorted(codes_reported_in(GEN / "expand.py", *(GEN / "syntax").glob("*.py")))


def codes_of(text: str) -> set[str]:
    diagnostics = Diagnostics()
    expand(parse(Source("lab.dsl", text + "\n"), diagnostics), diagnostics)
    return {found.code for found in diagnostics}


def test_every_code_that_is_reported_is_explained() -> None:
    assert codes_reported_in(*GEN.rglob("*.py")) <= CODES.keys() | IFCFG_CODES.keys()


def test_the_table_is_in_the_order_of_the_alphabet() -> None:
    assert list(CODES) == sorted(CODES)


@pytest.mark.parametrize("code", SYNTAX_CODES)
def test_the_wrong_example_of_a_syntax_code_gives_that_code_and_the_right_one_gives_none(code: str) -> None:
    explanation = CODES[code]
    assert bool(explanation.wrong) == bool(explanation.right)
    if explanation.wrong:
        assert codes_of(explanation.wrong) == {code}
        assert codes_of(explanation.right) == set()
