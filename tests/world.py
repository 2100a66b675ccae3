"""How a host should look in; a private world out: a host whose network, files and processes are its own.

    the world: ens33 192.168.0.162/16 ─── gateway 192.168.0.1, 203.0.113.1 ─── internet 203.0.113.7
                                       └─ lan 192.168.0.9/16

Network, mounts and process numbers are namespaces of the world's own. Its file system is an overlay on the machine's,
except that /tmp is the machine's own and the repository is read-only. Process 1 of the world ends when the test lets go
of its standard input or dies, and the kernel then kills all others.
"""

import ctypes
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal, Protocol, Self

from tests import snapshot
from tests.snapshot import Snapshot

Transport = Literal["tcp", "udp"]

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C",
    "KVMGEN_ACCEL": os.environ.get("KVMGEN_ACCEL", "tcg"),  # a /dev/kvm that is there need not work
}

# Runs as process 1. Arguments: repository, uplink, its MAC, 1 or 0 for bridge-nf-call-iptables.
_SETUP = """
set -eu
mount -t tmpfs -o mode=755 world /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work world /mnt/root
exec 9</mnt/upper
cd /mnt/root
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 run run
mount --bind /tmp tmp
mkdir -p ".$1"
mount --bind "$1" ".$1"
mount -o remount,bind,ro ".$1"
pivot_root . mnt
cd /
umount -l /mnt
mkdir /run/netns /run/lock
(umask 077 && : >/run/xtables.lock) # iptables makes it at any call and leaves it
mount -t tmpfs netns /run/netns
mount --make-shared /run/netns

echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
[ ! -e /proc/sys/net/bridge ] || echo "$4" >/proc/sys/net/bridge/bridge-nf-call-iptables
ip -batch - <<END
link set lo up
netns add gateway
netns add lan
netns add internet
link add $2 address $3 type veth peer name wire netns gateway
link set $2 up
END
# The LAN is macvlans on the other end of the NIC: the kernel takes a second to tell a bridge that a port has carrier.
ip netns exec gateway ip -batch - <<END
link set lo up
link set wire up
link add lan link wire type macvlan mode bridge
link add eth0 link wire netns lan type macvlan mode bridge
link add wan type veth peer name eth0 netns internet
link set lan up
link set wan up
address add 192.168.0.1/16 dev lan
address add 203.0.113.1/24 dev wan
END
ip netns exec gateway sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip netns exec lan ip -batch - <<END
link set lo up
link set eth0 up
address add 192.168.0.9/16 dev eth0
route add default via 192.168.0.1
END
ip netns exec internet ip -batch - <<END
link set lo up
link set eth0 up
address add 203.0.113.7/24 dev eth0
route add default via 203.0.113.1
END
# Nameless from here on, so that the world's `ip netns list` is empty: a process keeps each alive.
hold='echo $$; exec sleep infinity >/dev/null'
pids=
for name in gateway lan internet; do
  pids="$pids $(ip netns exec "$name" sh -c "$hold" &)"
  ip netns delete "$name"
done
echo "$pids"
exec env --ignore-signal=CHLD cat >/dev/null # orphans are reaped, the end of standard input is the end of the world
"""

_DOCKER_LINKS = (
    "link add docker0 type bridge",
    "address add 172.17.0.1/16 brd + dev docker0",
    "link set docker0 up",
)
_DOCKER_RULES = """
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
"""

_REPOSITORY = Path(__file__).resolve().parents[1]
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--propagation", "private")
_UPPER = 9  # the file descriptor by which process 1 holds the overlay's upper layer, which is mounted nowhere
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


class Place:
    """A network namespace of a world, to run commands and sockets in."""

    def __init__(self, enter: tuple[str, ...], network: Path, closing: ExitStack) -> None:
        self._enter = enter
        self._network = network
        self._closing = closing

    def popen(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.PIPE,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Starts a command, with `env` added to a small fixed environment. `send` sends it signals."""
        process = self._start(command, env, stdin, stdout, stderr)
        self.at_end(lambda: _end(process))
        return process

    def run(
        self,
        *command: str | Path,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, and that of all who hold its output.

        AssertionError: it failed (only with `check`), or took more than `timeout` seconds.
        """
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self._start(command, env, stdin, subprocess.PIPE, subprocess.PIPE) as process:
            try:
                stdout, stderr = process.communicate(input, timeout)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    said = ((error.stdout or b"") + (error.stderr or b"")).decode(errors="backslashreplace")
                    raise AssertionError(f"{_typed(command)}: still running after {timeout} seconds\n{said}") from None
                raise
        if check and process.returncode != 0:
            raise AssertionError(f"{_typed(command)}: exit {process.returncode}\n{stdout}{stderr}")
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    def at_end(self, callback: Callable[[], object]) -> None:
        """Calls `callback` before the world ends; the last to come is the first to be called."""
        self._closing.callback(callback)

    def serve(self, address: str, port: int, text: str, transport: Transport = "tcp") -> "Server":
        """A server that answers every client with `text`, in a thread of the test, until the world ends."""
        listener = self._socket(address, transport)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        if transport == "tcp":
            listener.listen()
        server = Server(listener, text)
        self.at_end(server.close)
        return server

    def connect(self, address: str, port: int, transport: Transport = "tcp") -> str | None:
        """What the server at `address` and `port` says, or None if nothing answers within two seconds."""
        with self._socket(address, transport) as client:
            client.settimeout(2)
            try:
                client.connect((address, port))
                if transport == "udp":
                    client.send(b"?")
                    return client.recv(4096).decode()
                with client.makefile() as stream:
                    return stream.read()
            except OSError:
                return None

    def ping(self, address: str) -> bool:
        """Whether one echo request is answered within a second. AssertionError: ping itself did not run."""
        done = self.run("ping", "-n", "-c1", "-W1", address, check=False)
        if done.returncode != 0 and "packets transmitted" not in done.stdout and "unreachable" not in done.stderr:
            raise AssertionError(f"ping {address} did not run: {done.stderr}")
        return done.returncode == 0

    def prove_alive(self) -> None:
        """AssertionError: no nic is up with an address, so that reaching nothing would mean nothing."""
        addresses = self.run("ip", "-o", "address", "show", "up", "scope", "global").stdout
        assert addresses, "the source has no nic that is up and has an address"

    def _start(
        self,
        command: tuple[str | Path, ...],
        env: Mapping[str, str] | None,
        stdin: int | None,
        stdout: int | None,
        stderr: int | None,
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._enter, *command],
            env={**ENVIRONMENT, **(env or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,
        )

    def open_socket(
        self,
        family: socket.AddressFamily = socket.AF_INET,
        kind: socket.SocketKind = socket.SOCK_STREAM,
        protocol: int = 0,
    ) -> socket.socket:
        """A socket stays in the namespace that it was made in: this thread goes there for a moment."""
        with Path("/proc/thread-self/ns/net").open() as home, self._network.open() as there:
            _set_namespace(there.fileno())
            try:
                return socket.socket(family, kind, protocol)
            finally:
                _set_namespace(home.fileno())

    def _socket(self, address: str, transport: Transport) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return self.open_socket(family, socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM)


class World(Place):
    """A host to run scripts on; also a context manager that ends it. Its `run` and so on are those of the host itself.

    `uplink`, `mac` and `addresses` describe its only NIC, `gateway` (an address or None) its default route. `nf_call`
    is bridge-nf-call-iptables; `docker` brings the rules, the bridge and the forwarding of a Docker host.
    `gateway`, `lan` and `internet` are the places behind the NIC.
    """

    def __init__(
        self,
        *,
        uplink: str = "ens33",
        mac: str = "00:0c:29:7e:1a:62",
        addresses: tuple[str, ...] = ("192.168.0.162/16",),
        gateway: str | None = "192.168.0.1",
        nf_call: bool = True,
        docker: bool = False,
    ) -> None:
        closing = ExitStack()
        holder = subprocess.Popen(
            [*_UNSHARE, "sh", "-c", _SETUP, "world", _REPOSITORY, uplink, mac, str(int(nf_call))],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        closing.enter_context(holder)  # closes its standard input and waits
        with ExitStack() as on_failure:
            on_failure.push(closing)
            assert holder.stdout
            held = [int(number) for number in holder.stdout.readline().split()]
            assert len(held) == 3, "the world did not come up: standard error has the reason"
            (pid,) = _children(holder.pid)
            outside = {_number_inside(child): child for child in _children(pid)}
            super().__init__(_entrance(pid), Path(f"/proc/{pid}/ns/net"), closing)
            self._pid = pid
            self._root = Path(f"/proc/{pid}/root")
            self._furniture = {1, *held}
            self.gateway, self.lan, self.internet = (
                Place(_entrance(outside[number]), Path(f"/proc/{outside[number]}/ns/net"), closing) for number in held
            )
            lines = [f"address add {address} brd + dev {uplink}" for address in addresses]
            if gateway:
                lines.append(f"route add default via {gateway}")
            if docker:
                lines += _DOCKER_LINKS
                self.run("iptables-restore", "--noflush", input=_DOCKER_RULES)
                self.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
            self.run("ip", "-batch", "-", input="".join(f"{line}\n" for line in lines))
            on_failure.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the world and every process in it."""
        self._closing.close()

    def netns(self, name: str) -> Place:
        """The place that `ip netns` calls `name`."""
        enter = (*self._enter, "ip", "netns", "exec", name)
        return Place(enter, self._root / "run/netns" / name, self._closing)

    def path(self, path: str) -> Path:
        """A path of the world as the test process can open it: for FIFOs, sockets and logs."""
        inside = self.run("realpath", "-m", path).stdout.rstrip("\n")  # links followed here would lead out of the world
        return self._root / inside[1:]

    def read(self, path: str) -> str:
        """The text of a file."""
        return self.run("cat", path).stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Makes a file, and the folders that it is in."""
        self.run("install", "-D", "-m", f"{mode:o}", "/dev/stdin", path, input=text)

    def script(self, text: str) -> str:
        """The path of a script with this text, ready to be run. A second script replaces the first."""
        self.write("/root/setup.sh", text, 0o755)
        return "/root/setup.sh"

    def snapshot(self, *, exact: bool = False, like: Snapshot | None = None) -> Snapshot:
        """What the host looks like: each network namespace, processes, mounts, /run, and files unlike the machine's.

        An `exact` one also tells a thing from the same thing made again, by numbers, inodes and times. With `like`, the
        kernel gets five seconds to arrive at an equal one.
        """
        end = time.monotonic() + 5
        while True:
            taken = Snapshot(tuple(self._look(exact)))
            if like is None or taken == like or time.monotonic() > end:
                return taken
            time.sleep(0.2)

    def _look(self, exact: bool) -> Iterator[str]:
        yield from snapshot.processes(self._root / "proc", self._furniture, exact)
        yield from snapshot.network("host", self.run("sh", "-s", input=snapshot.LOOK).stdout, exact)
        for name in sorted(path.name for path in (self._root / "run/netns").iterdir()):
            look = self.netns(name).run("sh", "-s", input=snapshot.LOOK, check=False)  # one that is half deleted: empty
            yield from snapshot.network(f"netns {name}", look.stdout, exact)
        yield from snapshot.files(self._root / "run", "/run", exact)
        yield from snapshot.changes(Path(f"/proc/{self._pid}/fd/{_UPPER}"), exact)
        for line in Path(f"/proc/{self._pid}/mounts").read_text().splitlines():
            yield f"mounts: {line.split()[1]}"


class Source(Protocol):
    """What can try to reach something: a Place, or a guest's console."""

    def ping(self, address: str) -> bool: ...
    def connect(self, address: str, port: int) -> str | None: ...
    def prove_alive(self) -> None: ...


def reaches(source: Source, address: str, *, tcp: int | None = None, tries: int = 3) -> bool:
    """Whether `address` answers one of a few pings of the source's or, at port `tcp`, one of its connections.

    AssertionError: nothing answers, but the source is not alive, so that the silence says nothing.
    """
    for _ in range(tries):
        if source.ping(address) if tcp is None else source.connect(address, tcp) is not None:
            return True
    source.prove_alive()
    return False


def send(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Signals the command of `Place.popen`; the process that popen returns only waits for it."""
    while not (children := _children(process.pid)):
        assert process.poll() is None, "the command has ended"
        time.sleep(0.001)
    os.kill(children[0], number)


class Server:
    """A socket's own server: answers every client with one text. `clients` are the addresses that it saw, in order."""

    def __init__(self, listener: socket.socket, text: str) -> None:
        self.clients: list[str] = []
        self._socket = listener
        self._text = text.encode()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):  # of a UDP socket: not connected; it wakes the thread all the same
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        with suppress(OSError):  # closed
            while True:
                if self._socket.type == socket.SOCK_DGRAM:
                    _, client = self._socket.recvfrom(4096)
                    if not client:
                        return
                    self.clients.append(client[0])
                    self._socket.sendto(self._text, client)
                else:
                    connection, client = self._socket.accept()
                    self.clients.append(client[0])
                    with connection:
                        connection.sendall(self._text)


def _entrance(pid: int) -> tuple[str, ...]:
    return ("nsenter", f"--target={pid}", "--net", "--mount", "--pid", "--")


def _end(process: subprocess.Popen[str]) -> None:
    with process:  # closes its pipes and waits
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _typed(command: tuple[str | Path, ...]) -> str:
    return " ".join(map(str, command))


def _children(pid: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _number_inside(pid: int) -> int:
    """The number that a process has in the innermost of its process namespaces."""
    (line,) = re.findall(r"^NSpid:(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(line.split()[-1])


def _set_namespace(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
