"""DHCP ranges in, operations out: one dnsmasq for each network that asks, in the host or inside a router."""

from __future__ import annotations

from collections.abc import Sequence

from gen.model import Dhcp, Lab, VmNic
from gen.plan.operation import ROOT, Builder, in_netns
from gen.profile import Profile
from gen.values import INFINITE


def add_dhcp_servers(build: Builder, lab: Lab, profile: Profile) -> None:
    """A server for each network of the host and each nic of a router or namespace that has a range."""
    guests: dict[str, list[tuple[str, VmNic]]] = {}
    for vm in lab.vms:
        for card in vm.nics:
            if card.network is not None:
                guests.setdefault(card.network, []).append((vm.name, card))
    for network in lab.networks:
        if network.dhcp is not None:
            routed = network.kind in ("routed", "nat")
            _add_server(build, ROOT, network.name, network.dhcp, guests.get(network.name, ()), profile, routed)
    for node in lab.nodes:
        for nic in node.nics:
            if nic.dhcp is not None:
                _add_server(
                    build, node.name, nic.name, nic.dhcp, guests.get(nic.network or "", ()), profile, node.forwards
                )


def _add_server(
    build: Builder,
    netns: str,
    interface: str,
    dhcp: Dhcp,
    guests: Sequence[tuple[str, VmNic]],
    profile: Profile,
    is_gateway: bool,
) -> None:
    assert dhcp.server is not None, "check reports a range without a server address"
    label = interface if netns == ROOT else f"{netns}-{interface}"
    base = f"{build.run_dir}/dnsmasq-{label}"
    command = [
        "dnsmasq",
        f"--pid-file={base}.pid",
        "--conf-file=/dev/null",
        f"--dhcp-leasefile={base}.leases",
        f"--interface={interface}",
        "--except-interface=lo",
        # A bridge that is deleted and made anew would leave a plain bind with a dead socket.
        f"--{profile.dnsmasq_bind}",
        "--dhcp-authoritative",
        f"--dhcp-range={dhcp.first},{dhcp.last},{dhcp.server.netmask},{_lease(dhcp.lease)}",
        # An empty option keeps dnsmasq from naming itself: there is no way out of this network.
        f"--dhcp-option=option:router,{dhcp.server.ip}" if is_gateway else "--dhcp-option=option:router",
    ]
    if dhcp.dns is not None:
        command += ["--port=0", f"--dhcp-option=option:dns-server,{dhcp.dns}"]
    elif not is_gateway:
        # Names of the lab only: questions to the outside would be a leak.
        command += ["--no-resolv", "--no-hosts"]
    if dhcp.domain is not None:
        command += [f"--domain={dhcp.domain}", f"--local=/{dhcp.domain}/"]
    for name, nic in guests:
        if nic.address is None or nic.address.ip not in dhcp.server.network:
            continue
        # The default gateway needs no saying where it is the server's own.
        if nic.gateway is not None and not (is_gateway and nic.gateway == dhcp.server.ip):
            tag = nic.mac.replace(":", "")
            command.append(f"--dhcp-host={nic.mac},set:{tag},{nic.address.ip},{name}")
            command.append(f"--dhcp-option=tag:{tag},option:router,{nic.gateway}")
        else:
            command.append(f"--dhcp-host={nic.mac},{nic.address.ip},{name}")
    build.add(
        "dhcp",
        label if netns == ROOT else f"{netns}/{interface}",
        dhcp.at,
        do=[in_netns(netns, *command)],
        undo=[("kg_stop", f"{base}.pid", f"{base}.leases")],
        probe=[("process", f"{base}.pid")],
        look=("cat", f"{base}.leases"),
    )


def _lease(seconds: int) -> str:
    return "infinite" if seconds == INFINITE else str(seconds)
