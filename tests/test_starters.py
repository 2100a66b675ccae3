"""The labs that `kvmgen init` prints: each is sound, tidy, and builds for every host that can run it."""

from __future__ import annotations

import pytest

from gen import driver, profile, starters
from gen.audit import audit
from gen.bind import split
from gen.cli import cli
from gen.diagnostics import Diagnostics, render
from gen.source import Source
from gen.syntax.format import format_source

EVERY_STARTER = pytest.mark.parametrize("name", starters.names())

NEEDS_NETNS = {"cable", "router"}
"""Starters with namespaces, which the iproute2 of CentOS 6 has not."""


def source(name: str) -> Source:
    return Source(f"{name}.dsl", starters.read(name))


@EVERY_STARTER
def test_a_starter_has_neither_errors_nor_warnings(name: str) -> None:
    diagnostics = Diagnostics()
    driver.analyse(source(name), diagnostics)
    assert render(diagnostics) == ""


@EVERY_STARTER
def test_a_starter_is_laid_out_as_fmt_does(name: str) -> None:
    assert format_source(source(name), Diagnostics(), split) == starters.read(name)


@EVERY_STARTER
def test_a_starter_says_in_its_first_line_what_it_is(name: str) -> None:
    assert starters.read(name).startswith("# ")


@EVERY_STARTER
def test_a_starter_expects_something_that_can_be_tried(name: str) -> None:
    assert driver.analyse(source(name), Diagnostics()).expects


@EVERY_STARTER
@pytest.mark.parametrize("target", profile.names())
def test_a_starter_builds_for_every_host_or_is_refused_with_the_reason(name: str, target: str) -> None:
    diagnostics = Diagnostics()
    if target == "centos6" and name in NEEDS_NETNS:
        with pytest.raises(driver.Stopped):
            driver.build(source(name), diagnostics, target)
        assert {found.code for found in diagnostics} == {"target-lacks"}
        assert "has no `ip netns`" in render(diagnostics)
    else:
        driver.build(source(name), diagnostics, target)
        assert render(diagnostics) == ""


@EVERY_STARTER
def test_the_audit_accepts_a_starters_script(name: str) -> None:
    assert audit(driver.build(source(name), Diagnostics()).script).findings == ()


def test_the_help_of_init_names_every_starter_and_no_other() -> None:
    help = cli.commands["init"].help or ""
    assert set(help.partition("from: ")[2].rstrip(".").replace(" or ", ", ").split(", ")) == set(starters.names())


def test_there_is_a_starter_for_each_kind_of_network() -> None:
    labs = [driver.analyse(source(name), Diagnostics()) for name in starters.names()]
    assert {network.kind for lab in labs for network in lab.networks} == {"isolated", "routed", "nat", "bridged"}
