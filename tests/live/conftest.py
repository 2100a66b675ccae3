"""A lab of tests/labs, built and brought up on a private host where the images that it names are the tests' guest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from gen import driver
from gen.diagnostics import Diagnostics, render
from gen.model import HOST, Lab
from gen.source import Source
from tests.console import Console, guest_console
from tests.guest import guest_image, guest_iso, guest_kernel
from tests.snapshot import Snapshot
from tests.world import Source as Origin
from tests.world import World, reaches

LABS = Path(__file__).parent.parent / "labs"

SHARED = ("/srv/images/guest.qcow2", "/images/cirros/cirros.img")
"""Images that the labs only read."""

OWN = ("/images/cirros/cirros-0.3.4-x86_64-disk.img", "/images/centos/centos6.qcow2")
"""Images that a guest writes to."""

DISCS = ("/srv/images/install.iso", "/iso/CentOS-7-x86_64-DVD-1810.iso")


class Running:
    """A lab on a host of its own. `before` is that host before anything ran."""

    def __init__(self, world: World, source: Source, target: str) -> None:
        self.world = world
        self._target = target
        self._consoles: dict[str, Console] = {}
        self._furnish(target)
        self.path = self._build(source)
        self.before: Snapshot = world.snapshot()

    def edit(self, text: str) -> None:
        """From now on the script is that of this text. The host stays as it is."""
        self.path = self._build(Source(f"{self.lab.name}.dsl", text))

    def _build(self, source: Source) -> str:
        diagnostics = Diagnostics()
        try:
            built = driver.build(source, diagnostics, self._target)
        except driver.Stopped:
            pytest.fail(render(diagnostics))
        self.lab: Lab = built.lab
        self.script = built.script
        return self.world.script(self.script)

    def setup(self, *words: str, check: bool = True, **options: Any) -> CompletedProcess[str]:
        """Run `setup.sh WORDS...` on the host."""
        return self.world.run("bash", self.path, *words, check=check, timeout=120, **options)

    def up(self) -> None:
        """Bring the lab up, confirm it from another session, and wait until every guest that was started has booted."""
        self.setup("up")
        self.world.run("setsid", "bash", self.path, "confirm")
        for vm in self.lab.vms:
            if vm.autostart:
                self.console(vm.name)

    def console(self, name: str) -> Console:
        """The serial console of a guest that has booted."""
        if name not in self._consoles:
            console = guest_console(self.world, self.lab.name, name)
            console.ready()
            self._consoles[name] = console
        return self._consoles[name]

    def started_again(self, name: str) -> Console:
        """The console of a guest whose QEMU is another one than the last time."""
        del self._consoles[name]
        return self.console(name)

    def origin(self, name: str) -> Origin:
        """Where an `expect` starts from."""
        if name == HOST:
            return self.world
        if any(node.name == name for node in self.lab.nodes):
            return self.world.netns(name)
        return self.console(name)

    def address(self, name: str) -> str:
        """An address by which the lab itself calls a vm, router, namespace or the host."""
        for vm in self.lab.vms:
            if vm.name == name:
                return next(str(nic.address.ip) for nic in vm.nics if nic.address is not None)
        for node in self.lab.nodes:
            if node.name == name:
                return next(str(address.ip) for nic in node.nics for address in nic.addresses)
        return next(str(address.ip) for nic in self.lab.host for address in nic.addresses)

    def configure_guests(self) -> None:
        """What the lesson tells a student to type inside guests whose network has no DHCP."""
        for vm in self.lab.vms:
            for index, nic in enumerate(vm.nics):
                if nic.address is not None and not self._has_dhcp(nic.network):
                    commands = [f"ip address add {nic.address} dev eth{index}", f"ip link set eth{index} up"]
                    if nic.gateway is not None:
                        commands.append(f"ip route add default via {nic.gateway}")
                    status, output = self.console(vm.name).shell(" && ".join(commands))
                    assert status == 0, output

    def check_expects(self) -> None:
        """Try every `expect` of the lab by ping or TCP."""
        assert self.lab.expects
        for expect in self.lab.expects:
            target = str(expect.address) if expect.address is not None else self.address(expect.target or "")
            found = reaches(self.origin(expect.source), target, tcp=expect.port)
            assert found is expect.reaches, f"{expect.at.text}: {target} was {'' if found else 'not '}reached"

    def check_second_up_and_down(self) -> None:
        """A second `up` writes nothing; `down` leaves the host as it was."""
        before = self.world.snapshot(exact=True)
        assert "nothing to do" in self.setup("up").stdout
        assert self.world.snapshot(exact=True, like=before) == before
        assert self.setup("status", check=False).returncode == 0
        self.setup("down", "--wait", "1")
        assert self.world.snapshot(like=self.before) == self.before
        assert self.setup("status", check=False).returncode == 3

    def _has_dhcp(self, name: str | None) -> bool:
        here = [network.dhcp for network in self.lab.networks if network.name == name]
        here += [nic.dhcp for node in self.lab.nodes for nic in node.nics if nic.network == name]
        return any(here)

    def _furnish(self, target: str) -> None:
        kernel, initrd = guest_kernel()
        for path in (*SHARED, *OWN, *DISCS):
            self.world.run("mkdir", "-p", str(Path(path).parent))
        for path in SHARED:
            self.world.run("ln", "-s", guest_image(), path)
        self.world.run("mount", "-t", "tmpfs", "disks", "/media")  # what guests write there is no change of the host
        for path in OWN:
            self.world.run("cp", guest_image(), f"/media/{Path(path).name}")
            self.world.run("ln", "-s", f"/media/{Path(path).name}", path)
        for path in DISCS:
            self.world.run("ln", "-s", guest_iso(), path)
        self.world.run("ln", "-s", kernel, "/srv/images/vmlinuz")
        self.world.run("ln", "-s", initrd, "/srv/images/initrd")
        if not target.startswith(("debian", "ubuntu")):
            self.world.run("mkdir", "-p", "/usr/libexec")
            self.world.run("ln", "-s", "/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm")


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """start(NAME, TARGET, TEXT, **options of the World): the lab, or TEXT, on a host of its own, not yet up."""
    with ExitStack() as closing:

        def make(name: str, target: str = "debian12", text: str | None = None, **options: Any) -> Running:
            if text is None:
                text = (LABS / f"{name}.dsl").read_text()
            world = closing.enter_context(World(**options))
            return Running(world, Source(f"{name}.dsl", text), target)

        yield make
