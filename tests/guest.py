"""Debian's kernel and busybox and the scripts of tests/guest in; a bootable disk, CD, kernel and initrd of a guest out.

They are built once for each state of the inputs, in `.cache/` at the root of the repository, in about seven seconds.
The guest boots in 128 MB, asks for a DHCP lease on every nic, prints a line that starts with `KVMGEN-GUEST READY` on
its serial port, answers on TCP ports 22 and 80 with its name, goes off at the ACPI power button, and has a root shell
on the serial port, in which `ready` prints that line again. Booted from the CD it first installs itself on the first
disk and says `KVMGEN-GUEST INSTALLED`.
"""

import fcntl
import gzip
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Literal

_HERE = Path(__file__).resolve()
_SCRIPTS = _HERE.with_name("guest")
_CACHE = _HERE.parents[1] / ".cache"

# Debian's cloud kernel is smaller but has no e1000, which is what `-net nic` gives on the targets of the notes.
_KERNEL_PACKAGE = "linux-image-amd64"
_NIC_DRIVERS = ("virtio_net", "e1000", "e1000e", "8139cp")
_DISK_DRIVERS = ("virtio_blk", "virtio_scsi", "ata_piix", "ahci", "sd_mod", "sr_mod", "isofs")
_DRIVERS = ("virtio_pci", *_NIC_DRIVERS, *_DISK_DRIVERS, "button", "evdev")
_PLACES = {
    "init": "init",
    "lease": "bin/lease",
    "banner": "bin/banner",
    "ready": "bin/ready",
    "power-button": "etc/acpi/PWRF/00000080",
}
_ISOLINUX = Path("/usr/lib/ISOLINUX/isolinux.bin"), Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")
_DISK_SIZE = "24M"


def guest_image(kind: Literal["qcow2", "raw"] = "qcow2") -> Path:
    """The guest as a bootable disk. It is shared: a test that writes to it takes a copy or an overlay."""
    return _built() / f"guest.{kind}"


def guest_iso() -> Path:
    """The guest as a bootable CD that installs it on the first disk, which must have 24 MB or more."""
    return _built() / "guest.iso"


def guest_kernel() -> tuple[Path, Path]:
    """The guest's kernel and initrd, for a boot without a disk.

    The kernel's command line needs `console=ttyS0 quiet no_timer_check`, and may have `hostname=NAME eth0=IP/LEN gw=IP
    dhcp=off`.
    """
    return _built() / "vmlinuz", _built() / "initrd"


@cache
def _built() -> Path:
    return built_once("guest", (_HERE, *sorted(_SCRIPTS.iterdir())), _build)


def built_once(name: str, inputs: Iterable[Path], build: Callable[[Path, Path], None]) -> Path:
    """A folder of the cache, which `build` fills once for each state of `inputs`; it has another folder to work in."""
    state = hashlib.sha256()
    for file in inputs:
        state.update(file.read_bytes())
    folder = _CACHE / f"{name}-{state.hexdigest()[:12]}"
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=_CACHE) as work:
                out = Path(work, "out")
                out.mkdir()
                build(Path(work), out)
                out.rename(folder)
    return folder


def _build(work: Path, out: Path) -> None:
    packages, release = unpack_kernel(work)
    shutil.copyfile(packages / "boot" / f"vmlinuz-{release}", out / "vmlinuz")
    places = {_SCRIPTS / name: place for name, place in _PLACES.items()}
    write_initrd(packages, release, _DRIVERS, places, work / "root", out / "initrd")
    _write_disk(out)
    _write_iso(out, work / "cd")


def unpack_kernel(work: Path) -> tuple[Path, str]:
    """A folder, below `work`, with the files of Debian's kernel and of busybox; and the kernel's release."""
    packages = work / "packages"
    try:
        _download(work / "download")
    except RuntimeError:  # the lists of packages are old or not there
        run("apt-get", "-q", "update")
        _download(work / "download")
    for package in (work / "download").iterdir():
        run("dpkg", "-x", package, packages)
    (kernel,) = (packages / "boot").glob("vmlinuz-*")
    release = kernel.name.removeprefix("vmlinuz-")
    run("depmod", "-b", packages, release)
    return packages, release


def _download(folder: Path) -> None:
    """Debian's packages of busybox and of the kernel that its meta package depends on at present."""
    folder.mkdir(exist_ok=True)
    depends = run("apt-cache", "depends", "--important", _KERNEL_PACKAGE)
    kernels = re.findall(r"Depends: (linux-image-\S+)", depends)
    run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "busybox-static", *kernels[:1], cwd=folder)


def write_initrd(
    packages: Path, release: str, drivers: Iterable[str], places: dict[Path, str], root: Path, initrd: Path
) -> None:
    """Packs the folder `root`, made here, as `initrd`: busybox, the drivers and what they need, and scripts.

    `packages` and `release` are those of `unpack_kernel`; `places` says where each script goes.
    """
    for folder in ("bin", "dev", "etc", "mnt", "proc", "sys", "var/log", "var/run"):
        (root / folder).mkdir(parents=True)
    for script, place in places.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(script, root / place)
        (root / place).chmod(0o755)
    busybox = shutil.copy(packages / "bin/busybox", root / "bin/busybox")
    for applet in run(busybox, "--list").split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    copy_modules(packages, release, drivers, root)
    names = "\n".join(sorted(str(path.relative_to(root)) for path in root.rglob("*")))
    pack = (busybox, "cpio", "-o", "-H", "newc", "-R", "0:0")
    archive = subprocess.run(pack, input=names.encode(), cwd=root, capture_output=True, check=True)
    initrd.write_bytes(gzip.compress(archive.stdout, mtime=0))


def copy_modules(packages: Path, release: str, wanted: Iterable[str], root: Path) -> None:
    """Copies the kernel's modules `wanted` and all that they need to `root`. A word with a `/` is a folder of them."""
    modules = Path("lib/modules", release)
    needs = {}  # from a file of depmod's
    for line in (packages / modules / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[path] = {path, *others.split()}
    for pattern in wanted:
        matching = f"{pattern}*" if "/" in pattern else f"*/{pattern}.ko"
        found = [path for path in needs if fnmatch(path, matching)]
        assert found, f"the kernel has no module {pattern}"
        for path in set().union(*(needs[path] for path in found)):
            (root / modules / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(packages / modules / path, root / modules / path)
    run("depmod", "-b", root, release)


def _write_disk(out: Path) -> None:
    """A FAT disk without partitions whose boot sector is SYSLINUX's: made without a mount."""
    raw = out / "guest.raw"
    run("truncate", "-s", _DISK_SIZE, raw)
    run("mkfs.vfat", "-F", "16", raw)
    run("syslinux", "--install", raw)
    settings = out / "syslinux.cfg"
    settings.write_text(_boot_settings("disk"))
    run("mcopy", "-i", raw, settings, out / "vmlinuz", out / "initrd", "::")
    settings.unlink()
    run("qemu-img", "convert", "-c", "-O", "qcow2", raw, out / "guest.qcow2")


def _write_iso(out: Path, tree: Path) -> None:
    tree.mkdir()
    for file in (*_ISOLINUX, out / "vmlinuz", out / "initrd"):
        shutil.copy(file, tree)
    (tree / "isolinux.cfg").write_text(_boot_settings("cd"))
    (tree / "disk.gz").write_bytes(gzip.compress((out / "guest.raw").read_bytes(), compresslevel=1, mtime=0))
    boot = ("-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", *boot, "-o", out / "guest.iso", tree)


def _boot_settings(medium: str) -> str:
    # An emulated CPU that has to wait for a busy machine fails the kernel's test of its timer, and that is a panic.
    append = f"console=ttyS0 quiet no_timer_check boot={medium}"
    return f"default guest\nlabel guest\n  kernel vmlinuz\n  initrd initrd\n  append {append}\n"


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What a command of the build prints. RuntimeError: it failed."""
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
