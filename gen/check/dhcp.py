"""In: a lab's topology. Out: diagnostics about DHCP: what servers lease, and to whom."""

from __future__ import annotations

from bisect import bisect_left
from ipaddress import IPv4Address

from gen.check.topology import Segment, Server, Topology, called
from gen.check.wording import comes_first, piece
from gen.diagnostics import Diagnostics, Label


def dhcp_ranges(topology: Topology, diagnostics: Diagnostics) -> None:
    """A server leases addresses of its own subnet that nothing else has."""
    for segment in topology.segments:
        for server in segment.servers:
            dhcp = server.dhcp
            where = f"`{server.network}`" if server.network else called(server.owner)
            if dhcp.server is None:
                diagnostics.error(
                    "dhcp-without-address",
                    f"the DHCP server on {where} has no address",
                    dhcp.at,
                    "a server answers from an address of its own",
                    help=["add an `address` of the same subnet"],
                )
            elif dhcp.last < dhcp.first:
                diagnostics.error(
                    "reversed-dhcp-range",
                    f"the DHCP range on {where} ends before it starts",
                    dhcp.at,
                    f"`{dhcp.last}` is less than `{dhcp.first}`",
                    help=[f"write `dhcp {dhcp.last} - {dhcp.first}`"],
                )
            elif outside := [end for end in (dhcp.first, dhcp.last) if end not in dhcp.server.network]:
                diagnostics.error(
                    "dhcp-range-outside-subnet",
                    f"the DHCP range on {where} is outside of its subnet",
                    dhcp.at if len(outside) == 2 else piece(dhcp.at, outside[0]),
                    f"not in {dhcp.server.network}",
                    also=[
                        Label(station.at, f"the server is `{dhcp.server}`")
                        for station in segment.stations
                        if station.owner == server.owner and station.interface == dhcp.server
                    ][:1],
                    help=[f"take both ends from {dhcp.server.network}"],
                )
            else:
                _report_taken(segment, server, diagnostics)


def _report_taken(segment: Segment, server: Server, diagnostics: Diagnostics) -> None:
    """Report what the range holds and must not give away. A guest's own address is a reservation, not a clash."""
    dhcp = server.dhcp
    assert dhcp.server is not None
    for end, what in ((dhcp.server.network.network_address, "network"), (dhcp.server.network.broadcast_address, "broadcast")):
        if dhcp.first <= end <= dhcp.last and dhcp.server.network.prefixlen < 31:
            diagnostics.error(
                "dhcp-range-taken",
                f"the DHCP range holds `{end}`, the {what} address",
                piece(dhcp.at, end),
                "no host can have this address",
            )
    reserved = {id(card) for vm, card in segment.guests if card.network == server.network}
    guests = {(vm, card.address) for vm, card in segment.guests if id(card) in reserved}
    for station in segment.stations:
        if dhcp.first <= station.ip <= dhcp.last and (station.owner, station.interface) not in guests:
            diagnostics.error(
                "dhcp-range-taken",
                f"the DHCP range holds `{station.ip}`, which is {station.who}",
                dhcp.at,
                "leases this address",
                also=[Label(station.at, f"{station.who} has it")],
                help=["let the range start after it or end before it"],
            )
