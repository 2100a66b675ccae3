"""A lab's unit on a host of its own that really boots: after a reboot the lab is there again."""

import re
from pathlib import Path

import pytest

from gen import driver, profile
from gen.diagnostics import Diagnostics
from gen.persist.units import units
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
WITH_GUEST = "lab other\nnetwork n isolated\nvm guest-1 { nic on n }\n"
SCRIPT = "/var/lib/kvmgen/boot/persist/setup.sh"
ALL_OF_ETC = (
    r"(cd /etc; find . -printf '%y %m %u:%g %p %l\n'; find . -type f -exec sha256sum {} +) | "
    "grep -v mtab | LC_ALL=C sort"
)


def test_after_a_reboot_the_lab_is_there_again_and_its_unit_stops_and_starts_it(tmp_path: Path) -> None:
    source = Source("lab.dsl", LAB)
    built = driver.build(source, Diagnostics())
    (tmp_path / "setup.sh").write_text(built.script)
    kept = [*units(built.lab, profile.load("debian12"))]
    guests = driver.analyse(Source("other.dsl", WITH_GUEST), Diagnostics())
    kept += units(guests, profile.load("debian12"))
    for number, unit in enumerate(kept):
        (tmp_path / str(number)).write_text(unit.text)
    with World(addresses=(), gateway=None) as world:
        host = boot_host(world, tmp_path)
        without = network(host)
        run(host, f"{ALL_OF_ETC} >/root/etc")
        run(host, "journalctl --flush")  # what is written while it goes down is to be read
        run(host, f"install -D -m 700 /media/setup.sh {SCRIPT}")
        for number, unit in enumerate(kept):
            run(host, f"mkdir -p {Path(unit.path).parent}")
            link = f"ln -s {unit.text} {unit.path}"
            run(host, link if unit.how == "link" else f"install -m {unit.mode} /media/{number} {unit.path}")
        run(host, "systemctl daemon-reload && systemctl start kvmgen-boot")
        within = network(host)
        assert {"br0 192.168.0.162/16", "br-in 10.0.0.254/24", "ens33 in br0"} <= within
        guest = run(host, "systemctl show -p ExecStart -p PIDFile -p Requires kvmgen-other-vm@guest-1")
        assert "argv[]=/bin/bash /var/lib/kvmgen/other/persist/setup.sh vm start guest-1 --wait 300 ;" in guest
        assert "PIDFile=/run/kvmgen/other/vm/guest-1.pid\n" in guest
        run(host, "rm /etc/systemd/system/multi-user.target.wants/kvmgen-other.service")

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
        assert setup(host, "status") == 3
        assert network(host) == without
        run(host, "systemctl start kvmgen-boot")
        assert network(host) == within

        run(host, "systemctl stop kvmgen-boot && rm -r /var/lib/kvmgen")
        for unit in kept:
            run(host, f"rm -f {unit.path}")
        run(host, "rmdir /etc/systemd/system/kvmgen-*.wants")
        assert run(host, f"{ALL_OF_ETC} | diff /root/etc -") == ""


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
