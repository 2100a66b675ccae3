"""What gen/reach foretells against what the kernel does: random labs, every pair, by ping and TCP, there and back.

`KVMGEN_REHEARSALS` is the number of labs; `make rehearse-random` tries hundreds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from gen import driver
from gen.diagnostics import Diagnostics
from gen.model import Lab
from gen.reach import Assumptions, Machines, connect, converse
from gen.reach.linux import Protocol, shown
from gen.source import Source
from tests.prober import Probe, Prober
from tests.topologies import topologies
from tests.world import Place, World

pytestmark = pytest.mark.live

REHEARSALS = int(os.environ.get("KVMGEN_REHEARSALS", "15"))
PORT = 80
STAND_INS = {"*lan": "192.168.0.9", "*outside": "203.0.113.7"}
TRIES = 3


@pytest.fixture(scope="module")
def figures() -> Iterator[dict[str, int]]:
    counted: dict[str, int] = {"labs": 0, "pairs": 0, "reached": 0}
    yield counted
    print(f"\nrehearsed: {counted}")


@settings(
    max_examples=REHEARSALS, deadline=None, derandomize=REHEARSALS <= 15, database=None,
    phases=[Phase.generate], suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(text=topologies(), nf_call=st.booleans())
def test_what_is_foretold_of_a_random_lab_is_what_the_kernel_does(
    figures: dict[str, int], text: str, nf_call: bool
) -> None:
    note(f"bridge-nf-call-iptables {int(nf_call)}\n{text}")
    built = driver.build(Source("random.dsl", text), Diagnostics())
    assumed = Assumptions(rp_filter=rp_filter(), bridge_nf=nf_call, complete=True)
    machines = connect(built.lab, assumed, [int(IPv4Address(address)) for address in STAND_INS.values()])
    with World(nf_call=nf_call) as world:
        world.run("bash", world.script(built.script), "up", "--no-guard", timeout=120)
        places = inhabit(world, built.lab)
        wrong = compare(machines, places, built.lab, figures)
    assert not wrong, "\n".join(wrong)


def rp_filter() -> int:
    """What new namespaces take over from the machine."""
    folder = Path("/proc/sys/net/ipv4/conf")
    return max(int((folder / which / "rp_filter").read_text()) for which in ("all", "default"))


def inhabit(world: World, lab: Lab) -> dict[str, Place]:
    """The place of every machine; a guest is a namespace with its MAC, address and gateway, plugged in as its tap."""
    lines, inner = [], []
    for vm in lab.vms:
        (nic,) = vm.nics
        assert nic.tap is not None and nic.address is not None
        lines += [f"netns add vm-{vm.name}"]
        lines += [f"link add {nic.tap} type veth peer name eth0 address {nic.mac} netns vm-{vm.name}"]
        lines += [f"link set {nic.tap} master {nic.network} up"]
        hairpin = any(publish.target == vm.name for network in lab.networks for publish in network.publishes)
        lines += [f"link set {nic.tap} type bridge_slave hairpin on"] if hairpin else []
        more = f"ip route add default via {nic.gateway}" if nic.gateway is not None else "true"
        inner.append(
            f"ip netns exec vm-{vm.name} sh -c 'ip link set lo up; ip address add {nic.address} dev eth0;"
            f" ip link set eth0 up; sysctl -q -w net.ipv4.ip_forward=0; {more}'"
        )
    world.run("ip", "-batch", "-", input="".join(f"{line}\n" for line in lines))
    world.run("sh", "-e", input="".join(f"{line}\n" for line in inner))
    places: dict[str, Place] = {"host": world, "*lan": world.lan, "*gateway": world.gateway, "*outside": world.internet}
    places |= {node.name: world.netns(node.name) for node in lab.nodes}
    places |= {vm.name: world.netns(f"vm-{vm.name}") for vm in lab.vms}
    for place in places.values():
        # What one pair learns by an ICMP redirect would be another one's way.
        place.run("sh", "-c", 'for each in /proc/sys/net/ipv4/conf/*/accept_redirects; do echo 0 >"$each"; done')
    return places


def compare(machines: Machines, places: dict[str, Place], lab: Lab, figures: dict[str, int]) -> list[str]:
    """Every pair of which the prediction is not what was measured. Whoever reaches others reaches itself."""
    publishes = [publish for network in lab.networks for publish in network.publishes]
    publishes += [publish for node in lab.nodes for publish in node.publishes]
    addresses = {address for own in machines.addresses.values() for address in own}
    ports = {(int(publish.address), publish.port) for publish in publishes if publish.port is not None}
    asked = [(address, None) for address in sorted(addresses)] + [(address, PORT) for address in sorted(addresses)]
    probes = [Probe(source, shown(address), port) for source in places for address, port in (*asked, *sorted(ports))]
    foretold = {probe: _foretell(machines, probe) for probe in probes}
    with Prober(places, [PORT]) as prober:
        measured = prober.probe(probes)
        for _ in range(TRIES):
            missed = [probe for probe in probes if foretold[probe] is not None and probe not in measured]
            if missed:
                measured |= prober.probe(missed)
    for name in places:
        own = next(iter(machines.addresses[name]), None)
        assert own is None or Probe(name, shown(own), None) in measured, f"{name} is not alive"
    figures["labs"] += 1
    figures["pairs"] += len(probes)
    figures["reached"] += len(measured)
    return [
        f"{probe}: foretold {foretold[probe]}, measured {measured.get(probe)}"
        for probe in probes
        if foretold[probe] != measured.get(probe)
    ]


def _foretell(machines: Machines, probe: Probe) -> str | None:
    protocol: Protocol = "icmp" if probe.port is None else "tcp"
    address = int(IPv4Address(probe.address))
    found = converse(machines.by_name[probe.source], address, protocol, probe.port or 0)
    return None if not found.reached else "echo" if probe.port is None else found.answered_by
