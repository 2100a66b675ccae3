"""Sources: what is read, what is refused, and where an offset lies."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gen.source import SIZE_LIMIT, Source, Span, UnreadableSource


def test_positions_count_lines_and_columns_from_one() -> None:
    source = Source("lab.dsl", "ab\ncd\n")
    assert [source.position(offset) for offset in range(7)] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1)]


def test_a_line_is_given_without_its_line_end() -> None:
    source = Source("lab.dsl", "ab\r\ncd")
    assert [source.line_text(1), source.line_text(2)] == ["ab", "cd"]


def test_the_span_from_one_word_to_another_covers_both_in_either_order() -> None:
    source = Source("lab.dsl", "one two three")
    one, three = Span(source, 0, 3), Span(source, 8, 13)
    assert one.to(three).text == three.to(one).text == "one two three"


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "lab.dsl").write_bytes(b"\xef\xbb\xbflab a\n")
    assert Source.read(tmp_path / "lab.dsl").text == "lab a\n"


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"lab a\n")))
    source = Source.read("-")
    assert (source.name, source.text) == ("<stdin>", "lab a\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x7fELF\0\0", "it is a binary file, not text"),
        (b"lab a\nlab \xff\n", "line 2 is not UTF-8 text"),
        (b"#" * (SIZE_LIMIT + 1), "it is larger than 16 MiB"),
    ],
    ids=["binary", "latin-1", "too large"],
)
def test_a_file_that_is_no_topology_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "lab.dsl"
    path.write_bytes(content)
    with pytest.raises(UnreadableSource, match=r"^cannot read") as refused:
        Source.read(path)
    assert str(refused.value) == f"cannot read `{path}`: {reason}"


def test_a_directory_and_a_missing_file_are_refused_in_the_words_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match=r"is a directory$"):
        Source.read(tmp_path)
    with pytest.raises(UnreadableSource, match=r"no such file or directory$"):
        Source.read(tmp_path / "missing.dsl")


def test_an_endless_device_is_refused_instead_of_read_for_ever() -> None:
    with pytest.raises(UnreadableSource, match=r"larger than"):
        Source.read("/dev/zero")


def test_a_name_that_no_file_can_have_is_refused_like_any_other() -> None:
    with pytest.raises(UnreadableSource, match=r"^cannot read"):
        Source.read("a" + os.sep + "b\0c")
