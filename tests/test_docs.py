"""The documents: their tables are those of the compiler and the script, their labs build, and no link leads nowhere.

What their sessions show is what the commands print. `pytest tests/test_docs.py --update` writes the tables and the
excerpts of scripts anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from gen import cli, driver
from gen.audit.rules import RULES
from gen.bind import split
from gen.codes import CODES
from gen.diagnostics import Diagnostics, render
from gen.lint_ifcfg import lint
from gen.lint_ifcfg.codes import CODES as IFCFG_CODES
from gen.source import Source
from gen.syntax.format import format_source
from gen.values import TYPES
from gen.vocabulary import SECOND_RING, table
from tests.guest import guest_image
from tests.world import World

ROOT = Path(__file__).parent.parent
LANGUAGE, SCRIPT, README, LINT = (ROOT / f"{name}.md" for name in ("LANGUAGE", "SCRIPT", "README", "LINT"))
DOCUMENTS = sorted(ROOT.glob("*.md"))

pytestmark = pytest.mark.xdist_group("documents")  # with --update, tests write what others read


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


@cache
def script_of(text: str) -> str:
    return driver.build(Source("lab.dsl", text), Diagnostics()).script


def usage() -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
    """What `setup.sh help` says: commands, options and exit codes, each with its meaning."""
    script = script_of("lab LAB\nnetwork br-in isolated\n")
    said = subprocess.run(["bash", "-s", "help"], input=script, capture_output=True, text=True, check=True).stdout
    listed: list[tuple[str, str]] = []
    for line in re.findall(r"^  .+$", said, re.MULTILINE):
        name, text = line[:26].strip(), line[26:]
        if len(line) > 26 and line[25] != " ":
            name, text = line.strip(), ""
        listed = [*listed, (name, text)] if name else [*listed[:-1], (listed[-1][0], f"{listed[-1][1]} {text}".strip())]
    exits = " ".join(said.partition("\nexit: ")[2].split())
    return (
        [row for row in listed if not row[0].startswith("-")],
        [row for row in listed if row[0].startswith("-")],
        re.findall(r"(\d+(?:\+N)?) (.+?)(?:, (?=\d)|$)", exits),
    )


def usage_tables() -> dict[str, str]:
    commands, options, exits = usage()
    return {
        "commands": rows(("command", "what it does"), commands),
        "options": rows(("option", "what it does"), options),
        "exits": rows(("code", "meaning"), exits),
        "findings": rows(("finding", "meaning"), list(RULES.items())),
    }


LINTED = {
    "ifcfg-codes": rows(("code", "mistake"), [(code, explained.title) for code, explained in IFCFG_CODES.items()])
}
TABLES = [
    *((LANGUAGE, name) for name in GENERATED),
    *((SCRIPT, name) for name in ("commands", "options", "exits", "findings")),
    *((LINT, name) for name in LINTED),
]


@pytest.mark.parametrize(("document", "name"), TABLES, ids=[name for _, name in TABLES])
def test_a_table_is_what_the_compiler_and_the_script_know(
    document: Path, name: str, request: pytest.FixtureRequest
) -> None:
    table = f"\n{({**GENERATED, **LINTED} if document is not SCRIPT else usage_tables())[name]}\n"
    between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    if request.config.getoption("--update", default=False):
        document.write_text(between.sub(lambda _: table, document.read_text()))
    assert between.findall(document.read_text()) == [table], "see --update"


def test_the_exit_codes_of_the_script_are_those_that_it_leaves_with() -> None:
    runtime = "".join(path.read_text() for path in (ROOT / "templates" / "runtime").glob("*.sh"))
    left_with = set(re.findall(r"\bkg_(?:die|leave) (\d+)\b", runtime))
    left_with |= set(re.findall(r"\bcode=(\d+)\b", runtime))
    left_with = {"128+N" if int(code) > 128 else code for code in left_with}
    assert left_with == {code for code, _ in usage()[2]}


def test_every_command_of_the_script_is_in_its_help() -> None:
    """Save those with a hyphen, by which one run of a script speaks to another."""
    main = (ROOT / "templates" / "runtime" / "90-main.sh").read_text()
    known = {
        word for arm in re.findall(r"^    (.*:.*)\)", main, re.MULTILINE) for word in re.findall(r"([a-z-]+):", arm)
    }
    assert "up" in known
    told = {word for name, _ in usage()[0] for word in re.findall(r"[a-z]+", name)}
    assert {word for word in known if "-" not in word} - told == set()


def test_every_option_of_the_script_is_in_its_help() -> None:
    main = (ROOT / "templates" / "runtime" / "90-main.sh").read_text()
    known = {
        option for pattern in re.findall(r"^      (-.*?)\)", main, re.MULTILINE) for option in pattern.split(" | ")
    }
    assert known - {"-*"} - {"-h", "--help", "--version", "--json"} == set(
        re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(name for name, _ in usage()[1]))
    )


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
    session = next(each for each in blocks_of(LANGUAGE, "console") if "kvmgen check" in each)
    command, _, drawing = session.partition("\n")
    assert command == "$ kvmgen check lab.dsl"
    diagnostics = Diagnostics()
    with pytest.raises(driver.Stopped):
        driver.analyse(Source("lab.dsl", "vm a {\n    memroy 128M\n}\n"), diagnostics)
    assert render(diagnostics) == drawing


def test_the_folder_of_the_linter_s_document_is_drawn_as_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (session,) = blocks_of(LINT, "console")
    shown, linted = re.split(r"^\$ .*\n", session, flags=re.MULTILINE)[1:]
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "ifcfg-br0").write_text(shown)
    monkeypatch.chdir(tmp_path)
    assert render(lint(Path("etc"))) == linted


def test_the_exit_codes_in_the_language_are_those_of_the_command_line() -> None:
    section = LANGUAGE.read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert codes == {0, cli.LAB_ERRORS, cli.USAGE, cli.NOT_REACHED, cli.BUG, cli.OUTPUT, cli.INTERRUPTED}


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


def lab_of(document: Path) -> str:
    """The document's first lab; of the script's reference, which has none of its own, the README's."""
    return next(iter(blocks_of(document, "text") or blocks_of(README, "text")))


@pytest.mark.parametrize("document", [README, SCRIPT], ids=lambda document: document.name)
def test_an_excerpt_is_of_the_script_of_the_lab(document: Path, request: pytest.FixtureRequest) -> None:
    script = script_of(lab_of(document))

    def as_built(excerpt: re.Match[str]) -> str:
        (function,) = re.findall(rf"^{excerpt[1]}\(\) {{\n.*?^}}\n", script, re.MULTILINE | re.DOTALL)
        return f"```bash\n{function}```"

    text = document.read_text()
    built = re.sub(r"^```bash\n(\w+)\(\) {\n.*?^```", as_built, text, flags=re.MULTILINE | re.DOTALL)
    if request.config.getoption("--update", default=False):
        document.write_text(built)
    else:
        assert text == built, "see --update"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """What `.venv/bin` is to a newcomer, of this very Python."""
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "kvmgen").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m gen "$@"\n')
    (folder / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    for program in folder.iterdir():
        program.chmod(0o755)
    return folder


def sessions(document: Path) -> Iterator[tuple[str, str]]:
    """Each command of the document's sessions, and what it is said to print."""
    for block in blocks_of(document, "console"):
        for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            typed, _, printed = command.partition("\n")
            yield typed, printed


@pytest.mark.live
def test_the_sessions_of_the_readme_print_what_it_shows(tmp_path: Path, tools: Path, world: World) -> None:
    world.run("mkdir", "/images")
    world.run("ln", "-s", guest_image(), "/images/cirros.img")
    (tmp_path / "lab.dsl").write_text(lab_of(README))
    for typed, shown in sessions(README):
        path = f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin"
        done = world.run("bash", "-c", f"cd {tmp_path} && PATH={path} && {typed} 2>&1", check=False, timeout=300)
        pattern = re.escape(shown).replace(r"\.\.\.", ".*")
        assert re.fullmatch(pattern, done.stdout, re.DOTALL), f"$ {typed}\n{done.stdout}"


def test_the_newcomer_s_command_builds_the_example_and_shows_its_plan(tmp_path: Path, tools: Path) -> None:
    (command,) = blocks_of(README, "sh")
    assert command == "make example\n"
    for entry in ("Makefile", "pyproject.toml", "tests"):
        (tmp_path / entry).symlink_to(ROOT / entry)
    done = subprocess.run(
        ["bash", "-ec", command.replace("make", f"make -o {tools}/../.installed VENV={tools}/..")],
        cwd=tmp_path, env={**os.environ, "MAKEFLAGS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\n+ netns " in done.stdout
    assert (tmp_path / "setup.sh").read_text().startswith("#!/bin/bash\n")


def test_ci_runs_the_command_that_the_readme_gives_for_the_tests() -> None:
    assert "`make test`" in README.read_text()
    assert (ROOT / ".ci" / "run").read_text().endswith("\nexec make test\n")
