"""A lab in, what brings it up at boot out: systemd.unit(5) and systemd.service(5), or a script for the init of EL 6.

Both call the copy of the script that `persist` keeps. The lab's unit leaves the guests to a unit each, made of one
template, so that a guest can be started, stopped and looked after like any service of the host.
"""

from __future__ import annotations

from collections.abc import Iterator

from gen.encode import bare
from gen.model import Lab
from gen.persist.model import Kept
from gen.profile import Profile
from gen.shell import Command
from gen.templating import render

SYSTEMD = "/etc/systemd/system"
RC = "/etc/rc.d"

_NETWORKS = "NetworkManager systemd-networkd networking network wicked"
_FIREWALLS = "firewalld iptables ip6tables nftables netfilter-persistent"
_AFTER = " ".join(f"{name}.service" for name in f"{_NETWORKS} {_FIREWALLS}".split())

GUEST_SECONDS = 90
"""How long a guest has to go off at its power button. Whoever stops it must wait longer."""
LOCK_SECONDS = 300
"""How long a unit waits for other runs of the script: all guests of a lab are started one after the other."""


def units(lab: Lab, profile: Profile) -> Iterator[Kept]:
    """What the host's boot starts, and the links that say so."""
    script = bare(f"{profile.state_dir}/{lab.name}/persist/setup.sh")
    if _without_systemd(profile):
        yield from _sysv(lab, script)
    else:
        yield from _systemd(lab, profile, script)


def reload(profile: Profile) -> tuple[Command, ...]:
    """What tells the running system of the units."""
    return () if _without_systemd(profile) else (("systemctl", "daemon-reload"),)


def _without_systemd(profile: Profile) -> bool:
    """EL 6 alone, which is the host of the network-scripts alone."""
    return profile.persistence == "network-scripts"


def _systemd(lab: Lab, profile: Profile, script: str) -> Iterator[Kept]:
    name = bare(f"kvmgen-{lab.name}")
    yield Kept("whole", f"{SYSTEMD}/{name}.service", "0644", _lab_unit(lab, script), lab.at)
    wants = f"{SYSTEMD}/multi-user.target.wants/{name}.service"
    yield Kept("link", wants, "", f"{SYSTEMD}/{name}.service", lab.at)
    if not lab.vms:
        return
    template = f"{SYSTEMD}/{name}-vm@.service"
    yield Kept("whole", template, "0644", _guest_unit(lab, profile, script), lab.vms[0].at)
    for vm in lab.vms:
        if vm.autostart:
            # Wanted by the lab's unit, so that its start after a stop brings the guests again.
            yield Kept("link", f"{SYSTEMD}/{name}.service.wants/{name}-vm@{bare(vm.name)}.service", "", template, vm.at)


def _lab_unit(lab: Lab, script: str) -> str:
    # No key of a sandbox: they hide /run/netns. What `up` starts stays in the unit's group and ends with the unit.
    return f"""\
# kvmgen, lab {lab.name}: setup.sh unpersist takes this back
[Unit]
Description=kvmgen lab {lab.name}
Wants=network-online.target
After=network-online.target remote-fs.target {_AFTER}
Before=libvirtd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash {script} up --service --no-guard -y --wait {LOCK_SECONDS}
ExecStop=/bin/bash {script} down --service --wait {GUEST_SECONDS}
TimeoutStopSec={2 * GUEST_SECONDS + 30}

[Install]
WantedBy=multi-user.target
"""


def _guest_unit(lab: Lab, profile: Profile, script: str) -> str:
    # %i, not %I: in the latter a `-` of the guest's name would be a `/`.
    return f"""\
# kvmgen, lab {lab.name}: setup.sh unpersist takes this back
[Unit]
Description=guest %i of the kvmgen lab {lab.name}
Requires=kvmgen-{lab.name}.service
After=kvmgen-{lab.name}.service

[Service]
Type=forking
PIDFile={bare(profile.run_dir)}/{lab.name}/vm/%i.pid
ExecStart=/bin/bash {script} vm start %i --wait {LOCK_SECONDS}
ExecStop=/bin/bash {script} vm stop %i --wait {GUEST_SECONDS}
TimeoutStartSec={LOCK_SECONDS + 60}
TimeoutStopSec={GUEST_SECONDS + 30}

[Install]
WantedBy=kvmgen-{lab.name}.service
"""


def _sysv(lab: Lab, script: str) -> Iterator[Kept]:
    """The links are those that `chkconfig --add` makes of the header."""
    name = bare(f"kvmgen-{lab.name}")
    text = render("init.sh.j2", lab=lab.name, name=name, script=script, seconds=str(GUEST_SECONDS))
    yield Kept("whole", f"{RC}/init.d/{name}", "0755", text, lab.at)
    for level in "0123456":
        place = f"S12{name}" if level in "345" else f"K88{name}"
        yield Kept("link", f"{RC}/rc{level}.d/{place}", "", f"../init.d/{name}", lab.at)
