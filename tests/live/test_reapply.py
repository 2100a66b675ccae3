"""`up` over an older build: only the difference happens, and the result is that of a fresh `up`."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from subprocess import CompletedProcess

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from gen import driver
from gen.diagnostics import Diagnostics, render
from gen.source import Source
from tests.console import guest_console
from tests.edits import HEADER, NAME, UPLINK_ADDRESS, chains
from tests.guest import guest_kernel
from tests.snapshot import Snapshot
from tests.world import Place, World, send

pytestmark = pytest.mark.live

RUN = f"/run/kvmgen/{NAME}"

HOST_BRIDGE = """\
link add br-host address 52:54:00:00:00:fe type bridge
link add host0 type veth peer name host1
link set host0 master br-host
link set host0 up
link set host1 up
link set br-host up
"""

# What the kernel numbers or chooses by chance, and what follows from that (the root of a spanning tree). A bridge that
# has lost its ports has no carrier, and a new one has.
CHANCE = re.compile(
    r" port_id \S+ port_no \S+ designated_port \S+| (bridge_id|designated_bridge|designated_root) \S+"
    r"| (ageing_time|root_port|root_path_cost|topology_change\w*|designated_cost|config_pending) \S+"
    r"|NO-CARRIER,|,LOWER_UP| linkdown|(?<=qdisc tbf) \S+:| group_fwd_mask_str \S+"
)
# Of what happened before.
DIARY = (rf"files: {RUN}/(journal|log|batch|vm|said\.\d+) ", rf"files: {RUN}/vm/\S+\.console ")
# An interface gets its link-local address when it first has a carrier, and keeps it.
LINK_LOCAL = (r" fe80::", r"multicast ff00::/8")
HISTORY = re.compile(rf"(files: {RUN}/\S+\.(?:pid|leases) \S+ \S+) .*")


def comparable(snapshot: Snapshot, text: str) -> Snapshot:
    """The snapshot without what differs between two fresh `up`s of the lab with this text."""

    def mac(match: re.Match[str]) -> str:
        return match[0] if match[1] in text else "link/ether MAC"

    lines = []
    for line in snapshot.without(*DIARY, *LINK_LOCAL).lines:
        line = re.sub(r"link/ether ([0-9a-f:]{17})", mac, CHANCE.sub("", line))
        lines.append(HISTORY.sub(r"\1", line))
    return Snapshot(tuple(sorted(lines, key=_place)))


def _place(line: str) -> tuple[str, ...]:
    """Where the line belongs: all in alphabetical order, except for the rules within a chain."""
    section, _, rest = line.partition(": ")
    words = rest.split()
    if section.endswith("iptables"):
        return section, words[0], words[1][:1], words[1] if words[1].startswith(":") else words[2]
    return section, rest


@dataclass
class Host:
    """A world in which builds of one lab come up one after the other."""

    world: World
    closing: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.world.run("ip", "-batch", "-", input=HOST_BRIDGE)
        wait = "until [ $(ip -o -6 address show scope link up | grep -c host) = 3 ]; do sleep 0.1; done"
        self.world.run("sh", "-c", wait)  # the kernel tells a bridge up to a second later that a port has a carrier
        self.world.run("mkdir", "-p", "/srv")
        for image in ("one", "two"):
            self.world.run("qemu-img", "create", "-q", "-f", "qcow2", f"/srv/{image}.qcow2", "1M")
        self.world.script("")
        self.before = self.world.snapshot()
        self.text = ""

    def build(self, text: str) -> None:
        """From now on setup.sh is the build of this lab."""
        diagnostics = Diagnostics()
        try:
            script = driver.build(Source("lab.dsl", text), diagnostics).script
        except driver.Stopped:
            pytest.fail(render(diagnostics))
        self.world.script(script)
        self.text = text

    def setup(self, *words: str, check: bool = True) -> CompletedProcess[str]:
        """Runs `setup.sh WORDS...`; what the uplink guard adds has tests of its own."""
        return self.world.run("bash", "/root/setup.sh", *words, "--no-guard", check=check, timeout=120)

    def looks(self, like: Snapshot | None = None) -> Snapshot:
        """What is comparable of the host; with `like`, the kernel gets five seconds to arrive there."""
        for _ in range(25):
            taken = comparable(self.world.snapshot(), self.text)
            if like is None or taken == like:
                break
            self.world.run("sleep", "0.2")
        return taken

    def down(self) -> None:
        """Takes the lab down, if one is up, and proves that the host is as it was."""
        if self.text:
            self.setup("down", "--wait", "0")
        self.world.script("")
        self.text = ""
        assert self.world.snapshot(like=self.before) == self.before

    def servers(self) -> set[str]:
        """The process of each DHCP server, and the command line."""
        return set(self.world.run("pgrep", "-a", "dnsmasq", check=False).stdout.splitlines())

    def guests(self) -> dict[str, tuple[str, str]]:
        """Of each guest that runs the process and the command line."""
        lines = self.world.run("pgrep", "-a", "qemu", check=False).stdout.splitlines()
        return {words[3]: (words[0], " ".join(words[1:])) for words in map(str.split, lines)}


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Host]]:
    with World() as edited, World() as fresh:
        yield Host(edited), Host(fresh)


def changes(plan: str) -> list[str]:
    """The lines of `plan` that say that something is to be done, without the places in the lab."""
    return [line.split("  (")[0] for line in plan.splitlines() if not line.startswith("=")]


def check_edits(hosts: tuple[Host, Host], texts: list[str]) -> None:
    edited, fresh = hosts

    def up(text: str) -> None:
        fresh.down()
        fresh.build(text)
        fresh.setup("up")

    with ThreadPoolExecutor(1) as other:
        try:
            for text in texts:
                upped = other.submit(up, text)
                check_one_edit(edited, text)
                upped.result()
                for name in edited.guests().keys() - fresh.guests().keys():
                    fresh.setup("vm", "start", name)  # a guest that runs stays so, though `autostart` is off now
                wanted = fresh.looks()
                assert edited.looks(like=wanted) == wanted
        finally:
            other.submit(fresh.down)
            edited.down()


def check_one_edit(host: Host, text: str) -> None:
    guests, servers = host.guests(), host.servers()
    host.build(text)
    plan = host.setup("plan", check=False)
    assert plan.returncode in (0, 11), plan.stdout + plan.stderr
    mtu_goes = "- mtu br-" in plan.stdout
    planned = {line[2:] for line in changes(plan.stdout) if not line.startswith("-")}
    said = host.setup("up", "-v", "--wait", "0").stdout
    made = {line.removeprefix("+ ") for line in said.splitlines() if line.startswith("+ ")}
    # Taking back the older value of these brings the new one, where that is the kernel's own.
    by_itself = {name for name in planned - made if name.split()[0] in ("no-routing", "stp", "mtu")}
    assert made == planned - by_itself, said
    for name, (pid, command) in host.guests().items():
        if guests.get(name, (pid, command)) != (pid, command):
            assert f"guest {name}" in planned
            # With the very same command a guest starts anew for a new disk, and where its tap's MTU is given up.
            assert guests[name][1] != command or f"overlay /var/lib/kvmgen/{NAME}/{name}-0.qcow2" in planned or mtu_goes
    if not any(name.startswith("dhcp ") for name in planned):
        assert host.servers() <= servers
    assert host.setup("status", check=False).returncode == 0
    assert "nothing to do" in host.setup("up").stdout


@settings(
    max_examples=21,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(chains(6))
def test_after_any_chain_of_edits_the_host_is_as_after_a_fresh_up(hosts: tuple[Host, Host], texts: list[str]) -> None:
    check_edits(hosts, texts)


BASE = f"""\
{HEADER}
network br-in isolated {{
    address 10.1.0.254/24
    address 10.1.0.253/24
}}
network br-nt nat {{
    address 10.2.0.254/24
    via ens33
    dhcp 10.2.0.100 - 10.2.0.120
    publish tcp {UPLINK_ADDRESS}:2201 to va:22
}}
router ra {{
    nic e1 on br-in {{ address 10.1.0.1/24 }}
    nic e2 on br-nt {{ address 10.2.0.1/24; limit 1mbit }}
    route default via 10.2.0.254
}}
vm va {{
    memory 16M
    disk /srv/one.qcow2 {{ overlay on }}
    nic on br-nt {{ address 10.2.0.10/24 }}
}}
vm vb {{ memory 16M; nic on br-in {{ address 10.1.0.10/24 }} }}
"""

FORWARD = "filter kg-forward-edited"

# What is edited: in BASE, what it becomes, and what `plan` says of it.
EDITS: dict[str, tuple[str, str, list[str]]] = {
    "a comment changes nothing": ("vm va", "# a guest\nvm va", []),
    "a guest is added": (
        "vm vb",
        "vm vc { memory 16M; nic on br-in { address 10.1.0.11/24 } }\nvm vb",
        ["+ guest vc"],
    ),
    "a guest gets more memory": ("vm vb { memory 16M", "vm vb { memory 24M", ["~ guest vb"]),
    "a guest gets another disk, which it is not left running on": (
        "one.qcow2",
        "two.qcow2",
        ["~ overlay /var/lib/kvmgen/edited/va-0.qcow2", "~ guest va", "~ hairpin va.0"],
    ),
    "a guest is removed": (
        "vm vb { memory 16M; nic on br-in { address 10.1.0.10/24 } }\n",
        "",
        ["- guest vb", "- ifup {VAR}/qemu-ifup-br-in"],
    ),
    "an address is changed": (
        "10.2.0.1/24",
        "10.2.0.2/24",
        ["- address ra/e2 10.2.0.1/24", "+ address ra/e2 10.2.0.2/24", "~ route ra default"],
    ),
    "the other address becomes the primary one": (
        "address 10.1.0.254/24\n    address 10.1.0.253/24",
        "address 10.1.0.253/24\n    address 10.1.0.254/24",
        ["~ address br-in 10.1.0.253/24", "~ address br-in 10.1.0.254/24"],
    ),
    "a route is changed": (
        "route default via",
        "route 10.200.0.0/16 via",
        ["- route ra default", "+ route ra 10.200.0.0/16"],
    ),
    "a rate is changed, which only a new qdisc has": ("1mbit", "2mbit", ["~ limit ra/e2"]),
    "a DHCP range is changed": ("- 10.2.0.120", "- 10.2.0.130", ["~ dhcp br-nt"]),
    "a published port is changed": (
        ":2201 to",
        ":2202 to",
        ["~ destination-nat kg-prerouting-edited", "~ destination-nat kg-output-edited"],
    ),
    "a published port is withdrawn": (
        f"publish tcp {UPLINK_ADDRESS}:2201 to va:22",
        "",
        [
            "- hairpin va.0",
            "- destination-nat kg-output-edited",
            "- destination-nat kg-prerouting-edited",
            "~ source-nat kg-postrouting-edited",
        ],
    ),
    "an isolated network becomes routed, and its guest runs on": ("br-in isolated", "br-in routed", [f"~ {FORWARD}"]),
    "an isolated network loses its addresses, and the host its IPv6 there": (
        "    address 10.1.0.254/24\n    address 10.1.0.253/24\n",
        "",
        [
            "- address br-in 10.1.0.253/24",
            "- address br-in 10.1.0.254/24",
            "~ no-ipv6 br-in",
            "~ input kg-input-edited",
        ],
    ),
    "a router becomes a namespace": ("router ra", "namespace ra", ["- routing ra", "+ no-routing ra"]),
    "a router moves to the other network": (
        "nic e1 on br-in { address 10.1.0.1/24 }",
        "nic e1 on br-nt { }",
        [
            "- address ra/e1 10.1.0.1/24",
            "- port br-in ra-e1",
            "- cable br-in - ra/e1",
            "+ cable br-nt - ra/e1",
            "+ port br-nt ra-e1",
            "~ link-up ra-e1",
            "~ link-up ra/e1",
        ],
    ),
    "a network gets an MTU, and its guest's tap with it": (
        "br-in isolated {",
        "br-in isolated {\n    mtu 1400",
        ["~ mtu br-in", "~ ifup {VAR}/qemu-ifup-br-in", "~ guest vb"],
    ),
    "the host's NIC moves onto a bridge with a spanning tree, which has a delay of its own": (
        "vm va",
        "network br-ex bridged { uplink ens33; stp on }\nvm va",
        [
            "+ bridge br-ex",
            "+ stp br-ex",
            "+ forward-delay br-ex",
            "+ link-up br-ex",
            f"~ {FORWARD}",
            "~ source-nat kg-postrouting-edited",
            "+ uplink ens33",
        ],
    ),
    "the host's NIC moves onto a bridge": (
        "vm va",
        "network br-ex bridged { uplink ens33 }\nvm va",
        [
            "+ bridge br-ex",
            "+ forward-delay br-ex",
            "+ link-up br-ex",
            f"~ {FORWARD}",
            "~ source-nat kg-postrouting-edited",
            "+ uplink ens33",
        ],
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), EDITS.values(), ids=EDITS.keys())
def test_plan_says_exactly_what_is_done(hosts: tuple[Host, Host], old: str, new: str, expected: list[str]) -> None:
    assert BASE.count(old) == 1
    edited, _ = hosts
    edited.build(BASE)
    edited.setup("up")
    edited.build(BASE.replace(old, new))
    plan = edited.setup("plan", check=False)
    assert changes(plan.stdout) == [line.replace("{VAR}", "/var/lib/kvmgen/edited") for line in expected]
    assert plan.returncode == (11 if expected else 0)
    check_edits(hosts, [BASE.replace(old, new)])


def test_an_isolated_network_gets_its_address_back_and_the_host_its_ipv6_there(hosts: tuple[Host, Host]) -> None:
    addresses = "    address 10.1.0.254/24\n    address 10.1.0.253/24\n"
    assert BASE.count(addresses) == 1
    check_edits(hosts, [BASE.replace(addresses, ""), BASE])


def test_a_lab_of_a_guest_that_is_not_started_by_itself_is_up_all_the_same(hosts: tuple[Host, Host]) -> None:
    text = HEADER + "vm va { memory 16M; autostart off }\n"
    check_edits(hosts, [BASE, text])
    host = hosts[0]
    host.build(text)
    host.setup("up")
    assert "nothing to do" in host.setup("up").stdout
    host.setup("vm", "start", "va")
    assert list(host.guests()) == ["va"]
    host.down()


def test_a_namespace_that_is_left_with_one_nic_does_not_forward(hosts: tuple[Host, Host]) -> None:
    namespace = BASE.replace("router ra", "namespace ra")
    one_nic = namespace.replace("nic e1 on br-in { address 10.1.0.1/24 }", "")
    check_edits(hosts, [BASE, one_nic, namespace, one_nic])


@pytest.fixture
def host(hosts: tuple[Host, Host]) -> Iterator[Host]:
    """A host on which BASE is up."""
    host = hosts[0]
    host.build(BASE)
    host.setup("up")
    yield host
    host.build(BASE)
    host.down()


def exactly(host: Host) -> Snapshot:
    """The very objects on the host, by which one notices that one was made anew; of processes those that live."""
    return host.world.snapshot(exact=True).without(*LINK_LOCAL, r"^processes: \d+ \[")


def test_what_is_in_the_way_is_found_before_anything_is_changed(host: Host) -> None:
    host.build(BASE.replace("1mbit", "2mbit") + "network host1 isolated\n")
    before = exactly(host)
    done = host.setup("up", check=False)
    assert done.returncode == 6
    assert "bridge host1  (lab.dsl:" in done.stderr
    assert host.setup("plan", check=False).returncode == 6
    assert exactly(host) == before


# Another network, address, route, chain and guest, and at the end a QEMU that does not start.
EVERYTHING_ELSE = (
    BASE.replace("10.1.0.253", "10.1.0.252")
    .replace("br-in isolated", "br-in routed")
    .replace("1mbit", "2mbit")
    .replace("10.2.0.120", "10.2.0.130")
    .replace("default via", "10.200.0.0/16 via")
    .replace("vm vb { memory 16M", "vm vb { memory 24M")
    + "network br-new nat { address 10.3.0.254/24; via ens33; dhcp on }\n"
)
BROKEN = 'vm vc { memory 16M; option device "no-such-device" }\n'
HANGING = 'vm vc { memory 16M; option chardev "socket,id=x,path=/run/waits,server=on,wait=on" }\n'


def test_a_command_that_fails_leaves_the_older_build_as_it_stood(host: Host) -> None:
    before, guests = host.looks(), host.guests()
    host.build(EVERYTHING_ELSE + BROKEN)
    done = host.setup("up", "--wait", "0", check=False)
    assert done.returncode == 1
    assert "no-such-device" in done.stderr
    assert done.stderr.endswith("the older build stands as before\n")
    check_as_before(host, before, guests)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_leaves_the_older_build_as_it_stood(host: Host, number: signal.Signals) -> None:
    before, guests = host.looks(), host.guests()
    host.build(EVERYTHING_ELSE + HANGING)
    process = host.world.popen("bash", "/root/setup.sh", "up", "--wait", "0")
    host.world.run("sh", "-c", "until [ -e /run/waits ]; do sleep 0.1; done")
    send(process, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said.endswith("the older build stands as before\n")
    host.world.run("rm", "/run/waits")
    check_as_before(host, before, guests)


def check_as_before(host: Host, before: Snapshot, guests: dict[str, tuple[str, str]]) -> None:
    """The older build stands, and the guest that no edit concerned never stopped."""
    host.build(BASE)
    assert host.looks(like=before) == before
    assert host.guests()["va"] == guests["va"]
    assert host.setup("status", check=False).returncode == 0
    assert host.setup("plan").returncode == 0


def test_after_a_kill_in_the_middle_either_build_comes_up_whole(host: Host) -> None:
    before = host.looks()
    for text in (BASE, EVERYTHING_ELSE):
        host.build(EVERYTHING_ELSE + HANGING)
        process = host.world.popen("bash", "/root/setup.sh", "up", "--wait", "0")
        host.world.run("sh", "-c", "until [ -e /run/waits ]; do sleep 0.1; done")
        send(process, signal.SIGKILL)
        process.wait()
        host.world.run("pkill", "-KILL", "-f", "[n]ame vc")  # the kernel's share of a power failure
        host.world.run("sh", "-c", "while pgrep -f '[n]ame vc'; do sleep 0.1; done; rm /run/waits")
        host.build(text)
        host.setup("up", "--wait", "0")
        assert host.setup("status", check=False).returncode == 0
        if text == BASE:
            assert host.looks(like=before) == before


def test_without_the_older_script_up_refuses_and_down_goes_by_the_marks(host: Host) -> None:
    copy = "/var/lib/kvmgen/edited/setup.sh"
    for spoil in (f"sed -i 's/10.1.0.1/10.1.0.9/' {copy}", f"rm {copy}"):
        host.world.run("sh", "-c", spoil)
        host.build(BASE.replace("1mbit", "2mbit"))
        before = exactly(host)
        for command in ("plan", "up", "status"):
            done = host.setup(command, check=False)
            assert done.returncode == 9
            assert "the copy of its script is gone or was edited\n  setup.sh down takes back" in done.stderr
        assert exactly(host) == before
    assert "its script is gone" in host.setup("down", "--wait", "0").stderr
    assert host.guests() == {}
    host.world.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")  # its former value went with the journal's numbers
    host.setup("up")


def test_a_newer_build_takes_the_older_one_down(host: Host) -> None:
    host.build(EVERYTHING_ELSE)
    host.down()


def test_a_newer_build_restarts_in_place_of_the_older_one(host: Host) -> None:
    host.build(EVERYTHING_ELSE)
    host.setup("restart", "--wait", "0")
    assert host.setup("plan").returncode == 0
    host.down()


def test_a_part_of_another_build_is_not_gone_over_to(host: Host) -> None:
    host.build(EVERYTHING_ELSE)
    before = exactly(host)
    assert host.setup("up", "--only", "ra", check=False).returncode == 2
    assert exactly(host) == before


WITH_A_GUEST = f"""\
{HEADER}
network br-web nat {{
    address 10.2.0.254/24
    via ens33
    mac 52:54:00:00:01:00
    dhcp 10.2.0.100 - 10.2.0.120
    publish tcp {UPLINK_ADDRESS}:7000 to web:7000
}}
network br-db isolated {{ dhcp 10.3.0.100 - 10.3.0.120; address 10.3.0.254/24 }}
vm web {{
    memory 128M
    kernel /srv/vmlinuz
    initrd /srv/initrd
    append "console=ttyS0 quiet no_timer_check hostname=web"
    nic on br-web {{ address 10.2.0.10/24 }}
}}
"""


class Conversation:
    """A TCP connection from a place to a server that answers each line with the same."""

    TALK = """
        exec 3<>"/dev/tcp/$0/$1"
        while read -r line; do
          printf '%s\\n' "${line}" >&3
          read -r -t 30 -u 3 answer
          printf '%s\\n' "${answer}"
        done
    """

    def __init__(self, place: Place, address: str, port: int) -> None:
        self._process = place.popen("bash", "-c", self.TALK, address, str(port))

    def answers(self, line: str) -> bool:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline() == f"{line}\n"

    def close(self) -> None:
        self._process.communicate()


def test_a_guest_that_no_edit_concerns_keeps_its_process_and_its_connections(hosts: tuple[Host, Host]) -> None:
    host, _ = hosts
    kernel, initrd = guest_kernel()
    host.world.run("ln", "-s", kernel, "/srv/vmlinuz")
    host.world.run("ln", "-s", initrd, "/srv/initrd")
    host.before = host.world.snapshot()
    conversations: list[Conversation] = []
    try:
        host.build(WITH_A_GUEST)
        host.setup("up")
        guest = guest_console(host.world, NAME, "web")
        guest.wait_for(r"KVMGEN-GUEST READY[^\n]*\n", 90)
        guest.shell("(nc -ll -p 7000 -e cat >/dev/null 2>&1 </dev/null &)")
        guest.shell("until netstat -ltn | grep -q :7000; do usleep 100000; done")
        conversations.append(Conversation(host.world.lan, UPLINK_ADDRESS, 7000))
        conversations.append(Conversation(host.world, "10.2.0.10", 7000))
        assert all(conversation.answers("anybody there?") for conversation in conversations)
        process = host.guests()["web"]

        text = WITH_A_GUEST
        for old, new in (
            ("vm web", "vm new { memory 16M; nic on br-web { address 10.2.0.11/24 } }\nvm web"),
            ("network br-db isolated { dhcp 10.3.0.100 - 10.3.0.120; address 10.3.0.254/24 }\n", ""),
            ("    dhcp 10.2.0.100 - 10.2.0.120\n", "    dhcp 10.2.0.100 - 10.2.0.130\n"),
            ("    publish", f"    publish tcp {UPLINK_ADDRESS}:2222 to new:22\n    publish"),
            ("    mac 52:54:00:00:01:00\n", ""),  # so it has to be another bridge
            ("    via ens33\n", "    via ens33\n    mtu 1400\n"),
            ("    address 10.2.0.254/24\n", "    address 10.2.0.254/24\n    address 10.4.0.254/24\n"),
            ("vm new {", "vm new { cpus 2;"),
        ):
            assert text.count(old) == 1
            text = text.replace(old, new)
            host.build(text)
            host.setup("up", "--wait", "0")
            assert host.setup("status", check=False).returncode == 0
            assert host.guests()["web"] == process
            for conversation in conversations:
                assert conversation.answers("still there?"), f"a connection is gone after {new!r}"
        assert set(host.guests()) == {"web", "new"}
    finally:
        for conversation in conversations:
            conversation.close()
        host.down()
        host.world.run("rm", "/srv/vmlinuz", "/srv/initrd")
        host.before = host.world.snapshot()
