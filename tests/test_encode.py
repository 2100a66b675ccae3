"""QEMU's option lists: what goes in comes out where QEMU splits it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from gen import encode


def as_qemu_splits(options: str) -> list[str]:
    """get_opt_value() of QEMU's util/qemu-option.c: a doubled comma is a comma, a single one ends the value."""
    return [part.replace(",,", ",") for part in re.findall(r"(?:[^,]|,,)+", options)]


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1, max_size=5))
def test_values_survive_qemus_option_list(values: list[str]) -> None:
    pairs = [(f"k{i}", value) for i, value in enumerate(values)]
    assert as_qemu_splits(encode.qemu(*pairs)) == [f"{key}={value}" for key, value in pairs]


def test_a_path_with_a_comma_stays_one_value() -> None:
    assert encode.qemu(("file", "/images/a,format=raw"), ("if", "virtio")) == "file=/images/a,,format=raw,if=virtio"
