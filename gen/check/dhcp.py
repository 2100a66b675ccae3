"""In: a lab's topology. Out: diagnostics about DHCP: what servers lease, and to whom."""

from __future__ import annotations

from gen.check.topology import Segment, Server, Topology, called
from gen.check.wording import comes_first, piece
from gen.diagnostics import Diagnostics, Label


def dhcp_ranges(topology: Topology, diagnostics: Diagnostics) -> None:
    """A server leases addresses of its own subnet that nothing else has."""
    for segment in topology.segments:
        for server in segment.servers:
            dhcp = server.dhcp
            if dhcp.server is None:
                diagnostics.error(
                    "dhcp-without-address",
                    f"the DHCP server {_where(server)} has no address",
                    dhcp.at,
                    "a server answers from an address of its own",
                    help=["add an `address` of the same subnet"],
                )
            elif dhcp.last < dhcp.first:
                diagnostics.error(
                    "reversed-dhcp-range",
                    f"the DHCP range {_where(server)} ends before it starts",
                    dhcp.at,
                    f"`{dhcp.last}` is less than `{dhcp.first}`",
                    help=[f"write `dhcp {dhcp.last} - {dhcp.first}`"],
                )
            elif outside := [end for end in (dhcp.first, dhcp.last) if end not in dhcp.server.network]:
                own = (station for station in segment.stations if station.interface == dhcp.server)
                diagnostics.error(
                    "dhcp-range-outside-subnet",
                    f"the DHCP range {_where(server)} is outside of its subnet",
                    dhcp.at if len(outside) == 2 else piece(dhcp.at, outside[0]),
                    f"not in {dhcp.server.network}",
                    also=[
                        Label(station.at, "the server's own address")
                        for station in own
                        if station.owner == server.owner
                    ],
                    help=[f"take both ends from {dhcp.server.network}"],
                )
            else:
                _report_taken(segment, server, diagnostics)


def _where(server: Server) -> str:
    return f"on `{server.network}`" if server.network else f"of {called(server.owner)}"


def _report_taken(segment: Segment, server: Server, diagnostics: Diagnostics) -> None:
    """Report what the range holds and must not give away. A guest's own address is a reservation, not a clash."""
    dhcp = server.dhcp
    assert dhcp.server is not None
    subnet = dhcp.server.network
    first, last = int(dhcp.first), int(dhcp.last)
    for end, what in ((subnet.network_address, "network"), (subnet.broadcast_address, "broadcast")):
        if first <= int(end) <= last and subnet.prefixlen < 31:
            diagnostics.error(
                "dhcp-range-taken",
                f"the DHCP range {_where(server)} holds the {what} address `{end}`",
                piece(dhcp.at, end),
                "no host can have it",
                help=[f"lease addresses between {subnet.network_address + 1} and {subnet.broadcast_address - 1}"],
            )
    reserved = {(vm, card.tap) for vm, card in segment.guests if card.network == server.network}
    for station in segment.stations:
        if first <= int(station.interface) <= last and (station.owner, station.nic) not in reserved:
            diagnostics.error(
                "dhcp-range-taken",
                f"the DHCP range {_where(server)} holds `{station.ip}`, which is taken",
                dhcp.at,
                "this may be leased to a guest",
                also=[Label(piece(station.at, station.ip), f"{station.who} has it")],
                help=["let the range start after it or end before it"],
            )


def two_servers(topology: Topology, diagnostics: Diagnostics) -> None:
    """Guests take the first answer, so a second server on the same segment makes their address a matter of luck."""
    for segment in topology.segments:
        if segment.servers:
            first, *others = segment.servers
            for other in others:
                one, again = (first, other) if comes_first(first.dhcp.at, other.dhcp.at) else (other, first)
                diagnostics.error(
                    "two-dhcp-servers",
                    f"two DHCP servers answer {_where(again)}",
                    again.dhcp.at,
                    f"a second server, by {called(again.owner)}",
                    also=[Label(one.dhcp.at, f"the first one, by {called(one.owner)}")],
                    help=["keep one of the two"],
                )


def dhcp_on_lan(topology: Topology, diagnostics: Diagnostics) -> None:
    """A server on a bridged network answers the real machines of the LAN too."""
    for segment in topology.segments:
        uplink = next((network for network in segment.networks if network.uplink is not None), None)
        for server in segment.servers if uplink else ():
            assert uplink is not None
            diagnostics.warning(
                "dhcp-on-lan",
                "this DHCP server answers the whole LAN",
                server.dhcp.at,
                f"`{uplink.uplink}` leads out of the host",
                also=[Label(uplink.uplink_at or uplink.at, "the LAN is here")],
                help=["the LAN mostly has a server already, and guests can use that"],
            )
