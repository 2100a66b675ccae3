"""The test host boots with systemd, has what it should have and nothing else, and keeps its disk across a reboot."""

from pathlib import Path

import pytest

from tests.hostimage import boot_host, reboot
from tests.world import World, reaches

pytestmark = pytest.mark.live


def test_the_host_is_on_the_lan_has_its_kernel_and_tools_and_comes_again_after_a_reboot(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("carried\n")
    with World(addresses=(), gateway=None) as world:
        host = boot_host(world, tmp_path)
        assert host.shell("cat /media/note") == (0, "carried\n")
        assert reaches(host, "203.0.113.7")
        assert reaches(world.lan, "192.168.0.162")
        assert host.shell("compgen -c | grep -E '^(python|perl)'") == (1, "")
        assert host.shell("type -p ip brctl iptables dnsmasq ifup systemctl tar | wc -l") == (0, "7\n")
        links = (
            "bond0 type bond",
            "vrf0 type vrf table 9",
            "ens33.5 link ens33 type vlan id 5",
            "br9 type bridge vlan_filtering 1",
        )
        for link in (*links, "gre9 type gretap remote 192.168.0.1", "vx9 type vxlan id 9 dstport 4789 dev ens33"):
            assert host.shell(f"ip link add name {link}") == (0, "")
        assert host.shell("tc qdisc add dev ens33 root netem delay 1ms") == (0, "")
        host.shell("echo kept >/root/note")
        reboot(host)
        assert host.shell("cat /root/note") == (0, "kept\n")
        assert host.shell("ip -o link show type bridge") == (0, "")
