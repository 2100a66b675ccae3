"""A build in; one file out that carries it to a host of bash, coreutils and tar: self-extracting, or a tarball.

A self-extracting bundle is a bash script (templates/bundle.run.j2) and, behind its last line, tar archives: one of the
script and its files, and one for each image. They are not compressed: a host need not have gzip, and images mostly are
in themselves. The script has the length and the sha256 of each archive and of each file, and its own. The same build
and the same images give the same bytes: owners, times and order are fixed, and the holes of an image are where its
content has whole blocks of zeros, wherever the file system happens to keep them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Protocol

from gen import __version__, templating
from gen.driver import Build
from gen.render.script import sealed
from gen.shell import Shell

TIME = 315532800
"""The time of every file, 1980-01-01 UTC: tar warns of 1970."""

BLOCK = 65536
"""Bytes. A block of an image that has only zeros is not stored."""

_ZEROS = bytes(BLOCK)
_UNIT, _RECORD = 512, 10240
"""Bytes. What tar rounds a file and an archive up to."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the bytes that are and the bytes in all."""


class UnusableImage(Exception):
    """An image that cannot be carried along; the text says which and why."""


class Member(Protocol):
    """A file of a bundle; `pieces` are its bytes in an archive, header and all, for a file of the name `name`."""

    @property
    def name(self) -> str: ...
    @property
    def mode(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    def pieces(self, name: str) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A file that was built."""

    name: str
    content: bytes

    @property
    def mode(self) -> int:
        return 0o755 if self.content.startswith(b"#!") else 0o644

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def pieces(self, name: str) -> Iterator[bytes]:
        yield _header(name, self.mode, self.size)
        yield self.content
        yield bytes(-self.size % _UNIT)


@dataclass(frozen=True, slots=True)
class Image:
    """A disk image as it was when it was scanned.

    `place` is its path, here and on the host. `extents` are the offsets and lengths in bytes of what is stored, and
    `stored_sha256` is its hash; all else in the image is zeros.
    """

    place: str
    name: str
    size: int
    sha256: str
    extents: tuple[tuple[int, int], ...]
    stored_sha256: str
    mode: int = 0o644

    @property
    def stored(self) -> int:
        return sum(length for _, length in self.extents)

    @property
    def archived(self) -> int:
        """The length of an archive of this image alone."""
        return _rounded(len(self.header(self.name)) + _rounded(self.stored, _UNIT) + 2 * _UNIT, _RECORD)

    def header(self, name: str) -> bytes:
        if self.stored == self.size:
            return _header(name, self.mode, self.size)
        return _sparse_header(name, self.mode, self.size, self.extents)

    def pieces(self, name: str) -> Iterator[bytes]:
        """Raises UnusableImage where the image is not as it was scanned."""
        yield self.header(name)
        hashed = hashlib.sha256()
        with _Opened(self.place) as file:
            for start, length in self.extents:
                for offset in range(start, start + length, BLOCK):
                    block = file.read(offset, min(BLOCK, start + length - offset))
                    hashed.update(block)
                    yield block
        if hashed.hexdigest() != self.stored_sha256:
            raise UnusableImage(f"`{self.place}` was written to while it was read: is a guest at work on it?")
        yield bytes(-self.stored % _UNIT)


def scan(places: Iterable[str], progress: Progress) -> list[Image]:
    """The images at these paths of this machine, each read once. Raises UnusableImage."""
    images: list[Image] = []
    places = list(dict.fromkeys(places))
    sizes = [_checked_size(place) for place in places]
    done = 0
    for place, size in zip(places, sizes, strict=True):
        content, stored = hashlib.sha256(), hashlib.sha256()
        extents: list[tuple[int, int]] = []
        with _Opened(place) as file:
            for offset in range(0, size, BLOCK):
                block = file.read(offset, min(BLOCK, size - offset))
                content.update(block)
                if block != _ZEROS[: len(block)]:
                    stored.update(block)
                    start = offset
                    if extents and sum(extents[-1]) == offset:
                        start, _ = extents.pop()
                    extents.append((start, offset + len(block) - start))
                done += len(block)
                progress(f"reading {place}", done, sum(sizes))
        name = _name(place, {image.name for image in images})
        images.append(Image(place, name, size, content.hexdigest(), tuple(extents), stored.hexdigest()))
    return images


def self_extracting(build: Build, images: list[Image], output: BinaryIO, progress: Progress) -> None:
    """Write the bundle to `output`, which can seek. Raises UnusableImage where an image is not as it was scanned."""
    texts = _texts(build, images)
    lengths = [sum(map(len, _archive(texts))), *(image.archived for image in images)]
    stub = _stub(build, texts, images, lengths, ["0" * 64] * len(lengths))
    output.seek(len(stub))
    sums: list[str] = []
    done = 0
    archives: list[Sequence[Member]] = [texts, *([image] for image in images)]
    for members in archives:
        hashed = hashlib.sha256()
        for piece in _archive(members):
            hashed.update(piece)
            output.write(piece)
            done += len(piece)
            progress(f"writing {members[0].name}", done, sum(lengths))
        sums.append(hashed.hexdigest())
    output.seek(0)
    output.write(_stub(build, texts, images, lengths, sums))


def tarball(build: Build, images: list[Image], output: BinaryIO, progress: Progress) -> None:
    """Write the same files as a compressed archive of one folder, which has the lab's name. Raises UnusableImage."""
    import gzip

    members: list[Member] = [*_texts(build, images), *images]
    total = sum(image.archived for image in images)
    done = 0
    with gzip.GzipFile("", "wb", 6, output, mtime=0) as compressed:
        for piece in _archive(members, f"{build.lab.name}/"):
            compressed.write(piece)
            done += len(piece)
            progress("writing", min(done, total), total)


def _texts(build: Build, images: list[Image]) -> list[Text]:
    """What was built, with the checksums of all of it and of the images."""
    texts = [Text(name, text.encode("utf-8", "surrogateescape")) for name, text in sorted(build.files.items())]
    members: list[Member] = [*texts, *images]
    return [*texts, Text("SHA256SUMS", "".join(f"{each.sha256}  {each.name}\n" for each in members).encode())]


def _stub(build: Build, texts: list[Text], images: list[Image], lengths: list[int], sums: list[str]) -> bytes:
    """The bash script at the head of a self-extracting bundle; its length does not depend on what `sums` are."""
    profile = build.profile

    def rendered(lines: int) -> str:
        return templating.render(
            "bundle.run.j2",
            lab=build.lab.name,
            title=profile.title,
            version=__version__,
            profile=profile.name,
            root=os.path.dirname(profile.run_dir),
            lines=lines,
            parts=[f"{length} {sha256}" for length, sha256 in zip(lengths, sums, strict=True)],
            members=[_described(0, text) for text in texts]
            + [_described(number, image) for number, image in enumerate(images, 1)],
            places=[(number, image.place) for number, image in enumerate(images, 1)],
            code=Shell((templating.folder() / "bundle.sh").read_text(encoding="utf-8")),
        )

    return sealed(rendered(rendered(0).count("\n"))).encode("utf-8", "surrogateescape")


def _described(archive: int, member: Member) -> str:
    return f"{archive} {stat.filemode(stat.S_IFREG | member.mode)} {member.size} {member.sha256} {member.name}"


def _name(place: str, taken: set[str]) -> str:
    """What an image is called in the bundle: its own name, as far as that needs no quoting anywhere."""
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", os.path.basename(place))[-60:].lstrip(".-") or "image"
    candidates = chain([f"images/{name}"], (f"images/{number}-{name}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _checked_size(place: str) -> int:
    with _Opened(place) as file:
        header = file.read(0, min(file.size, 16))
        # qcow2: magic, version, the offset of the backing file's name, where there is one.
        if header.startswith(b"QFI\xfb") and any(header[8:16]):
            raise UnusableImage(
                f"`{place}` is on top of another image, which would be missing: `qemu-img convert` makes one of both"
            )
        return file.size


class _Opened:
    """A regular file, to be read here and there. Raises UnusableImage for anything else and whatever goes wrong."""

    def __init__(self, place: str) -> None:
        self._place = place
        try:
            self._descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._unusable(error) from None
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            os.close(self._descriptor)
            raise UnusableImage(f"`{place}` is not a regular file")

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self, offset: int, length: int) -> bytes:
        """So many bytes; a hole of a sparse file is not read."""
        try:
            if os.lseek(self._descriptor, offset, os.SEEK_DATA) >= offset + length:
                return bytes(length)
        except OSError as error:
            if error.errno == errno.ENXIO and os.fstat(self._descriptor).st_size >= offset + length:
                return bytes(length)
        try:
            found = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise self._unusable(error) from None
        if len(found) != length:
            raise UnusableImage(f"`{self._place}` became shorter while it was read")
        return found

    def _unusable(self, error: OSError) -> UnusableImage:
        return UnusableImage(f"cannot read the image `{self._place}`: {(error.strerror or str(error)).lower()}")


# tar, as GNU tar reads it: a header of 512 bytes a file, and that of a sparse one with the map of what is stored.


def _archive(members: Iterable[Member], folder: str = "") -> Iterator[bytes]:
    length = 0
    for member in members:
        for piece in member.pieces(folder + member.name):
            length += len(piece)
            yield piece
    yield bytes(_rounded(length + 2 * _UNIT, _RECORD) - length)


def _rounded(length: int, unit: int) -> int:
    return length + -length % unit


def _header(name: str, mode: int, size: int, kind: bytes = b"0") -> bytes:
    import tarfile

    # Names that need no quoting: what lists them shows them as they are.
    if not all(re.fullmatch(r"(?!-|\.\.?$)[A-Za-z0-9._+@:,=-]+", part) for part in name.split("/")):
        raise ValueError(f"a bundle cannot hold a file of the name `{name}`")
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime, info.type = size, mode, TIME, kind
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


def _sparse_header(name: str, mode: int, size: int, extents: tuple[tuple[int, int], ...]) -> bytes:
    """GNU's old format of sparse files, which every GNU tar reads (tar(5) of libarchive, "GNU tar archives")."""
    stored = sum(length for _, length in extents)
    pairs = [_number(offset) + _number(length) for offset, length in (*extents, (size, 0))]
    header = bytearray(_header(name, mode, stored, b"S"))
    base = len(header) - _UNIT
    more, pairs = pairs[4:], pairs[:4]
    header[base + 386 : base + 386 + 24 * len(pairs)] = b"".join(pairs)
    header[base + 482 : base + 495] = bytes([bool(more)]) + _number(size)
    header[base + 148 : base + 156] = b" " * 8
    header[base + 148 : base + 156] = b"%06o\0 " % sum(header[base:])
    while more:
        pairs, more = more[:21], more[21:]
        header += b"".join(pairs).ljust(504, b"\0") + bytes([bool(more)]).ljust(8, b"\0")
    return bytes(header)


def _number(value: int) -> bytes:
    """Twelve bytes: octal, or where that is too short, binary with the first bit set."""
    return b"%011o\0" % value if value < 8**11 else b"\x80" + value.to_bytes(11, "big")
