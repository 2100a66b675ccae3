"""In: a lab's topology. Out: diagnostics about the default gateways of guests and of the host."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from gen.check.topology import Segment, Topology
from gen.diagnostics import Diagnostics, Label
from gen.model import HOST, VmNic
from gen.source import Span


def wrong_gateways(topology: Topology, diagnostics: Diagnostics) -> None:
    """A default gateway is a neighbour: in the subnet, someone else, and there."""
    for nic in topology.lab.host:
        addresses = [address.interface for address in nic.addresses]
        if nic.gateway is not None and addresses and all(address.network.prefixlen < 32 for address in addresses):
            at = nic.gateway_at or nic.at
            if any(nic.gateway == address.ip for address in addresses):
                _report_own_gateway(nic.gateway, at, "the host", diagnostics)
            elif not any(nic.gateway in address.network for address in addresses):
                _report_far_gateway(nic.gateway, at, addresses[0].network, nic.addresses[0].at, diagnostics)
    for number, segment in enumerate(topology.segments):
        for vm, card in segment.guests:
            if card.gateway is None or card.gateway_at is None:
                continue
            gateway, at = card.gateway, card.gateway_at
            near = _near(segment, card)
            if card.address is not None and gateway == card.address.ip:
                _report_own_gateway(gateway, at, f"`{vm}`", diagnostics)
            elif near and not any(gateway in subnet for subnet in near):
                _report_far_gateway(gateway, at, *next(iter(near.items())), diagnostics)
            elif topology.is_nobody(number, gateway) and (not segment.subnets or segment.subnet_of(gateway)):
                diagnostics.warning(
                    "gateway-of-nobody",
                    f"nobody has the gateway's address `{gateway}`",
                    at,
                    f"not an address of anything on `{card.network}`",
                    help=_help_for_nobody(topology, segment),
                )


def _near(segment: Segment, card: VmNic) -> dict[IPv4Network, Span]:
    """The subnets in one of which the guest's gateway must be, and where they are written; none where any will do.

    Where the guest's own address is out of place, that is the mistake, and not what its gateway is.
    """
    known = {subnet: station.at for subnet, station in segment.subnets.items()}
    if card.address is None:
        return known
    own = card.address.network
    if own.prefixlen == 32:
        return {}
    return {own: card.address_at or card.at, **({} if own in known else known)}


def _help_for_nobody(topology: Topology, segment: Segment) -> list[str]:
    routers = {node.name for node in topology.lab.nodes if node.forwards} | {HOST}
    found = [station for station in segment.stations if station.owner in routers and not station.published]
    return [f"{station.who} is `{station.ip}` there" for station in found[:3]]


def _report_own_gateway(gateway: IPv4Address, at: Span, who: str, diagnostics: Diagnostics) -> None:
    diagnostics.error(
        "gateway-is-self", f"`{gateway}` is {who} itself", at, "a gateway is somebody else", help=["name the router"]
    )


def _report_far_gateway(
    gateway: IPv4Address, at: Span, subnet: IPv4Network, subnet_at: Span, diagnostics: Diagnostics
) -> None:
    diagnostics.error(
        "gateway-outside-subnet",
        f"the gateway `{gateway}` is not in the subnet {subnet}",
        at,
        "not a neighbour",
        also=[Label(subnet_at, f"the subnet is {subnet}")],
        help=[f"name a router in {subnet}"],
    )
