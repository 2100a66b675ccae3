"""Bundles: what is in them, that the same input gives the same bytes, and that nothing damaged is ever unpacked."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gen import bundle, driver
from gen.audit.bash41 import findings
from gen.audit.shellcheck import shellcheck
from gen.diagnostics import Diagnostics
from gen.render.script import SEAL, sealed
from gen.source import Source
from tests.test_cli import assert_one_line, run

LAB = "lab carried\nnetwork br0 isolated { address 10.0.0.254/24 }\nvm a { nic on br0 { address 10.0.0.1/24 } }\n"
HOSTILE = "-im $(touch canary) 'q' \"d\" é;#.img"


def built(text: str = LAB) -> driver.Build:
    return driver.build(Source("lab.dsl", text), Diagnostics())


def bundled(build: driver.Build, images: list[bundle.Image] | None = None) -> bytes:
    output = io.BytesIO()
    bundle.self_extracting(build, images or [], output, lambda *_: None)
    return output.getvalue()


def stub_of(content: bytes) -> str:
    """The bash script at the head of a bundle."""
    lines = int(re.findall(rb"^readonly KG_LINES=(\d+)$", content, re.MULTILINE)[0])
    return b"".join(content.splitlines(keepends=True)[:lines]).decode()


def bash(folder: Path, content: bytes, *words: str, name: str = "lab.run") -> subprocess.CompletedProcess[str]:
    """`bash lab.run WORDS` in the folder."""
    (folder / name).write_bytes(content)
    return subprocess.run(
        ["bash", name, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace", check=False, timeout=60,
    )  # fmt: skip


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_unpacked_is_what_was_built(tmp_path: Path) -> None:
    build = built()
    done = bash(tmp_path, bundled(build), "--extract", "out")
    assert (done.returncode, done.stderr) == (0, "")
    found = below(tmp_path / "out")
    sums = found.pop("SHA256SUMS").decode()
    assert found == {name: text.encode() for name, text in build.files.items()}
    assert len(sums.splitlines()) == len(found)
    subprocess.run(["sha256sum", "-c", "--status", "SHA256SUMS"], cwd=tmp_path / "out", check=True)
    assert os.access(tmp_path / "out" / "setup.sh", os.X_OK)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab.run", "out"]


def test_list_shows_what_extract_would_unpack_and_verify_says_that_it_is_whole(tmp_path: Path) -> None:
    build = built()
    content = bundled(build)
    rows = [line.split() for line in bash(tmp_path, content, "--list").stdout.splitlines()]
    listed = {name: size for size, name in rows}
    assert set(listed) == {*build.files, "SHA256SUMS"}
    assert listed["setup.sh"] == str(len(build.script.encode()))
    assert bash(tmp_path, content, "--verify").stdout == f"lab.run is as it was built: {len(listed)} files\n"


def test_nothing_is_unpacked_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = bash(tmp_path, bundled(built()), "--extract", "out")
    assert (done.returncode, list((tmp_path / "out").iterdir())) == (6, [])


@pytest.mark.parametrize("words", [(), ("--list", "x"), ("--extract",), ("--verify", "up"), ("--extract", "")])
def test_words_that_make_no_sense_are_refused_with_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert bash(tmp_path, bundled(built()), *words).returncode == 2


def test_the_same_lab_gives_the_same_bytes(tmp_path: Path) -> None:
    written = set()
    for folder, seed in (("a", "0"), ("b", "1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "lab.dsl").write_text(LAB)
        for output in ("lab.run", "lab.tar.gz"):
            done = run("bundle", f"{folder}/lab.dsl", "-o", f"{folder}/{output}", "--no-shellcheck", cwd=tmp_path,
                       env={"PYTHONHASHSEED": seed})  # fmt: skip
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            written.add((tmp_path / folder / output).read_bytes())
    assert len(written) == 2


def test_a_tarball_holds_the_same_files_in_one_folder(tmp_path: Path) -> None:
    output = io.BytesIO()
    build = built()
    bundle.tarball(build, [], output, lambda *_: None)
    with tarfile.open(fileobj=io.BytesIO(output.getvalue())) as archive:
        assert {member.name for member in archive} == {f"carried/{name}" for name in (*build.files, "SHA256SUMS")}
        assert {(member.uid, member.mtime, member.isreg()) for member in archive} == {(0, bundle.TIME, True)}
    assert output.getvalue()[:10] == b"\x1f\x8b\x08\x00\0\0\0\0\x00\xff"  # no name and no time


def refused(folder: Path, content: bytes) -> bool:
    """Whether `--extract` of what is not as it was built ends with an error, and leaves nothing unpacked."""
    done = bash(folder, content, "--extract", "out")
    assert not (folder / "out").exists()
    assert not list(folder.glob(".kvmgen.*"))
    return done.returncode != 0


def test_a_byte_that_differs_anywhere_is_refused(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    content = bundled(built())
    stub = len(stub_of(content).encode())
    places = [*range(0, stub, 37), *range(stub, len(content), 1709), len(content) - 1]
    accepted = []
    for place in places:
        for mask in (0x01, 0x80):
            damaged = bytearray(content)
            damaged[place] ^= mask
            if not refused(tmp_path, bytes(damaged)):
                accepted.append((place, mask))
    record_property("bundle corruptions refused", 2 * len(places) - len(accepted))
    assert accepted == []


def test_a_bundle_that_is_cut_short_or_goes_on_is_refused(tmp_path: Path) -> None:
    content = bundled(built())
    stub = len(stub_of(content).encode())
    # What is cut before the script has said anything is a comment, which bash runs with success: there is nothing yet.
    begun = content.index(b"EXIT")
    lengths = [*range(begun + 5, stub, 331), *range(stub, len(content), 9001), len(content) - 1]
    assert [length for length in lengths if not refused(tmp_path, content[:length])] == []
    assert refused(tmp_path, content + b"\0")


def forged(content: bytes, *members: tarfile.TarInfo) -> bytes:
    """The bundle with another archive, and with all sums made to fit."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    stub = stub_of(content)
    part = f"{len(archive.getvalue())} {hashlib.sha256(archive.getvalue()).hexdigest()}"
    stub = re.sub(r"(?<=KG_PARTS=\(\n  ')\d+ \w+", part, stub)
    return sealed(re.sub(r"(?<=KG_SHA256=)\w+", SEAL, stub)).encode() + archive.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 3 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    "members",
    [
        [member("../outside")],
        [member("/tmp/kvmgen-outside")],
        [member("setup.sh", tarfile.SYMTYPE, "/etc/passwd")],
        [member("setup.sh", tarfile.LNKTYPE, "/etc/passwd")],
        [member("files", tarfile.SYMTYPE, "/"), member("files/etc/kvmgen-outside")],
        [member("setup.sh", tarfile.FIFOTYPE)],
        [member("setup.sh\nSHA256SUMS")],
        [member("-rf")],
        [],
    ],
)
def test_an_archive_of_other_files_is_refused_though_its_sums_fit(
    tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    (tmp_path / "inner").mkdir()
    done = bash(tmp_path / "inner", forged(bundled(built()), *members), "--extract", "out")
    assert (done.returncode, done.stderr) == (9, "lab.run: archive 0 does not hold the files that it should\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inner", "lab.run"]


def test_a_file_that_would_lie_elsewhere_cannot_be_bundled() -> None:
    build = built()
    for name in ("../x", "/etc/x", "a//b", "a/./b", "-x", "a b", "a\nb", "é"):
        build.files[name] = ""
        with pytest.raises(ValueError, match="cannot hold a file of the name"):
            bundled(build)
        del build.files[name]


def image_lab(*places: Path) -> driver.Build:
    disks = "\n".join(f'disk "{place}" {{ format raw }}' for place in places)
    return built(f"lab carried\nnetwork br0 isolated\nvm a {{\n{disks}\nnic on br0\n}}\n")


def test_the_holes_of_an_image_are_kept_and_what_is_stored_depends_on_its_content_alone(tmp_path: Path) -> None:
    size = 40 * 2**20 + 777
    sparse, full = tmp_path / "sparse.raw", tmp_path / "full.raw"
    with sparse.open("wb") as file:
        for number in range(30):  # more than the first header and one further can map
            file.seek(number * 2**20 + 5)
            file.write(b"data %d" % number)
        file.truncate(size)
    full.write_bytes(sparse.read_bytes())
    (image,) = bundle.scan([str(sparse)], lambda *_: None)
    assert bundle.scan([str(full)], lambda *_: None)[0].extents == image.extents
    content = bundled(image_lab(sparse), [image])
    assert len(content) < 3 * 2**20
    assert bash(tmp_path, content, "--extract", "out").returncode == 0
    unpacked = tmp_path / "out" / image.name
    assert unpacked.read_bytes() == full.read_bytes()
    assert unpacked.stat().st_blocks * 512 < 4 * 2**20


def test_a_qcow2_image_comes_out_as_it_was_and_one_on_top_of_another_is_refused(tmp_path: Path) -> None:
    base, top = tmp_path / "base.qcow2", tmp_path / "top.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", base, "64M"], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top], check=True)
    images = bundle.scan([str(base)], lambda *_: None)
    assert bash(tmp_path, bundled(image_lab(base), images), "--extract", "out").returncode == 0
    assert (tmp_path / "out" / images[0].name).read_bytes() == base.read_bytes()
    with pytest.raises(bundle.UnusableImage, match="is on top of another image"):
        bundle.scan([str(top)], lambda *_: None)


def test_a_header_tells_of_more_than_8_gib() -> None:
    image = bundle.Image("/x", "images/x", 9 * 2**30, "0" * 64, ((8 * 2**30, 4096),), "0" * 64)
    info = tarfile.TarInfo.frombuf(image.header(image.name), "ascii", "strict")
    assert (info.name, info.size, info.type) == ("images/x", 4096, tarfile.GNUTYPE_SPARSE)


def test_an_image_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "a.raw"
    place.write_bytes(b"a" * 100_000)
    images = bundle.scan([str(place)], lambda *_: None)
    place.write_bytes(b"b" * 100_000)
    with pytest.raises(bundle.UnusableImage, match="is a guest at work on it"):
        bundled(image_lab(place), images)


def test_a_stub_is_clean_and_keeps_to_bash_4_1_whatever_the_names(tmp_path: Path) -> None:
    place = tmp_path / HOSTILE
    place.write_bytes(b"")
    content = bundled(built(), bundle.scan([str(place)], lambda *_: None))
    assert shellcheck(stub_of(content)) == []
    assert findings(stub_of(content)) == []
    assert f"images/im___touch_canary___q___d_____.img  for {place}\n" in bash(tmp_path, content, "--list").stdout
    assert bash(tmp_path, content, "--extract", "out").returncode == 0
    assert not list(tmp_path.glob("canary"))


def test_a_bundle_that_cannot_be_made_leaves_the_older_one(tmp_path: Path) -> None:
    (tmp_path / "lab.dsl").write_text("vm a { disk /nowhere/x.img }\n")
    (tmp_path / "lab.run").write_text("older")
    command = ("bundle", "lab.dsl", "-o", "lab.run", "--no-shellcheck")
    assert_one_line(run(*command, "--images", cwd=tmp_path), 2, "cannot read the image `/nowhere/x.img`: no such file")
    assert_one_line(run(*command, "--sign", "nobody-at-all", cwd=tmp_path), 2, "cannot sign with `nobody-at-all`: ")
    assert sorted(below(tmp_path)) == ["lab.dsl", "lab.run"]
    assert (tmp_path / "lab.run").read_text() == "older"
    assert_one_line(run("bundle", "lab.dsl", "-o", "no/lab.run", "--no-shellcheck", cwd=tmp_path), 74, "cannot write")


def test_a_signature_of_ssh_keygen_is_beside_the_bundle_and_holds(tmp_path: Path) -> None:
    (tmp_path / "lab.dsl").write_text(LAB)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    assert run("bundle", "lab.dsl", "-o", "lab.run", "--sign", "key", cwd=tmp_path).returncode == 0
    (tmp_path / "allowed").write_text(f"me {(tmp_path / 'key.pub').read_text()}")
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "me", "-n", "file", "-s", "lab.run.sig"]
    content = (tmp_path / "lab.run").read_bytes()
    for data, code in ((content, 0), (content[:-1] + b"x", 255)):
        done = subprocess.run(command, cwd=tmp_path, input=data, capture_output=True, check=False)
        assert done.returncode == code
