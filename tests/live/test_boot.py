"""A lab's unit on a host of its own that really boots: after a reboot the lab is there again."""

import re
from pathlib import Path

import pytest

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source
from tests.console import Console
from tests.hostimage import boot_host, reboot
from tests.world import World, reaches

pytestmark = pytest.mark.live

LAB = """
lab boot
target debian12
host { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 } }
network br0    bridged  { uplink ens33 }
network br-in  nat {
    address 10.0.0.254/24  via br0  dhcp 10.0.0.10 - 10.0.0.20
    publish tcp 192.168.0.162:8053 to web:53
}
network br-out isolated
router r {
    nic in  on br-in  { address 10.0.0.1/24 }
    nic out on br-out { address 10.9.0.1/24 }
    route default via 10.0.0.254
}
namespace web { nic e on br-in  { address 10.0.0.2/24 }  route default via 10.0.0.254  route 10.9.0.0/24 via 10.0.0.1 }
namespace far { nic e on br-out { address 10.9.0.2/24 }  route default via 10.9.0.1 }
"""
SCRIPT = "/var/lib/kvmgen/boot/persist/setup.sh"
ALL_OF_ETC = (
    r"(cd /etc; find . -printf '%y %m %u:%g %p %l\n'; find . -type f -exec sha256sum {} +) | "
    "grep -v mtab | LC_ALL=C sort"
)


def test_after_a_reboot_the_lab_is_there_again_and_its_unit_stops_and_starts_it(tmp_path: Path) -> None:
    source = Source("lab.dsl", LAB)
    built = driver.build(source, Diagnostics())
    (tmp_path / "setup.sh").write_text(built.script)
    with World(addresses=(), gateway=None) as world:
        host = boot_host(world, tmp_path)
        without = network(host)
        run(host, f"{ALL_OF_ETC} >/root/etc")
        run(host, "journalctl --flush")  # what is written while it goes down is to be read
        run(host, "bash /media/setup.sh up -y --no-guard")
        run(host, "bash /media/setup.sh persist --adopt && systemctl start kvmgen-boot")
        within = network(host)
        assert {"br0 192.168.0.162/16", "br-in 10.0.0.254/24", "ens33 in br0"} <= within

        reboot(host)
        assert "boot ends with it" in run(host, "journalctl -b -1 -u kvmgen-boot --no-pager")
        assert "is down" not in run(host, "journalctl -b -1 -u kvmgen-boot --no-pager")
        assert setup(host, "status") == 0
        assert network(host) == within
        assert reaches(world.lan, "192.168.0.162")
        run(host, "ip netns exec far ping -c3 -W2 10.0.0.2")
        run(host, "ip netns exec web ping -c3 -W2 203.0.113.7")
        run(host, "ip netns exec web dnsmasq --conf-file=/dev/null --no-resolv --pid-file=/run/dns")
        world.lan.run("bash", "-c", "exec 3<>/dev/tcp/192.168.0.162/8053")

        run(host, "kill $(cat /run/dns); systemctl stop kvmgen-boot")
        assert setup(host, "status") == 3  # the bridges are the boot's
        run(host, "systemctl start kvmgen-boot")
        assert network(host) == within

        run(host, f"systemctl stop kvmgen-boot && bash {SCRIPT} unpersist")
        assert run(host, f"{ALL_OF_ETC} | diff /root/etc -") == ""
        reboot(host)
        assert network(host) == without
        assert run(host, "ls /var/lib/kvmgen 2>/dev/null || :") == ""


def run(host: Console, command: str) -> str:
    status, output = host.shell(command, timeout=120)
    assert status == 0, f"{command}: exit {status}\n{output}"
    return output


def setup(host: Console, words: str) -> int:
    return host.shell(f"bash {SCRIPT} {words} >/dev/null")[0]


def network(host: Console) -> set[str]:
    """The host's IPv4 addresses, routes, ports of bridges, firewall rules, namespaces and forwarding."""
    said = run(
        host, "ip -4 -o address; echo; ip -4 route; iptables-save | grep ^-A; sysctl net.ipv4.ip_forward; ip netns"
    )
    addresses, rest = said.split("\n\n")
    ports = run(host, "cd /sys/class/net; ls -1 -d */brif/* 2>/dev/null || :")
    return {
        *(f"{link} {address}" for link, address in re.findall(r"^\d+: (\S+) +inet (\S+)", addresses, re.MULTILINE)),
        *(re.sub(r" \(id: \d+\)| +$", "", line) for line in rest.splitlines()),
        *(f"{port} in {bridge}" for bridge, port in (line.split("/brif/") for line in ports.splitlines())),
    }
