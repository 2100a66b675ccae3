"""The documents: LANGUAGE.md's tables are those of the compiler, its labs build, and no link leads nowhere.

`pytest tests/test_docs.py --update` writes the tables anew.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest

from gen import cli, driver
from gen.bind import split
from gen.codes import CODES
from gen.diagnostics import Diagnostics, render
from gen.source import Source
from gen.syntax.format import format_source
from gen.values import TYPES
from gen.vocabulary import SECOND_RING, table

ROOT = Path(__file__).parent.parent
LANGUAGE = ROOT / "LANGUAGE.md"
DOCUMENTS = sorted(ROOT.glob("*.md"))


def rows(heading: tuple[str, str], lines: list[tuple[str, str]]) -> str:
    """A table of two columns."""
    cells = [heading, ("---", "---"), *((f"`{name}`".replace("|", "\\|"), text) for name, text in lines)]
    return "".join(f"| {left} | {right} |\n" for left, right in cells)


GENERATED = {
    "keywords": table(),
    "values": rows(("word", "stands for"), [(name, kind.noun) for name, kind in TYPES.items()]),
    "codes": rows(("code", "mistake"), [(code, explanation.title) for code, explanation in CODES.items()]),
    "later": ", ".join(f"`{word}`" for word in sorted(SECOND_RING)) + ".\n",
}


@pytest.mark.parametrize("name", GENERATED)
def test_a_table_of_the_language_is_what_the_compiler_knows(name: str, request: pytest.FixtureRequest) -> None:
    between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    if request.config.getoption("--update", default=False):
        LANGUAGE.write_text(between.sub(lambda _: f"\n{GENERATED[name]}\n", LANGUAGE.read_text()))
    assert between.findall(LANGUAGE.read_text()) == [f"\n{GENERATED[name]}\n"], "see --update"


def blocks_of(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)


LABS = [
    pytest.param(text, id=f"{document.stem}-{number}")
    for document in DOCUMENTS
    for number, text in enumerate(blocks_of(document, "text"), 1)
]


@pytest.mark.parametrize("text", LABS)
def test_a_lab_in_a_document_builds_without_a_warning(text: str) -> None:
    diagnostics = Diagnostics()
    with suppress(driver.Stopped):
        driver.build(Source("lab.dsl", text), diagnostics)
    assert render(diagnostics) == ""


@pytest.mark.parametrize("text", LABS)
def test_a_lab_in_a_document_is_laid_out_as_fmt_does(text: str) -> None:
    assert format_source(Source("lab.dsl", text), Diagnostics(), split) == text


def test_the_mistake_in_the_language_is_drawn_as_it_is_there() -> None:
    (session,) = blocks_of(LANGUAGE, "console")
    command, _, drawing = session.partition("\n")
    assert command == "$ kvmgen check lab.dsl"
    diagnostics = Diagnostics()
    with pytest.raises(driver.Stopped):
        driver.analyse(Source("lab.dsl", "vm a {\n    memroy 128M\n}\n"), diagnostics)
    assert render(diagnostics) == drawing


def test_the_exit_codes_in_the_language_are_those_of_the_command_line() -> None:
    section = LANGUAGE.read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert codes == {0, cli.LAB_ERRORS, cli.USAGE, cli.BUG, cli.OUTPUT, cli.INTERRUPTED}


def test_every_command_is_named_in_the_language() -> None:
    text = LANGUAGE.read_text()
    assert [name for name in cli.cli.commands if f"kvmgen {name}" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_inside_the_project_leads_somewhere(document: Path) -> None:
    text = document.read_text()
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if not path.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / path).exists(), target
            assert not anchor or path or anchor in anchors, target
