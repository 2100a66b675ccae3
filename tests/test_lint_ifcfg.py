"""`kvmgen lint-ifcfg`: folders with mistakes, folders from real life, and folders made to hurt.

tests/ifcfg/NAME.case holds the files of one folder, each under a line `-- ifcfg-eth0 --`, and marks its mistakes in
place as tests/errors does: `#! code: piece of the label` at the end of a line, `#!+1 code` for the next line, at the
`--` line for what is said of the file as a whole. The marks are no part of the files. What follows the second `--`
makes the file another one: `mode 666`, `crlf`, `text \\x00` in front, `link TARGET`, `fifo`, `folder`, `large`.
A folder without marks has nothing wrong with it. NAME.txt holds the whole drawing; `--update` writes it anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import driver, profile
from gen.diagnostics import Diagnostic, Diagnostics, render
from gen.explain import explain
from gen.lint_ifcfg import lint
from gen.lint_ifcfg.assignments import parse
from gen.lint_ifcfg.codes import CODES
from gen.lint_ifcfg.folder import SIZE_LIMIT, UnreadableFolder
from gen.persist import persistence
from gen.plan import plan
from gen.source import Source

ROOT = Path(__file__).parent.parent
CASES = sorted((ROOT / "tests" / "ifcfg").glob("*.case"))
MARK = re.compile(r"#!([+-]\d+)? (ifcfg-[a-z-]+)(?:: (.*?))?(?=\s*#!|\s*$)")
HEADER = re.compile(r"^-- (\S+) --(.*)$", re.MULTILINE)

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)


def made(case: Path, folder: Path) -> list[tuple[str, int, str, str]]:
    """Make the folder of the case; what is marked in it: file, line, code, piece of the label."""
    marked = []
    _, *parts = HEADER.split(case.read_text(encoding="utf-8"))
    for name, options, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        marked += [(name, 1, code, label) for _, code, label in MARK.findall(options)]
        lines = text.removeprefix("\n").splitlines()
        for number, line in enumerate(lines, 1):
            marked += [(name, number + int(offset or 0), code, label) for offset, code, label in MARK.findall(line)]
        unfinished = any("ifcfg-no-final-newline" in line for line in lines)
        content = "\n".join(MARK.sub("", line).rstrip() for line in lines) + ("" if unfinished or not lines else "\n")
        _make(folder / name, MARK.sub("", options).split(), content)
    return marked


def _make(path: Path, options: list[str], content: str) -> None:
    data = content.encode()
    match options:
        case ["fifo"]:
            os.mkfifo(path)
        case ["folder"]:
            path.mkdir()
        case ["link", target]:
            path.symlink_to(target)
        case ["large"]:
            with path.open("wb") as file:
                file.truncate(SIZE_LIMIT + 1)
        case _:
            if options[:1] == ["crlf"]:
                data = data.replace(b"\n", b"\r\n")
            elif options[:1] == ["text"]:
                data = options[1].encode().decode("unicode_escape").encode("latin-1") + data
            path.write_bytes(data)
            path.chmod(int(options[1], 8) if options[:1] == ["mode"] else 0o600 if "keys-" in path.name else 0o644)


def found_in(folder: Path) -> list[Diagnostic]:
    """What is found, with messages that name the folder `etc`."""
    with chdir(folder.parent):
        return lint(Path(folder.name))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "etc"
    path.mkdir()
    return path


@every_case
def test_a_folder_has_the_mistakes_that_are_marked_in_it_and_no_others(case: Path, folder: Path) -> None:
    marked = made(case, folder)
    found = [
        (Path(one.label.span.source.name).name, one.label.span.line, one.code, one.label.text)
        for one in found_in(folder)
    ]
    assert sorted(one[:3] for one in found) == sorted(one[:3] for one in marked)
    for name, line, code, piece in marked:
        assert any(piece in text for *place, text in found if place == [name, line, code]), (name, line, code, piece)


@every_case
def test_the_mistakes_of_a_folder_are_drawn_as_pinned(case: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    made(case, folder)
    drawing = render(found_in(folder))
    pinned = case.with_suffix(".txt")
    if request.config.getoption("--update"):
        pinned.unlink(missing_ok=True)
        if drawing:
            pinned.write_text(drawing, encoding="utf-8")
    assert drawing == (pinned.read_text(encoding="utf-8") if pinned.exists() else "")


def test_every_drawing_belongs_to_a_folder() -> None:
    assert {path.stem for path in (ROOT / "tests" / "ifcfg").glob("*.txt")} <= {case.stem for case in CASES}


# Root may read every file, so that one has a test of its own.
@pytest.mark.parametrize("code", sorted(CODES.keys() - {"ifcfg-unreadable"}))
def test_every_code_has_a_case(code: str) -> None:
    lines = [line for case in CASES for line in case.read_text(encoding="utf-8").splitlines()]
    assert any(code == found for line in lines for _, found, _ in MARK.findall(line))


def test_every_code_that_is_reported_is_explained_and_the_other_way_round() -> None:
    text = "".join(
        path.read_text() for path in (ROOT / "gen" / "lint_ifcfg").glob("*.py") if path.stem not in ("codes", "folder")
    )
    text += (ROOT / "gen" / "lint_ifcfg" / "folder.py").read_text().replace('len("ifcfg-")', "")
    assert set(re.findall(r'"(ifcfg-[a-z-]+)"', text)) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_whole_sentences_with_its_source(code: str) -> None:
    explanation = CODES[code]
    assert explanation.title and not explanation.title.endswith(".")
    assert explanation.text.endswith((".", ".)"))
    assert str(explain(code)).startswith(f"{code}: {explanation.title}\n")


def test_the_codes_are_in_the_order_of_the_alphabet() -> None:
    assert list(CODES) == sorted(CODES)


@pytest.mark.parametrize("code", [code for code, explanation in CODES.items() if explanation.wrong])
def test_the_wrong_example_of_a_code_has_that_mistake_and_the_right_one_has_not(code: str, folder: Path) -> None:
    found = []
    for text in CODES[code].wrong, CODES[code].right:
        device = re.search(r"^DEVICE=(\S+)", text, re.MULTILINE)
        file = folder / f"ifcfg-{device[1] if device else 'eth0'}"
        file.write_text(text + "\n")
        found.append({one.code for one in found_in(folder)})
        file.unlink()
    assert code in found[0]
    assert code not in found[1]


LABS = sorted((ROOT / "tests" / "labs").rglob("*.dsl"))


@pytest.mark.parametrize("target", ["centos6", "centos7", "rocky8", "leap15"])
@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_what_persist_writes_for_an_example_lab_is_clean(lab: Path, target: str, folder: Path) -> None:
    diagnostics = Diagnostics()
    compiled = driver.analyse(Source(str(lab), lab.read_text(encoding="utf-8")), diagnostics)
    host = profile.load(target)
    # A host that cannot have namespaces can have the bridges.
    made = plan(compiled, replace(host, lacks={}), diagnostics)
    assert made is not None
    kept = persistence(compiled, made, host).kept
    assert kept or persistence(compiled, made, host).refused or not compiled.networks
    for file in kept:
        if file.path.startswith("/etc/sysconfig/network"):
            text = re.sub("@mac:.*?@", "52:54:00:00:00:01", file.text)
            (folder / Path(file.path).name).write_text(text)
            (folder / Path(file.path).name).chmod(int(file.mode, 8))
    assert render(found_in(folder)) == ""


NASTY = [
    *b"DEVICE TYPE IPADDR PREFIX NETMASK0 GATEWAY BRIDGE VLAN BONDING_OPTS DELAY ADDRESS0 via default dev".split(),
    *b"IPADDR999999999 DNS9".split(),
    *b"br0 Bridge yes no 10.0.0.1 /24 255.255.255.0 999999999999999999999 \xd9\xa3 ${ $(( $' ' \" \\ ~ # ; |".split(),
    *(
        b"=",
        b"==",
        b"$(touch canary)",
        b"`touch canary`",
        b"\n",
        b"\r\n",
        b"\n\n",
        b" ",
        b"\t",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
    ),
]
anything = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(NASTY), max_size=40).map(b"".join))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ifcfg-br0", "ifcfg-eth0", "route-br0", "rule-br0", "keys-w", "ifcfg-eth0:1",
                                           "config", "ifcfg-a~"]), anything), max_size=5))  # fmt: skip
def test_any_bytes_give_findings_in_every_format_and_nothing_is_run(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("etc")
    for name, data in files:
        (folder / name).write_bytes(data)
    with chdir(folder):
        found = lint(folder)
    for one in found:
        assert one.code in CODES
        assert one.message and one.label.text and one.help == tuple(one.help)
    assert render(found).count("[ifcfg-") >= len(found)
    render(found, "gcc").encode("utf-8", "surrogateescape")
    assert len(json.loads(render(found, "json"))) == len(found)
    assert {path.name for path in folder.iterdir()} == {name for name, _ in files}


NUMBERED = "".join(f"IPADDR{number}=10.0.0.1\nUNKNOWN{number}=\nDNS{number}=10.0.0.1\n" for number in range(5000))


@pytest.mark.parametrize("text", [NUMBERED, "A=1 " * 100_000, "A=" + "$(" * 100_000, "'" * 99_999, "A=\\\n" * 100_000])
def test_a_long_file_takes_no_long_time_and_no_deep_stack(folder: Path, text: str) -> None:
    (folder / "ifcfg-eth0").write_text(text)
    assert found_in(folder)


def test_a_name_may_hold_any_bytes(folder: Path) -> None:
    (folder / os.fsdecode(b"ifcfg-\xff\n\x1b[2J")).write_text("DEVICE=\x1b[2J\n")
    drawing = render(found_in(folder))
    assert drawing and "\x1b" not in drawing


pieces = st.sampled_from(
    [*"xyé\\'\"# ;=~!%*[{},:/-\t", "$'", "''", '""', " #", "; ", "\\n", "\\x41", '\\"', "\\'", "x y"]
)
values = st.lists(pieces, max_size=6).map("".join)
quoted = st.one_of(values, values.map(lambda value: f'"{value}"'), values.map(lambda value: f"'{value}'"))
plain = st.lists(st.tuples(st.sampled_from(["A=", "B=", " A=", "#", "A=1;B="]), quoted).map("".join), max_size=4)


@settings(max_examples=300, deadline=None)
@given(plain)
def test_what_is_taken_for_plain_assignments_sets_the_same_in_bash(lines: list[str]) -> None:
    """Where nothing is reported, bash has the values that were read; it has no PATH to find a command in."""
    diagnostics = Diagnostics()
    text = "\n".join([*lines, ""])
    read = parse(Source("ifcfg", text), diagnostics)
    if len(diagnostics) or any(each.value is None for each in read.all):
        return
    script = text + 'printf \'%s\\0\' "${A-unset}" "${B-unset}"\n'
    done = subprocess.run(
        ["/bin/bash", "-r"],
        input=script.encode(),
        capture_output=True,
        check=True,
        env={"PATH": "/none", "LC_ALL": "C.UTF-8"},
    )
    assert done.stderr == b""
    set_to = {each.key: each.value for each in read.all}
    assert done.stdout.decode() == "".join(f"{set_to.get(key, 'unset')}\0" for key in "AB")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gen", "lint-ifcfg", *arguments],
        capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60,
    )  # fmt: skip


def test_the_command_exits_1_for_findings_and_0_for_notes_and_for_none(folder: Path) -> None:
    file = folder / "ifcfg-eth0"
    file.write_text("DEVICE=eth0\nONBOOT=yes\n")
    assert run(str(folder), cwd=folder).returncode == 0
    file.write_text("DEVICE=eth0\n")
    done = run(str(folder), cwd=folder)
    assert (done.returncode, done.stderr.partition(":")[0]) == (0, "note[ifcfg-onboot]")
    file.write_text("DEVICE=eth0\nONBOOT=off\n")
    assert run(str(folder), cwd=folder).returncode == 1
    done = run("--format", "json", str(folder), cwd=folder)
    assert [one["code"] for one in json.loads(done.stderr)] == ["ifcfg-not-boolean"]
    done = run("--format", "gcc", str(folder), cwd=folder)
    assert done.stderr.startswith(f"{file}:2:8: warning: `off` as the value of `ONBOOT` [ifcfg-not-boolean]\n")


@pytest.mark.parametrize(("path", "message"), [("file", "is not a folder"), ("nothing", "no such file or directory")])
def test_what_is_no_folder_is_a_mistake_of_the_command_line(folder: Path, path: str, message: str) -> None:
    (folder / "file").write_text("")
    done = run(path, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_path_that_cannot_be_is_told_so(folder: Path) -> None:
    with pytest.raises(UnreadableFolder, match="embedded null"):
        lint(folder / "a\0b")


@pytest.mark.live
def test_a_file_that_may_not_be_read_is_reported(folder: Path) -> None:
    (folder / "ifcfg-eth0").write_text("DEVICE=eth0\nONBOOT=yes\n")
    (folder / "ifcfg-eth0").chmod(0)
    folder.chmod(0o755)
    code = """
import os
from pathlib import Path
from gen.lint_ifcfg import lint

print(lint(Path()))
os.setuid(65534)
print([one.code for one in lint(Path())])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder, env=environment
    )
    assert done.stdout == "[]\n['ifcfg-unreadable']\n"
