"""The command line as a process: what it prints where, its exit codes, and what it leaves on disk."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen import driver, profile, starters
from gen.bind import split
from gen.codes import CODES
from gen.diagnostics import Diagnostics
from gen.source import Source
from gen.syntax.format import format_source

ROOT = Path(__file__).parent.parent
LABS = sorted((ROOT / "tests" / "labs").rglob("*.dsl"))
KVMGEN = (sys.executable, "-m", "gen")

GOOD = "namespace a\nnamespace b\nlink a.eth0 10.99.0.1/24 - b.eth0 10.99.0.2/24\n"
BAD = "vm a {\n    memroy 128M\n}\n"
ODD = "network br0 isolated\nvm a { nic on br0 }\n"
"""Legal, with a warning: the guest gets no address."""

Done = subprocess.CompletedProcess[str]


def run(
    *arguments: str,
    cwd: Path = ROOT,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    stdout: int = subprocess.PIPE,
    first: str = ":",
) -> Done:
    """`kvmgen ARGUMENTS` to its end; `first` is bash that sets up its process."""
    return subprocess.run(
        ["bash", "-c", f'{first} && exec "$@"', "bash", *KVMGEN, *arguments],
        cwd=cwd, input=stdin, env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
    )  # fmt: skip


def unprivileged(*arguments: str, cwd: Path) -> Done:
    """`kvmgen ARGUMENTS` by someone whom the modes of files bind; root has to give its rights up for that."""
    capabilities = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*capabilities, *KVMGEN, *arguments], cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good, a bad and an odd lab."""
    for name, text in (("good", GOOD), ("bad", BAD), ("odd", ODD)):
        (tmp_path / f"{name}.dsl").write_text(text)
    return tmp_path


def everything_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and contents of all that there is."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def assert_one_line(done: Done, code: int, message: str) -> None:
    """Nothing on standard output, one line on standard error, and this code."""
    assert (done.returncode, done.stdout or "") == (code, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("kvmgen: ")
    assert re.search(message, done.stderr), done.stderr


# build


def test_build_prints_the_script_alone(folder: Path) -> None:
    done = run("build", "good.dsl", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("#!/bin/bash\n")
    assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=False).returncode == 0


def test_a_bad_lab_prints_nothing_on_standard_output_and_exits_1(folder: Path) -> None:
    done = run("build", "bad.dsl", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[unknown-keyword]" in done.stderr
    assert "did you mean `memory`?" in done.stderr


def test_a_bad_lab_leaves_the_output_folder_as_it_was(folder: Path) -> None:
    before = everything_below(folder)
    assert run("build", "bad.dsl", "-o", "out", cwd=folder).returncode == 1
    assert everything_below(folder) == before


def test_warnings_do_not_stop_a_build(folder: Path) -> None:
    done = run("build", "odd.dsl", cwd=folder)
    assert done.returncode == 0
    assert "warning[" in done.stderr
    assert done.stdout.startswith("#!/bin/bash\n")


def test_a_dash_reads_standard_input() -> None:
    done = run("build", "-", "--no-shellcheck", stdin=GOOD)
    assert done.returncode == 0
    assert "\nreadonly KG_DSL='<stdin>'\n" in done.stdout


def test_a_file_may_have_any_name_and_a_message_about_it_stays_one_line(folder: Path) -> None:
    odd = "od\nd\x01\udcff.dsl"
    (folder / odd).write_text(GOOD)
    done = run("build", odd, "--no-shellcheck", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nreadonly KG_DSL='od?d??.dsl'\n" in done.stdout
    assert_one_line(run("build", odd + "x", cwd=folder), 2, "cannot read `od.d..\\.dslx`: no such file")
    assert_one_line(run("build", odd, "-o", odd, cwd=folder), 74, "cannot write `od.d..\\.dsl`: not a directory")


def test_an_unknown_target_in_the_lab_is_drawn_at_its_place_by_check_too(folder: Path) -> None:
    (folder / "good.dsl").write_text("target cetnos7\n" + GOOD)
    for command in (("check",), ("build",), ("build", "--target", "debian12")):
        done = run(*command, "good.dsl", cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "error[unknown-target]: there is no profile `cetnos7`\n --> good.dsl:1:8\n" in done.stderr
        assert "did you mean `centos7`?" in done.stderr


def test_the_target_of_the_command_line_wins_over_that_of_the_lab(folder: Path) -> None:
    (folder / "good.dsl").write_text("target debian12\n" + GOOD)
    done = run("build", "good.dsl", "--target", "centos7", "--no-shellcheck", cwd=folder)
    assert "\nreadonly KG_PROFILE=centos7\n" in done.stdout


def test_a_lab_that_the_target_cannot_run_is_refused_with_the_reason(folder: Path) -> None:
    done = run("build", "good.dsl", "--target", "centos6", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no `ip netns`" in done.stderr


def test_the_same_lab_gives_the_same_bytes_whatever_the_hash_seed_and_the_place(tmp_path: Path) -> None:
    lab = ROOT / "tests/labs/language.dsl"
    (tmp_path / lab.name).write_text(lab.read_text())
    scripts = {
        run("build", str(path), "--no-shellcheck", env={"PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "1", "2")
        for path in (lab, tmp_path / lab.name)
    }
    assert len(scripts) == 1


def test_a_script_that_the_audit_does_not_accept_is_not_printed(folder: Path) -> None:
    patched = "import gen.render.script as s; real = s.script\ns.script = lambda *a: real(*a) + 'echo $undefined\\n'"
    done = run_patched(patched, "build", "good.dsl", "-o", "out", cwd=folder)
    assert (done.returncode, done.stdout) == (70, "")
    assert re.search(r"setup\.sh:\d+: SC\d+", done.stderr)
    assert re.search(r"setup\.sh:\d+: stray-code", done.stderr)
    assert not (folder / "out").exists()


@pytest.mark.parametrize("program", ["shellcheck", "shfmt"])
def test_without_a_checker_build_and_audit_say_what_to_install(folder: Path, program: str) -> None:
    patched = f"""
import os, shutil
real = os.access
os.access = lambda path, mode: not str(path).endswith("/{program}") and real(path, mode)
shutil.which = lambda name: None
"""
    missing = f"install {program}-py"
    assert_one_line(run_patched(patched, "build", "good.dsl", cwd=folder), 2, f"{missing}, or say --no-audit")
    assert_one_line(run_patched(patched, "audit", "good.dsl", cwd=folder), 2, f"{missing}$")
    assert run_patched(patched, "build", "--no-audit", "good.dsl", cwd=folder).returncode == 0


# audit


def test_audit_accepts_what_build_gives_and_exits_0(folder: Path) -> None:
    (folder / "setup.sh").write_text(run("build", "good.dsl", cwd=folder).stdout)
    done = run("audit", "setup.sh", "--against", "good.dsl", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "kvmgen: `setup.sh` is what `good.dsl` gives, byte for byte\n")
    assert done.stdout.startswith("setup.sh: accepted\n")
    assert run("audit", "-", stdin=(folder / "setup.sh").read_text()).returncode == 0


def test_audit_refuses_with_the_line_and_exits_1(folder: Path) -> None:
    script = run("build", "good.dsl", cwd=folder).stdout.replace("  kg_op 1 ", "  eval id\n  kg_op 1 ", 1)
    (folder / "setup.sh").write_text(script)
    line = script[: script.index("  eval id")].count("\n") + 1
    done = run("audit", "setup.sh", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.startswith("setup.sh: refused, ")
    assert f"\n  setup.sh:{line}: stray-code: " in done.stdout
    for style in ("json", "markdown", "sarif"):
        done = run("audit", "setup.sh", "--no-shellcheck", "--format", style, cwd=folder)
        assert done.returncode == 1
        assert done.stdout
        assert f"setup.sh:{line}: stray-code: " in done.stderr


def test_audit_names_the_first_line_that_is_not_what_the_lab_gives(folder: Path) -> None:
    (folder / "setup.sh").write_text(run("build", "good.dsl", cwd=folder).stdout)
    (folder / "good.dsl").write_text(GOOD.replace("10.99.0.1", "10.99.0.3"))
    done = run("audit", "setup.sh", "--against", "good.dsl", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.startswith("setup.sh: accepted\n")
    found = re.fullmatch(
        r"kvmgen: `setup.sh` is not what `good.dsl` gives; the first difference is in line (\d+)\n"
        r"kvmgen:   it has # sha256 of good.dsl: [0-9a-f]{64}\n"
        r"kvmgen:   not    # sha256 of good.dsl: [0-9a-f]{64}\n",
        done.stderr,
    )
    assert found, done.stderr
    assert (folder / "setup.sh").read_text().split("\n")[int(found[1]) - 1].startswith("# sha256 of good.dsl")


def test_audit_builds_the_lab_for_the_target_of_the_script(folder: Path) -> None:
    (folder / "setup.sh").write_text(run("build", "good.dsl", "--target", "centos7", cwd=folder).stdout)
    assert run("audit", "setup.sh", "--against", "good.dsl", cwd=folder).returncode == 0
    assert run("audit", "setup.sh", "--against", "good.dsl", "--target", "debian12", cwd=folder).returncode == 1


def test_audit_of_what_cannot_be_read_exits_2(folder: Path) -> None:
    assert_one_line(run("audit", "none.sh", cwd=folder), 2, "cannot read `none.sh`")
    assert_one_line(run("audit", ".", cwd=folder), 2, "cannot read `.`")
    assert_one_line(run("audit", "good.dsl", "--target", "centos7", cwd=folder), 2, "--against")
    assert run("audit", "good.dsl", "--against", "none.dsl", cwd=folder).returncode == 2
    assert run("audit", "good.dsl", "--against", "bad.dsl", cwd=folder).returncode == 1
    assert_one_line(run("audit", "-", "--against", "-", cwd=folder), 2, "not both")
    (folder / "bytes").write_bytes(bytes(range(256)) * 3)
    done = run("audit", "bytes", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.startswith("bytes: refused, ")


# build -o


def test_an_output_folder_gets_the_script_its_files_and_their_sums(tmp_path: Path) -> None:
    done = run("build", "tests/labs/language.dsl", "-o", str(tmp_path / "a/b"))
    assert (done.returncode, done.stdout) == (0, "")
    out = tmp_path / "a/b"
    assert (out / "setup.sh").read_text() == run("build", "tests/labs/language.dsl", "--no-shellcheck").stdout
    assert list((out / "files").rglob("qemu-ifup-*"))
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=out, capture_output=True, text=True, check=False)
    assert checked.returncode == 0
    listed = {line.partition(": ")[0] for line in checked.stdout.splitlines()}
    assert listed | {"SHA256SUMS"} == {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}


def test_what_the_hosts_boot_will_read_is_written_in_the_style_that_was_asked_for(tmp_path: Path) -> None:
    for words, path in (
        ((), "etc/network/interfaces.d/kvmgen-nat"),
        (("--persistence", "networkd"), "etc/systemd/network/05-kvmgen-nat@br0.netdev"),
        (("--target", "leap15"), "etc/sysconfig/network/ifcfg-br0"),
    ):
        out = tmp_path / path.replace("/", "-")
        done = run("build", "tests/labs/nat.dsl", "--no-shellcheck", "-o", str(out), *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert (out / "persist" / path).is_file()
    assert (tmp_path / "etc-network-interfaces.d-kvmgen-nat/persist/etc/iptables/rules.v4.rules").is_file()


def test_a_style_that_the_target_does_not_read_is_answered_with_those_it_does() -> None:
    done = run("build", "tests/labs/nat.dsl", "--target", "rocky8", "--persistence", "netplan")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "kvmgen: rocky8 does not read `netplan` at boot; it reads: ifcfg, keyfile\n"


def test_an_output_folder_that_is_there_keeps_what_else_is_in_it(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "notes").write_text("mine")
    (folder / "out" / "setup.sh").write_text("old")
    assert run("build", "good.dsl", "-o", "out", cwd=folder).returncode == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["SHA256SUMS", "notes", "persist", "setup.sh"]
    assert (folder / "out" / "setup.sh").read_text().startswith("#!/bin/bash\n")


ISOLATED = "network br-in isolated\nvm a { nic on br-in { address 10.0.0.1/24 } }\n"
"""A lab that writes a file on the host."""


def built_over(folder: Path, first: str, second: str) -> list[str]:
    """What is in out/ once the one lab was built there and then the other."""
    for text in (first, second):
        (folder / "lab.dsl").write_text(text)
        done = run("build", "lab.dsl", "-o", "out", "--no-shellcheck", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
    return sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*"))


def test_files_of_an_older_build_that_the_lab_no_longer_has_are_gone(folder: Path) -> None:
    over = built_over(folder, ISOLATED, GOOD)
    shutil.rmtree(folder / "out")
    assert over == built_over(folder, GOOD, GOOD)


def test_of_an_older_build_nothing_is_removed_that_was_changed_since_or_that_is_not_a_build_s(folder: Path) -> None:
    out = folder / "out"
    stays = set(built_over(folder, GOOD, GOOD))
    built_over(folder, ISOLATED, ISOLATED)
    changed, untouched = sorted(out.rglob("qemu-if*"), reverse=True)
    changed.write_text("mine now")
    sums = "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n"
        for name, text in (
            ("notes", "mine"),
            ("../good.dsl", GOOD),
            ("files/../../good.dsl", GOOD),
            ("files/link", GOOD),
        )
    )
    (out / "notes").write_text("mine")
    (out / "files" / "link").symlink_to(folder / "good.dsl")
    (out / "files" / "also").write_text("mine")
    with (out / "SHA256SUMS").open("a") as file:
        file.write(sums + "no sum at all\n")
    gone = {str(path.relative_to(out)) for path in (untouched, *(out / "persist").rglob("*"))}
    before = set(everything_below(out))
    assert set(built_over(folder, GOOD, GOOD)) == before - (gone - stays)
    assert (folder / "good.dsl").read_text() == GOOD
    assert changed.read_text() == "mine now"


@pytest.mark.parametrize(("umask", "modes"), [(0o022, (0o755, 0o755, 0o644)), (0o077, (0o700, 0o700, 0o600))])
def test_what_is_written_has_the_modes_that_the_umask_allows(
    folder: Path, umask: int, modes: tuple[int, int, int]
) -> None:
    run("build", "good.dsl", "-o", "out", "--no-shellcheck", cwd=folder, first=f"umask {umask:o}")
    written = (folder / "out", folder / "out" / "setup.sh", folder / "out" / "SHA256SUMS")
    assert tuple(stat.S_IMODE(path.stat().st_mode) for path in written) == modes


def test_an_output_folder_may_be_the_current_one(folder: Path) -> None:
    assert run("build", "good.dsl", "-o", ".", "--no-shellcheck", cwd=folder).returncode == 0
    assert (folder / "setup.sh").exists()


def test_a_file_where_the_output_folder_should_be_is_one_clear_line(folder: Path) -> None:
    before = everything_below(folder)
    done = run("build", "good.dsl", "-o", "odd.dsl", "--no-shellcheck", cwd=folder)
    assert_one_line(done, 74, "cannot write `odd.dsl`: not a directory")
    assert everything_below(folder) == before


def test_a_folder_where_a_file_should_be_leaves_all_as_it_was(folder: Path) -> None:
    (folder / "out" / "setup.sh").mkdir(parents=True)
    before = everything_below(folder)
    done = run("build", "good.dsl", "-o", "out", "--no-shellcheck", cwd=folder)
    assert_one_line(done, 74, "cannot write `out`: `setup.sh` is a folder")
    assert everything_below(folder) == before


@pytest.mark.parametrize("out", ["out", "new/out"])
def test_a_file_that_may_not_grow_leaves_nothing_half_written(folder: Path, out: str) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "setup.sh").write_text("old")
    before = everything_below(folder)
    done = run("build", "good.dsl", "-o", out, "--no-shellcheck", cwd=folder, first="ulimit -f 8")
    assert_one_line(done, 74, f"cannot write `{out}`: file too large")
    assert everything_below(folder) == before


@pytest.mark.live
def test_a_full_disk_leaves_nothing_half_written(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size=32k none {disk} || exit 99
        mkdir {disk}/out
        echo old > {disk}/out/setup.sh
        {" ".join(KVMGEN)} build good.dsl --no-shellcheck -o {disk}/out 2>{folder}/message; code=$?
        find {disk} -type f -o -name '.*'
        exit $code
    """
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (74, "")
    assert (folder / "message").read_text() == f"kvmgen: cannot write `{disk}/out`: no space left on device\n"
    assert done.stdout.split() == [f"{disk}/out/setup.sh"]


# Standard output that cannot be written


@pytest.mark.parametrize("command", [("build", "tests/labs/language.dsl", "--no-shellcheck"), ("init",), ("--help",)])
def test_a_full_disk_behind_standard_output_is_one_clear_line(command: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = run(*command, stdout=full.fileno())
    assert_one_line(done, 74, "cannot write to standard output: no space left on device")


def test_a_closed_pipe_is_one_clear_line() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run("build", "tests/labs/language.dsl", "--no-shellcheck", stdout=writer)
    os.close(writer)
    assert_one_line(done, 74, "cannot write to standard output: broken pipe")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_is_closed_after_its_first_byte_is_one_clear_line(unbuffered: str) -> None:
    pipeline = f"{' '.join(KVMGEN)} build tests/labs/language.dsl --no-shellcheck | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", pipeline], cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (74, "#")
    assert done.stderr == "kvmgen: cannot write to standard output: broken pipe\n"


def test_a_closed_standard_output_is_one_clear_line() -> None:
    done = run("init", first="exec >&-")
    assert_one_line(done, 74, "cannot write to standard output: it is closed")


def test_a_message_that_cannot_be_written_does_not_change_the_exit_code(folder: Path) -> None:
    assert run("check", "bad.dsl", cwd=folder, first="exec 2>/dev/full").returncode == 1


# Input that cannot be read, and usage


def test_a_folder_is_not_a_lab(folder: Path) -> None:
    assert_one_line(run("build", ".", cwd=folder), 2, "cannot read `.`: is a directory")


def test_a_binary_is_not_a_lab(folder: Path) -> None:
    assert_one_line(run("build", "/bin/true"), 2, "cannot read `/bin/true`: it is a binary file")


def test_an_empty_name_is_no_file_and_no_folder(folder: Path) -> None:
    assert_one_line(run("build", "", cwd=folder), 2, "cannot read ``: no such file or directory")
    assert_one_line(run("build", "good.dsl", "-o", "", cwd=folder), 2, "the name of the output folder is empty")
    assert_one_line(run("build", "good.dsl", "--target", "", cwd=folder), 2, "no profile ``")


def test_an_empty_file_is_a_lab_with_a_mistake() -> None:
    done = run("build", "/dev/null")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[empty-lab]" in done.stderr


def test_a_file_without_an_end_is_given_up(folder: Path) -> None:
    assert_one_line(run("check", "/dev/zero", cwd=folder), 2, "cannot read `/dev/zero`: it is larger than 16 MiB")


def test_a_folder_that_may_not_be_written_is_one_clear_line(folder: Path) -> None:
    (folder / "out").mkdir(mode=0o555)
    done = unprivileged("build", "good.dsl", "--no-shellcheck", "-o", "out", cwd=folder)
    assert_one_line(done, 74, "cannot write `out`: permission denied")


def test_a_file_that_is_not_there_is_one_clear_line(folder: Path) -> None:
    assert_one_line(run("check", "missing.dsl", cwd=folder), 2, "cannot read `missing.dsl`: no such file")


def test_text_in_another_encoding_is_told_with_its_line(folder: Path) -> None:
    (folder / "latin.dsl").write_bytes(GOOD.encode() + "# gr\xfcn\n".encode("latin-1"))
    assert_one_line(run("check", "latin.dsl", cwd=folder), 2, "cannot read `latin.dsl`: line 4 is not UTF-8")


def test_a_file_that_may_not_be_read_is_one_clear_line(folder: Path) -> None:
    (folder / "good.dsl").chmod(0)
    done = unprivileged("check", "good.dsl", cwd=folder)
    assert_one_line(done, 2, "cannot read `good.dsl`: permission denied")


def test_a_closed_standard_input_is_one_clear_line() -> None:
    done = run("check", "-", first="exec <&-")
    assert_one_line(done, 2, "cannot read standard input: it is closed")


def test_an_unknown_target_names_those_that_there_are(folder: Path) -> None:
    done = run("build", "good.dsl", "--target", "beos", cwd=folder)
    assert_one_line(done, 2, f"no profile `beos`; there are: {', '.join(profile.names())}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "good.dsl", "--tarket", "debian12"), r"no such option.*--tarket.*see `kvmgen build --help`"),
        (("biuld", "good.dsl"), r"no such command.*biuld.*see `kvmgen --help`"),
        (("build",), "missing argument"),
        (("check", "good.dsl", "bad.dsl"), "unexpected extra argument"),
        (("check", "--format", "xml", "good.dsl"), "'xml' is not one of"),
        (("editor", "ed"), "'ed' is not one of"),
    ],
)
def test_wrong_usage_is_one_clear_line(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    assert_one_line(run(*arguments, cwd=folder), 2, message)


def test_without_a_command_the_help_is_shown_on_standard_error() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == run("--help").stdout


def test_the_help_names_every_command_and_the_version_is_told() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert re.findall(r"^  ([a-z]+)  ", done.stdout, re.MULTILINE) == sorted(
        ["audit", "build", "bundle", "check", "editor", "explain", "fmt", "graph", "init", "profiles", "reach", "trace"]
    )
    assert re.fullmatch(r"kvmgen, version \d+\.\d+\.\d+\n", run("--version").stdout)


# Reachability


def test_reach_and_trace_tell_who_reaches_whom(tmp_path: Path) -> None:
    lab = tmp_path / "lab.dsl"
    lab.write_text("namespace a\nnamespace b\nnamespace c\nlink a.e 10.0.0.1/30 - b.e 10.0.0.2/30\n")
    lab.write_text(lab.read_text() + "link c.e 10.0.1.1/30 - b.f 10.0.1.2/30\n")
    done = run("reach", str(lab), "tcp", "80")
    assert (done.returncode, done.stdout.splitlines()[0].split(":")[0]) == (0, "who reaches whom by tcp 80")
    assert run("trace", str(lab), "a", "b").returncode == 0
    done = run("trace", str(lab), "a", "c", "--format", "json")
    assert (done.returncode, json.loads(done.stdout)["why"]) == (3, "a has no route to 10.0.1.1")
    done = run("trace", str(lab), "a", "bb")
    assert (done.returncode, done.stderr) == (2, "kvmgen: no vm, router or namespace `bb`; did you mean `b`?\n")
    assert run("reach", str(lab), "tcp", "many").returncode == 2


# Bugs


def run_patched(code: str, *arguments: str, cwd: Path = ROOT) -> Done:
    """`kvmgen ARGUMENTS` in a process in which something of it has been replaced."""
    program = f"{code}\nimport sys; sys.argv[1:] = {list(arguments)!r}\nfrom gen.cli import main\nmain()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("error", ["ValueError('two\\nlines')", "RecursionError()", "OSError(2, 'gone', 'x.j2')"])
def test_a_bug_is_told_as_one_with_code_70_and_no_traceback(folder: Path, error: str) -> None:
    broken = f"import gen.resolve\ndef broken(*_):\n    raise {error}\ngen.resolve.resolve = broken"
    done = run_patched(broken, "build", "good.dsl", "-o", "out", cwd=folder)
    assert (done.returncode, done.stdout) == (70, "")
    first, second = done.stderr.splitlines()
    assert re.match(rf"kvmgen: this is a bug in kvmgen \S+: {error.partition('(')[0]}", first) or "gone" in first
    assert "report" in second
    assert "Traceback" not in done.stderr
    assert not (folder / "out").exists()


def test_the_traceback_of_a_bug_is_there_for_who_asks(folder: Path) -> None:
    broken = "import os, gen.resolve\nos.environ['KVMGEN_TRACEBACK'] = '1'\ngen.resolve.resolve = None"
    assert "Traceback (most recent call last)" in run_patched(broken, "check", "good.dsl", cwd=folder).stderr


def test_an_interrupt_exits_with_130_and_no_traceback(folder: Path) -> None:
    interrupted = "import gen.resolve\ndef stop(*_):\n    raise KeyboardInterrupt\ngen.resolve.resolve = stop"
    done = run_patched(interrupted, "check", "good.dsl", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")


# check, and the formats of its messages


def test_check_says_nothing_about_a_good_lab(folder: Path) -> None:
    done = run("check", "good.dsl", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_draws_the_mistake(folder: Path) -> None:
    done = run("check", "bad.dsl", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == dedent("""\
        error[unknown-keyword]: unknown keyword `memroy`
         --> bad.dsl:2:5
          |
        2 |     memroy 128M
          |     ^^^^^^ not known in `vm`
          |
          = help: did you mean `memory`?
        """)


def test_json_is_one_list_of_findings_and_an_empty_one_for_a_good_lab(folder: Path) -> None:
    (found,) = json.loads(run("check", "bad.dsl", "--format", "json", cwd=folder).stderr)
    assert (found["file"], found["line"], found["column"]) == ("bad.dsl", 2, 5)
    assert (found["code"], found["severity"]) == ("unknown-keyword", "error")
    assert json.loads(run("check", "good.dsl", "--format", "json", cwd=folder).stderr) == []


def test_gcc_messages_start_with_file_line_and_column(folder: Path) -> None:
    done = run("check", "bad.dsl", "--format", "gcc", cwd=folder)
    assert done.stderr.startswith("bad.dsl:2:5: error: unknown keyword `memroy` [unknown-keyword]\n")


COLOURS = [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]


@pytest.mark.parametrize(("environment", "coloured"), COLOURS)
def test_a_terminal_gets_colours_unless_no_color_is_set(
    folder: Path, environment: dict[str, str], coloured: bool
) -> None:
    master, slave = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run(
        [*KVMGEN, "check", "bad.dsl"], cwd=folder, stderr=slave, check=False,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    os.close(slave)
    message = os.read(master, 10_000).decode()
    os.close(master)
    assert "memroy" in message
    assert ("\x1b[1;31m" in message) == coloured


# fmt


def test_fmt_changes_the_file_in_place_and_keeps_its_mode_and_links(folder: Path) -> None:
    lab = folder / "lab.dsl"
    lab.write_text("vm   a{memory 128M cpus 2}\n")
    lab.chmod(0o640)
    (folder / "link.dsl").symlink_to("lab.dsl")
    assert run("fmt", "link.dsl", cwd=folder).returncode == 0
    assert lab.read_text() == "vm a { memory 128M  cpus 2 }\n"
    assert stat.S_IMODE(lab.stat().st_mode) == 0o640
    assert (folder / "link.dsl").is_symlink()
    assert sorted(path.name for path in folder.iterdir()) == ["bad.dsl", "good.dsl", "lab.dsl", "link.dsl", "odd.dsl"]


def test_fmt_leaves_a_tidy_file_untouched(folder: Path) -> None:
    before = (folder / "good.dsl").stat()
    assert run("fmt", "good.dsl", cwd=folder).returncode == 0
    after = (folder / "good.dsl").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_fmt_check_names_what_is_not_formatted_and_changes_nothing(folder: Path) -> None:
    (folder / "good.dsl").write_text("vm   a\n")
    before = everything_below(folder)
    done = run("fmt", "--check", "good.dsl", "odd.dsl", cwd=folder)
    assert_one_line(done, 1, "`good.dsl` is not formatted")
    assert everything_below(folder) == before
    assert run("fmt", "--check", "odd.dsl", cwd=folder).returncode == 0


def test_fmt_of_standard_input_prints() -> None:
    assert run("fmt", "-", stdin="vm   a\n").stdout == "vm a\n"


def test_fmt_does_the_other_files_though_one_cannot_be_formatted(folder: Path) -> None:
    (folder / "broken.dsl").write_text("vm a {\n")
    (folder / "good.dsl").write_text("vm   a\n")
    done = run("fmt", "broken.dsl", "good.dsl", cwd=folder)
    assert done.returncode == 1
    assert "error[unclosed-block]" in done.stderr
    assert (folder / "broken.dsl").read_text() == "vm a {\n"
    assert (folder / "good.dsl").read_text() == "vm a\n"


def test_fmt_that_cannot_write_leaves_the_file_as_it_was(folder: Path) -> None:
    (folder / "good.dsl").write_text("vm   a\n" + "# text\n" * 2000)
    before = everything_below(folder)
    done = run("fmt", "good.dsl", cwd=folder, first="ulimit -f 4")
    assert_one_line(done, 74, "cannot write `good.dsl`: file too large")
    assert everything_below(folder) == before


# explain, init, profiles, editor


def test_explain_tells_of_a_keyword_in_each_of_its_places() -> None:
    done = run("explain", "nic")
    assert done.returncode == 0
    assert re.findall(r"^nic.*", done.stdout, re.MULTILINE) == [
        "nic NIC", "nic NIC [on NETWORK]", "nic [TAP] on NETWORK", "nic user",
    ]  # fmt: skip
    assert "Stands in `vm`." in done.stdout


def test_explain_tells_of_a_word_inside_a_statement() -> None:
    assert "boot ORDER [once ORDER]" in run("explain", "once").stdout


def test_explain_knows_the_words_of_a_later_version() -> None:
    assert run("explain", "vxlan").returncode == 2
    assert "later version" in run("explain", "vlan").stdout


def test_explain_shows_a_mistake_and_how_it_is_right() -> None:
    done = run("explain", "unknown-keyword")
    assert done.stdout.startswith(f"unknown-keyword: {CODES['unknown-keyword'].title}\n")
    assert "Wrong:\n        vm a { memroy 128M }" in done.stdout
    assert "Right:\n        vm a { memory 128M }" in done.stdout


def test_explain_guesses_what_was_meant() -> None:
    assert_one_line(run("explain", "memroy"), 2, "`memroy` is neither.*; did you mean `memory`")


@pytest.mark.parametrize("name", starters.names())
def test_init_prints_a_lab_that_check_accepts(name: str) -> None:
    lab = run("init", name).stdout
    assert lab == starters.read(name)
    assert run("check", "-", stdin=lab).returncode == 0


def test_init_without_a_model_prints_the_router() -> None:
    assert run("init").stdout == starters.read("router")


def test_init_of_an_unknown_model_names_those_that_there_are() -> None:
    assert_one_line(run("init", "ring"), 2, f"no starter `ring`; there are: {', '.join(starters.names())}")


def test_profiles_lists_all_and_tells_about_one() -> None:
    assert [line.split()[0] for line in run("profiles").stdout.splitlines()] == profile.names()
    assert "brctl addbr {bridge}" in run("profiles", "centos7").stdout
    assert_one_line(run("profiles", "beos"), 2, "no profile `beos`")


@pytest.mark.parametrize(("name", "start"), [("vim", '" Vim syntax'), ("textmate", "{\n")])
def test_editor_prints_a_syntax_file(name: str, start: str) -> None:
    assert run("editor", name).stdout.startswith(start)


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_get_a_script_that_completes(shell: str) -> None:
    done = run(env={"_KVMGEN_COMPLETE": f"{shell}_source"})
    assert done.returncode == 0
    assert "_KVMGEN_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("kvmgen b", ["build", "bundle"]),
        ("kvmgen build --target centos", ["centos6", "centos7"]),
        ("kvmgen init r", ["routed", "router"]),
        ("kvmgen profiles u", ["ubuntu2404"]),
        ("kvmgen explain unknown-", sorted(code for code in CODES if code.startswith("unknown-"))),
        ("kvmgen editor v", ["vim"]),
    ],
)
def test_the_tab_key_offers_what_can_stand_there(line: str, offered: list[str]) -> None:
    typed = {"_KVMGEN_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    assert [answer.partition(",")[2] for answer in run(env=typed).stdout.splitlines()] == offered


# Any text


WORD = re.compile(r"[^\s{};#]+")
WORDS = sorted({word for lab in LABS for word in WORD.findall(lab.read_text())})


def shape_of(word: str) -> str:
    """`10.0.0.1/24` and `10.9.9.9/8` look alike, and so do `vm` and `br-in`, `512M` and `128M`."""
    return re.sub(r"\d+", "0", re.sub(r"[A-Za-z][\w.-]*", "a", word))


ALIKE = {shape: [word for word in WORDS if shape_of(word) == shape] for shape in map(shape_of, WORDS)}


@st.composite
def mutated_labs(draw: st.DrawFn) -> str:
    """A real lab in which lines were dropped, doubled and moved, and words replaced, mostly by such as look alike."""
    lines = draw(st.sampled_from(LABS)).read_text().splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        found = list(WORD.finditer(lines[at]))
        change = draw(st.sampled_from(["word", "word", "word", "any word", "drop", "double", "move"]))
        if change == "drop":
            lines[at] = ""
        elif change == "double":
            lines.insert(at, lines[at])
        elif change == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
        elif found:
            word = draw(st.sampled_from(found))
            others = ALIKE.get(shape_of(word[0]), WORDS) if change == "word" else WORDS
            other = draw(
                st.sampled_from(others) | st.text(max_size=6) if change == "any word" else st.sampled_from(others)
            )
            lines[at] = lines[at][: word.start()] + other + lines[at][word.end() :]
    return "\n".join(lines) + "\n"


def assert_diagnosed_or_built(text: str, target: str = "debian12") -> None:
    """Whatever the text, the compiler has an answer; an exception other than Stopped is a bug."""
    diagnostics = Diagnostics()
    source = Source("lab.dsl", text)
    try:
        built = driver.build(source, diagnostics, target)
    except driver.Stopped:
        assert diagnostics.has_errors
    else:
        assert built.script.startswith("#!/bin/bash\n")
    format_source(source, Diagnostics(), split)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_diagnosed_or_built(text: str) -> None:
    assert_diagnosed_or_built(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*WORDS, "\n", "\n", "{", "}"]), max_size=40).map(" ".join))
def test_any_words_of_the_language_are_diagnosed_or_built(text: str) -> None:
    assert_diagnosed_or_built(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated_labs(), st.sampled_from(profile.names()))
def test_a_real_lab_with_mistakes_in_it_is_diagnosed_or_built(text: str, target: str) -> None:
    assert_diagnosed_or_built(text, target)
