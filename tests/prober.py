"""Places of a world in, who reaches whom out: every pair by ping and TCP at once, from sockets in each namespace."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.world import Place

PATIENCE = 1.5
"""Seconds without an answer that make a no: longer than TCP's first retransmission takes."""


RETRANSMISSION = 0.19
"""Seconds after which TCP sends again (its least is 200 ms). By then a conntrack may have forgotten what kept the first
packet off, so what comes only then does not count."""


class Probe(NamedTuple):
    """What to try: a ping without a port, else a TCP connection."""

    source: str
    address: str
    port: int | None


@dataclass
class _Connection:
    probe: Probe
    socket: socket.socket
    said: bytes = b""


@dataclass
class Prober:
    """Servers at `ports` in every place, each of which says its own place's name; a context manager."""

    places: Mapping[str, Place]
    ports: Iterable[int]
    _closing: ExitStack = field(default_factory=ExitStack)
    _servers: dict[int, tuple[socket.socket, str]] = field(default_factory=dict)
    _pingers: dict[str, socket.socket] = field(default_factory=dict)

    def __enter__(self) -> Prober:
        for name, place in self.places.items():
            for port in self.ports:
                server = self._closing.enter_context(place.open_socket(socket.AF_INET, socket.SOCK_STREAM))
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind(("0.0.0.0", port))
                server.listen(256)
                server.setblocking(False)
                self._servers[server.fileno()] = server, name
            pinger = place.open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            pinger.setblocking(False)
            pinger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self._pingers[name] = self._closing.enter_context(pinger)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def probe(self, probes: Iterable[Probe]) -> dict[Probe, str]:
        """For each probe that is answered by the address that it asked: by whom, or "echo" for a ping."""
        answers: dict[Probe, str] = {}
        wanted = list(probes)
        with ExitStack() as closing:
            echoes: dict[tuple[str, int], Probe] = {}
            connections: dict[int, _Connection] = {}
            poll = select.epoll()
            closing.callback(poll.close)
            for descriptor in (*self._servers, *(pinger.fileno() for pinger in self._pingers.values())):
                poll.register(descriptor, select.EPOLLIN)
            names = {pinger.fileno(): name for name, pinger in self._pingers.items()}
            for number, probe in enumerate(wanted, 1):
                with suppress(OSError):  # there is no way, or the kernel knows already that nobody answers
                    if probe.port is None:
                        echoes[probe.source, number] = probe
                        self._pingers[probe.source].sendto(_echo_request(number), (probe.address, 0))
                    else:
                        client = closing.enter_context(self.places[probe.source].open_socket())
                        client.setblocking(False)
                        with suppress(BlockingIOError):
                            client.connect((probe.address, probe.port))
                        connections[client.fileno()] = _Connection(probe, client)
                        poll.register(client.fileno(), select.EPOLLIN)
                if number % 50 == 0:
                    self._handle(poll, 0, names, echoes, connections, answers)
            silent = time.monotonic() + PATIENCE
            while len(answers) < len(wanted) and time.monotonic() < silent:
                if self._handle(poll, 0.1, names, echoes, connections, answers):
                    silent = time.monotonic() + PATIENCE
        return answers

    def _handle(
        self,
        poll: select.epoll,
        timeout: float,
        names: dict[int, str],
        echoes: dict[tuple[str, int], Probe],
        connections: dict[int, _Connection],
        answers: dict[Probe, str],
    ) -> bool:
        """Take what has come; True if it was an answer."""
        before = len(answers)
        for descriptor, _ in poll.poll(timeout):
            if descriptor in self._servers:
                self._serve(*self._servers[descriptor])
            elif descriptor in names:
                self._hear(names[descriptor], echoes, answers)
            elif descriptor in connections:
                self._read(poll, connections, descriptor, answers)
        return len(answers) > before

    @staticmethod
    def _serve(server: socket.socket, name: str) -> None:
        with suppress(BlockingIOError):
            while True:
                client, _ = server.accept()
                with client, suppress(OSError):
                    client.sendall(f"{name} {time.monotonic()}".encode())

    def _hear(self, name: str, echoes: dict[tuple[str, int], Probe], answers: dict[Probe, str]) -> None:
        with suppress(BlockingIOError):
            while True:
                packet, (sender, _) = self._pingers[name].recvfrom(2048)
                header = (packet[0] & 15) * 4
                kind, _, _, number, _ = struct.unpack("!BBHHH", packet[header : header + 8])
                probe = echoes.get((name, number))
                if kind == 0 and probe is not None and probe.address == sender:
                    answers[probe] = "echo"

    @staticmethod
    def _read(
        poll: select.epoll, connections: dict[int, _Connection], descriptor: int, answers: dict[Probe, str]
    ) -> None:
        connection = connections[descriptor]
        try:
            said = connection.socket.recv(256)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        connection.said += said
        if not said:
            poll.unregister(descriptor)
            name, _, sent = connection.said.decode().partition(" ")
            if name and time.monotonic() - float(sent) < RETRANSMISSION:
                answers[connection.probe] = name


def _echo_request(number: int) -> bytes:
    def packed(checksum: int) -> bytes:
        return struct.pack("!BBHHH", 8, 0, checksum, number, 1) + b"kvmgen--"

    total = sum(struct.unpack(f"!{len(packed(0)) // 2}H", packed(0)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return packed(total ^ 0xFFFF)
