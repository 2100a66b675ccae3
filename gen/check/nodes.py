"""In: a lab's topology. Out: diagnostics about routers and namespaces that cannot talk to anyone."""

from __future__ import annotations

from gen.check.topology import Topology
from gen.diagnostics import Diagnostics
from gen.model import Node


def nodes_without_nic(topology: Topology, diagnostics: Diagnostics) -> None:
    """A namespace without a nic is alone in the world."""
    for node in topology.lab.nodes:
        if not node.nics:
            diagnostics.warning(
                "node-without-nic",
                f"`{node.name}` has no nic",
                node.at,
                "connected to nothing",
                help=[f"add `nic NIC on NETWORK` to it, or `link {node.name}.NIC - NODE.NIC`"],
            )


def nics_without_address(topology: Topology, diagnostics: Diagnostics) -> None:
    """A nic has an address, or is a port of a bridge that may, or is what a route by its name is for."""
    for node in topology.lab.nodes:
        used = _used_by_name(node)
        for nic in node.nics:
            if not nic.addresses and nic.name not in used:
                diagnostics.warning(
                    "nic-without-address",
                    f"`{nic.name}` of `{node.name}` has no address",
                    nic.at,
                    "nothing can be sent from here or to here",
                    help=["add an `address`, or make it a `port` of a bridge"],
                )


def _used_by_name(node: Node) -> set[str | None]:
    ports = {port for bridge in node.bridges for port in bridge.ports}
    return ports | {route.nic for route in node.routes} | {nat.nic for nat in node.nats}
