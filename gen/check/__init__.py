"""In: a resolved lab. Out: diagnostics for all in it that cannot work together, or that mostly does not."""

from __future__ import annotations

from collections.abc import Callable

from gen.check.addresses import (
    addresses_outside_network,
    duplicate_addresses,
    duplicate_macs,
    unusable_addresses,
)
from gen.check.bridges import bridge_loops, ports_in_two_bridges, uplinks_in_two_bridges
from gen.check.dhcp import dhcp_on_lan, dhcp_ranges, two_servers
from gen.check.expects import contradicted_expects
from gen.check.gateways import wrong_gateways
from gen.check.guests import (
    boot_without_device,
    guest_memory,
    guests_without_address,
    host_ports_twice,
    kernel_missing,
    later_disk_boots,
    shared_disks,
    too_many_ide_drives,
)
from gen.check.lab import empty_lab, unknown_target
from gen.check.names import misread_names
from gen.check.networks import (
    clashes_with_host,
    nat_of_nothing,
    nat_without_way_out,
    networks_without_address,
    published_elsewhere,
    published_twice,
)
from gen.check.nodes import nics_without_address, nodes_without_nic
from gen.check.routes import no_default_route, refused_routes, routing_loops, wrong_gateways_of_routes
from gen.check.subnets import link_ends_apart, overlapping_subnets
from gen.check.topology import Topology
from gen.diagnostics import Diagnostics
from gen.model import Lab

Rule = Callable[[Topology, Diagnostics], None]

RULES: tuple[Rule, ...] = (
    unknown_target,
    empty_lab,
    misread_names,
    duplicate_macs,
    unusable_addresses,
    duplicate_addresses,
    addresses_outside_network,
    link_ends_apart,
    overlapping_subnets,
    wrong_gateways,
    dhcp_ranges,
    two_servers,
    dhcp_on_lan,
    uplinks_in_two_bridges,
    ports_in_two_bridges,
    bridge_loops,
    networks_without_address,
    nat_without_way_out,
    nat_of_nothing,
    published_twice,
    published_elsewhere,
    clashes_with_host,
    wrong_gateways_of_routes,
    refused_routes,
    routing_loops,
    no_default_route,
    shared_disks,
    boot_without_device,
    kernel_missing,
    later_disk_boots,
    too_many_ide_drives,
    guest_memory,
    host_ports_twice,
    guests_without_address,
    nodes_without_nic,
    nics_without_address,
)

RULES_OF_A_SOUND_LAB: tuple[Rule, ...] = (contradicted_expects,)
"""What says nothing new about a lab in which something is wrong already."""


def check(lab: Lab, diagnostics: Diagnostics) -> None:
    """Report what the rules find. Every rule sees the whole lab and none changes it."""
    topology = Topology(lab)
    for rule in RULES:
        rule(topology, diagnostics)
    if not diagnostics.has_errors:
        for rule in RULES_OF_A_SOUND_LAB:
            rule(topology, diagnostics)
