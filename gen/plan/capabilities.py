"""What the lab asks against what the target has: refusals with the reason, and the tools that the script needs."""

from __future__ import annotations

from gen.diagnostics import Diagnostics
from gen.model import Lab
from gen.plan.operation import Builder, Plan
from gen.profile import Profile
from gen.source import Span

_VERBS = {"kg_sysctl": "sysctl"}
"""Runtime verbs that call a tool."""

_COREUTILS = frozenset({"cat", "rm", "ln", "ls", "kg_stop", "kg_sysctl_back", "kg_uplink", "kg_uplink_back"})
"""What every host has, or the runtime does itself."""


def check_capabilities(lab: Lab, profile: Profile, diagnostics: Diagnostics) -> bool:
    """Report every feature that the lab uses and the target lacks; True when there is none."""
    fine = True
    for feature, what, at in _uses(lab):
        reason = profile.lacks.get(feature)
        if reason is not None:
            fine = False
            diagnostics.error(
                "target-lacks",
                f"{profile.title} cannot do this: {reason}",
                at,
                f"needs {what}",
                help=("build for a newer host with `--target`; `kvmgen profiles` lists them",),
            )
    return fine


def _uses(lab: Lab) -> list[tuple[str, str, Span]]:
    uses = [("netns", "network namespaces", node.at) for node in lab.nodes]
    uses += [("dhcp", "dnsmasq", network.at) for network in lab.networks if network.dhcp is not None]
    uses += [("nat", "iptables NAT", network.at) for network in lab.networks if network.kind == "nat"]
    uses += [("overlay", "qcow2 overlays", disk.at) for vm in lab.vms for disk in vm.disks if disk.overlay]
    uses += [("limit", "tc tbf", nic.at) for node in lab.nodes for nic in node.nics if nic.limit is not None]
    return uses


def note_tools(build: Builder, plan: Plan, profile: Profile, lab: Lab) -> None:
    """Every program that the plan runs becomes a need, with the package that brings it on the target."""
    seen: set[str] = set()
    for operation in plan.operations:
        for command in (*operation.do, *operation.undo):
            words = command[4:] if command[:3] == ("ip", "netns", "exec") else command
            tool = _VERBS.get(words[0], words[0])
            names = {"ip", tool} if words is not command else {tool}
            for name in sorted(names - seen - _COREUTILS):
                seen.add(name)
                key = "qemu" if operation.kind == "guest" else name
                path = profile.qemu if key == "qemu" else name
                build.need("tool", path, profile.packages.get(key, name), at=lab.at)
    build.need("tool", "flock", profile.packages["flock"], at=lab.at)
    if any(network.uplink is not None for network in lab.networks):
        build.need("tool", "setsid", profile.packages["flock"], at=lab.at)  # the same package everywhere
