"""A host without Python, perl and network gets a lab on a disk: it verifies it, builds it, and is as it was after."""

import io
from pathlib import Path

import pytest

from gen import bundle, driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.console import Console
from tests.hostimage import boot_host
from tests.world import World

pytestmark = pytest.mark.live

LABS = Path(__file__).parent.parent / "labs"
PINGS = {
    "netns-basics": [("r1", "10.10.10.2")],
    "routed-apart": [("far", "10.9.0.1"), ("r", "10.0.0.254")],
}
ROUTED = """
lab routed-apart
network br-in nat { address 10.0.0.254/24  via ens33  dhcp 10.0.0.10 - 10.0.0.20 }
router r { nic in on br-in { address 10.0.0.1/24 }; nic out { address 10.9.0.1/24 } }
namespace far { route default via 10.9.0.1 }
link r.out - far.e 10.9.0.2/24
"""

# What the host looks like: links, addresses, routes, rules, namespaces, processes' names, settings and files.
LOOK = (
    "(ip -o address; ip -o route show table all; ip rule; ip netns; iptables-save | grep -E '^(-|:kg)'; "
    "grep -rs '' /proc/sys/net/ipv4/ip_forward /proc/sys/net/bridge; pgrep -l dnsmasq; "
    "find /run/kvmgen* /var/lib/kvmgen* /etc -newer /root/mark) 2>/dev/null | "
    "sed 's/ \\(valid\\|preferred\\)_lft [^ ]*//g; s/\\[[0-9:]*\\]//'"
)


def carried(folder: Path, name: str, text: str) -> None:
    build = driver.build(Source(f"{name}.dsl", text), Diagnostics())
    output = io.BytesIO()
    bundle.self_extracting(build, [], output, lambda *_: None)
    (folder / f"{name}.run").write_bytes(output.getvalue())


def run(host: Console, command: str, code: int = 0) -> str:
    status, output = host.shell(command, timeout=120)
    assert status == code, f"{command}: exit {status}\n{output}"
    return output


def test_a_host_without_python_and_network_builds_labs_from_a_disk_and_is_as_it_was(tmp_path: Path) -> None:
    carried(tmp_path, "netns-basics", (LABS / "netns-basics.dsl").read_text())
    carried(tmp_path, "routed-apart", ROUTED)
    damaged = bytearray((tmp_path / "netns-basics.run").read_bytes())
    damaged[-20000] ^= 1
    (tmp_path / "damaged.run").write_bytes(damaged)
    with World(addresses=(), gateway=None) as world:
        host = boot_host(world, tmp_path, plugged_in=False)
        run(host, "! type -P python3 && ! type -P perl && touch /root/mark")
        run(host, "while ip -6 address | grep -q tentative; do sleep 0.2; done")  # the kernel's own work on ens33
        run(host, f"{LOOK} >/root/before")
        assert "it is damaged" in run(host, "bash /media/damaged.run up", 9)
        for name, pings in PINGS.items():
            lab = f"bash /media/{name}.run"
            assert f"{name}.run is as it was built" in run(host, f"{lab} --verify")
            run(host, f"{lab} plan", 11)
            run(host, f"{lab} up")
            run(host, f"{lab} status")
            for source, target in pings:
                run(host, f"ip netns exec {source} ping -c2 -W2 {target}")
            run(host, f"{lab} up | grep 'nothing to do'")
            run(host, f"{lab} down")
            run(host, f"{lab} status", 3)
            assert run(host, f"{LOOK} | diff /root/before -") == ""
