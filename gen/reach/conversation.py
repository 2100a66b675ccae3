"""Two machines in, whether one reaches the other out: a ping, a TCP connection or two datagrams, there and back."""

from __future__ import annotations

from dataclasses import dataclass, field

from gen.reach.linux import EPHEMERAL_PORT, Arrival, Loss, Machine, Packet, Protocol, Simulation, Stage, Step, shown
from gen.reach.wiring import Machines
from gen.source import Span


@dataclass(slots=True)
class Conversation:
    """What became of it.

    `answered_by` is the machine that the first packet arrived at. Where it did not succeed, `ended` is the machine
    where a packet ended, `why` and `at` tell more. The steps are there only where they were asked for; `way_back` is
    empty where nothing came that far.
    """

    reached: bool
    certain: bool
    answered_by: str | None
    ended: str | None
    why: str | None
    at: Span | None
    way_there: list[Step] = field(default_factory=list)
    way_back: list[Step] = field(default_factory=list)


def converse(
    source: Machine, address: int, protocol: Protocol = "icmp", port: int = 0, *, steps: bool = False
) -> Conversation:
    """Let a machine speak to an address, and whoever gets that answer; a server is thought to listen at the port.

    With `steps` all that happens on the way is told.
    """
    found = Conversation(False, True, None, None, None, None)
    simulation = Simulation(found.way_there if steps else None)
    asked = Packet(protocol, 0, EPHEMERAL_PORT, address, port, "request")
    there = simulation.send(source, asked)
    if isinstance(there, Loss):
        return _lost(found, there)
    found.answered_by = there.machine.name
    if steps:
        simulation.log = found.way_back
    back = simulation.send(there.machine, _answer(there.packet, "reply"))
    if isinstance(back, Loss):
        return _lost(found, back)
    if back.machine is not source:
        return _refused(found, back, f"the answer arrives at {back.machine.name}, which did not ask")
    if back.packet.source != address or back.packet.source_port != port:
        return _refused(
            found, back, f"the answer comes from {shown(back.packet.source)}, but {shown(address)} was asked"
        )
    if protocol == "tcp":
        simulation.log = None
        # The ACK, and then what the server says: a router that saw only one side takes it for the first packet.
        for machine, said, to in (
            (source, _answer(back.packet, "ack"), there),
            (there.machine, _answer(there.packet, "ack"), back),
        ):
            last = simulation.send(machine, said)
            if isinstance(last, Loss):
                return _lost(found, last)
            if last.machine is not to.machine or last.packet[:5] != to.packet[:5]:
                return _refused(found, last, "a later packet of the connection does not come as the first did")
    found.reached = True
    return found


def try_to_reach(
    machines: Machines, source: str, target: str, protocol: Protocol = "icmp", port: int = 0
) -> tuple[int, Conversation] | None:
    """The first of a machine's addresses by which another reaches it, or how it fails by the likeliest.

    An answer counts only if it is the target's own. None: it has no address.
    """
    machine = machines.by_name[source]
    first = None
    for address in machines.addresses_of(target, source):
        found = converse(machine, address, protocol, port)
        if found.reached and found.answered_by != target:
            found.reached, found.ended = False, found.answered_by
            found.why = f"{shown(address)} is {found.answered_by} there"
        if found.reached:
            return address, found
        first = first or (address, found)
    return first


def _answer(packet: Packet, stage: Stage) -> Packet:
    return Packet(
        packet.protocol, packet.destination, packet.destination_port, packet.source, packet.source_port, stage
    )


def _lost(found: Conversation, loss: Loss) -> Conversation:
    found.ended, found.why, found.at, found.certain = loss.machine.name, loss.why, loss.at, loss.certain
    return found


def _refused(found: Conversation, where: Arrival, why: str) -> Conversation:
    found.ended, found.why, found.at = where.machine.name, why, where.machine.at
    return found
