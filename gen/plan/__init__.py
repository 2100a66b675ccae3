"""A lab and a profile in, the Plan out: every operation in the order in which the script runs it."""

from __future__ import annotations

from gen.diagnostics import Diagnostics
from gen.model import Lab
from gen.plan.bridges import add_bridges, add_uplinks
from gen.plan.capabilities import check_capabilities, note_tools
from gen.plan.dhcp import add_dhcp_servers
from gen.plan.firewall import add_host_firewall, add_router_nat
from gen.plan.guests import add_guests
from gen.plan.namespaces import add_cables, add_interiors, add_namespaces
from gen.plan.operation import Builder, Plan
from gen.profile import Profile

__all__ = ["Plan", "plan"]


def plan(lab: Lab, profile: Profile, diagnostics: Diagnostics) -> Plan | None:
    """Work out the operations; None when the profile cannot do what the lab asks, which is reported."""
    if not check_capabilities(lab, profile, diagnostics):
        return None
    build = Builder(lab.name, f"{profile.run_dir}/{lab.name}", f"{profile.state_dir}/{lab.name}")
    add_bridges(build, lab, profile)
    build.section("bridges", "networks: a bridge each")
    # All namespaces before all cables, and these before the insides: consecutive commands of one namespace are
    # one batch, so this order costs the fewest processes.
    add_namespaces(build, lab)
    add_cables(build, lab, profile)
    build.section("cables", "routers and namespaces, and the cables to them")
    add_interiors(build, lab, profile)
    add_router_nat(build, lab)
    build.section("interiors", "inside the routers and namespaces")
    add_host_firewall(build, lab)
    _add_forwarding(build, lab)
    build.section("forwarding", "the host as router")
    add_uplinks(build, lab)
    build.section("uplinks", "the host's own NIC")
    add_dhcp_servers(build, lab, profile)
    build.section("dhcp", "DHCP and DNS")
    add_guests(build, lab, profile)
    build.section("guests", "guests")
    finished = build.plan()
    note_tools(build, finished, profile, lab)
    return build.plan()


def _add_forwarding(build: Builder, lab: Lab) -> None:
    """The host forwards once a routed or nat network hangs on it; the filter rules stand by then."""
    network = next((network for network in lab.networks if network.kind in ("routed", "nat")), None)
    if network is not None:
        build.add(
            "forwarding",
            "net.ipv4.ip_forward",
            network.at,
            do=[("kg_sysctl", "net.ipv4.ip_forward", "1")],
            undo=[("kg_sysctl_back", "net.ipv4.ip_forward")],
            probe=[("sysctl", "-", "net.ipv4.ip_forward", "1")],
            look=("sysctl", "net.ipv4.ip_forward"),
        )
