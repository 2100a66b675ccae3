"""In: a lab's topology. Out: diagnostics about names of interfaces that a host's network files would misread."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gen.check.topology import Topology
from gen.diagnostics import Diagnostics
from gen.source import Span

IFUP_SCRIPTS = re.compile(
    r"(aliases|bnep|ctc|ib|ippp|ipsec|ipv6|isdn|iucv|ovs|plip|plusb|post|ppp|routes|sit|sl|Team|TeamPort|tunnel|wireless)"
    r"[0-9]*"
)
"""What `ifup` of EL's network-scripts finds an `ifup-NAME` for, in any release or with the packages that add one (ib,
ovs, Team). It cuts off the digits at the end of a name; `eth` is the one that is wanted."""

IGNORED = re.compile(r"\.(?:bak|old|orig|rpmnew|rpmorig|rpmsave)$|-range")
"""The parts of a file's name for which the network service passes it over; `-range` may stand anywhere."""


def misread_names(topology: Topology, diagnostics: Diagnostics) -> None:
    """The names of bridges and taps mean nothing to the ifcfg readers of EL, which go by a name's letters."""
    for name, at in _persisted(topology):
        script = IFUP_SCRIPTS.fullmatch(name)
        ignored = IGNORED.search(name)
        if script is not None:
            label = f"`ifup` of EL would run `ifup-{script[1]}` for it"
        elif ignored is not None:
            label = f"the network service of EL passes over files with `{ignored[0]}` in their name"
        elif name.startswith("cipcb"):
            label = "the network service of EL takes it for a tunnel"
        else:
            continue
        better = f"x-{name}" if ignored is None else name.replace(ignored[0], ignored[0][1:])
        diagnostics.error(
            "misread-name",
            f"`{name}` as the name of an interface would be misread",
            at,
            label,
            help=[f"call it `{better[:15]}`"],
        )


def _persisted(topology: Topology) -> Iterator[tuple[str, Span]]:
    """The interfaces that are written into the host's network files, so that they are there after a reboot."""
    for network in topology.lab.networks:
        if not network.external:
            yield network.name, network.at
    for vm in topology.lab.vms:
        for nic in vm.nics:
            if nic.tap is not None:
                yield nic.tap, nic.at
