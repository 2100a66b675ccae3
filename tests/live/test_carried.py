"""A bundle on a host: its lab goes up and down from it, images and all, and bash, coreutils and tar suffice for it."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gen import bundle, driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.world import World

pytestmark = pytest.mark.live


@pytest.fixture
def carried(tmp_path: Path) -> Path:
    """A bundle with an image of 8 MiB, mostly a hole. /tmp is the machine's own, and the image is no longer there."""
    image = tmp_path / "images" / "a.raw"
    image.parent.mkdir()
    image.write_bytes(b"boots nothing")
    os.truncate(image, 8 * 2**20)
    lab = f"""
        network br0 isolated {{ address 10.0.0.254/24 }}
        namespace a {{ nic e0 on br0 {{ address 10.0.0.1/24 }} }}
        vm b {{ memory 64M; disk {image}; nic on br0 {{ address 10.0.0.2/24 }}; autostart off }}
    """
    build = driver.build(Source("carried.dsl", lab), Diagnostics())
    output = io.BytesIO()
    bundle.self_extracting(build, bundle.scan([str(image)], lambda *_: None), output, lambda *_: None)
    shutil.rmtree(image.parent)
    path = tmp_path / "lab.run"
    path.write_bytes(output.getvalue())
    return path


def test_a_lab_goes_up_and_down_from_its_bundle_and_the_host_is_as_it_was(world: World, carried: Path) -> None:
    before = world.snapshot()
    image = carried.parent / "images" / "a.raw"
    assert world.run("bash", carried, "plan", check=False).returncode == 11
    world.run("bash", carried, "-n", "up")
    assert not image.exists()
    assert f"{image}: unpacked" in world.run("bash", carried, "up").stdout
    assert image.read_bytes() == b"boots nothing".ljust(8 * 2**20, b"\0")
    assert image.stat().st_blocks * 512 < 2**20
    assert world.ping("10.0.0.1")

    # What is at an image's place by now is the user's.
    image.write_bytes(b"a guest's own")
    assert "nothing to do" in world.run("bash", carried, "up").stdout
    assert world.run("bash", carried, "status").returncode == 0
    assert world.run("bash", carried, "exec", "a", "sh", "-c", "exit 42", check=False).returncode == 42
    world.run("bash", carried, "down")
    assert image.read_bytes() == b"a guest's own"
    assert world.run("bash", carried, "status", check=False).returncode == 3
    assert world.snapshot(like=before) == before


def test_nothing_of_a_damaged_bundle_runs(world: World, carried: Path) -> None:
    before = world.snapshot()
    content = bytearray(carried.read_bytes())
    content[len(content) // 2] ^= 1
    carried.write_bytes(content)
    done = world.run("bash", carried, "up", check=False)
    assert done.returncode == 9
    assert "lab.run: it is damaged: archive" in done.stderr
    assert not (carried.parent / "images").exists()
    assert world.snapshot(like=before) == before


def test_a_full_disk_leaves_nothing_behind(world: World, carried: Path) -> None:
    world.run("mount", "-t", "tmpfs", "-o", "size=64k", "small", "/media")
    before = world.snapshot()
    done = world.run("bash", carried, "--extract", "/media/out", check=False)
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert world.run("ls", "-A", "/media").stdout == ""
    assert world.snapshot(like=before) == before


def test_bash_coreutils_and_tar_are_all_that_it_needs(world: World, carried: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    owned = subprocess.run(["dpkg", "-L", "coreutils"], capture_output=True, text=True, check=True).stdout.split()
    programs = ["/bin/bash", "/bin/tar", *(path for path in owned if re.fullmatch(r"(/usr)?/bin/[^/]+", path))]
    libraries: set[str] = set()
    for program in programs:
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        libraries.update(re.findall(r"(/\S+)", said))
    for path in (*programs, *libraries):
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path[1:])
    for folder in ("run", "dev", "proc"):
        (root / folder).mkdir()
    world.run("mount", "--rbind", "/dev", root / "dev")
    world.run("mount", "-t", "proc", "proc", root / "proc")
    shutil.copy(carried, root / "lab.run")
    enter = ("chroot", root, "/bin/bash", "/lab.run")
    listed = world.run(*enter, "--list").stdout.splitlines()
    assert world.run(*enter, "--verify").stdout == f"lab.run is as it was built: {len(listed)} files\n"
    world.run(*enter, "--extract", "/out")
    assert (root / "out" / "setup.sh").exists()
    assert "usage: bash setup.sh" in world.run(*enter, "help").stdout
    assert list((root / "run").iterdir()) == []
