"""Canaries: a lab whose every text and name is hostile goes through all of the script, and none of it is ever run."""

from __future__ import annotations

import json

import pytest

from gen.source import Source
from tests.injection import typed
from tests.live.conftest import Running
from tests.world import World

pytestmark = pytest.mark.live

TEXTS = (
    "$(kgcanary)",
    "`kgcanary`",
    "';kgcanary;'",
    '";kgcanary;"',
    "\\$(kgcanary)",
    "; kgcanary #",
    "| kgcanary",
    "a[$(kgcanary)]",
    "<(kgcanary)",
    "a'b\"c\\,x",
)

OPTIONS = "".join(
    f"    option fw_cfg {typed(f'name=opt/org.kvmgen/{number},string=' + text.replace(',', ',,'))}\n"
    for number, text in enumerate(TEXTS)
)

LAB = f"""\
lab do
host {{ nic ens33 {{ address 192.168.0.162/16  gateway 192.168.0.1 }} }}
let text {typed(TEXTS[2])}  # $(kgcanary) `kgcanary`
network if bridged {{ uplink ens33 }}
network eval nat {{ address 10.7.0.254/24  via if  dhcp on  domain done.then }}
namespace exec {{ nic eth0 on eval {{ address 10.7.0.9/24 }} }}
vm KG_END {{
    memory 64M
    kernel {typed("/srv/" + TEXTS[0])}
    initrd {typed("/srv/" + TEXTS[1])}
    append {typed("console=ttyS0 " + " ".join(TEXTS))}
{OPTIONS}\
    option fw_cfg "name=opt/org.kvmgen/text,string=$text"
    nic time on eval {{ address auto }}
}}
"""


@pytest.mark.parametrize("target", ["debian12", "centos7"])
def test_no_canary_fires_from_plan_to_down(target: str) -> None:
    with World() as world:
        world.write("/usr/bin/kgcanary", "#!/bin/sh\n: >/run/canary\n", 0o755)
        running = Running(world, Source("$(kgcanary)`kgcanary`;'\".dsl", LAB), target)
        world.run("ln", "-s", "/srv/images/vmlinuz", f"/srv/{TEXTS[0]}")
        world.run("ln", "-s", "/srv/images/initrd", f"/srv/{TEXTS[1]}")
        before = world.snapshot()
        for words in (["source"], ["explain"], ["commands"], ["commands", "down"], ["version"], ["plan"], ["doctor"]):
            running.setup(*words, check=False)
        running.setup("up", "--no-guard")
        for words in (["up"], ["status"], ["vm", "list"], ["log"], ["-n", "down"], ["exec", "exec", "true"]):
            assert running.setup(*words, check=False).returncode == 0, words
        status = json.loads(running.setup("status", "--json").stdout)
        assert {"KG_END", "eval", "if"} <= {each["object"] for each in status["objects"]}
        assert running.setup("explain", "KG_END").stdout.count("$(kgcanary)") > 1
        running.setup("down", "--wait", "0")
        assert world.snapshot(like=before) == before
        assert not world.path("/run/canary").exists()
        world.run("kgcanary")
        assert world.path("/run/canary").exists()
