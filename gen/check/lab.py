"""In: a lab's topology. Out: diagnostics about the lab as a whole."""

from __future__ import annotations

from gen import profile
from gen.check.topology import Topology
from gen.diagnostics import Diagnostics, did_you_mean


def unknown_target(topology: Topology, diagnostics: Diagnostics) -> None:
    """`target` names one of the profiles."""
    lab = topology.lab
    if lab.target_at is not None and lab.target not in (names := profile.names()):
        diagnostics.error(
            "unknown-target",
            f"there is no profile `{lab.target}`",
            lab.target_at,
            "kvmgen cannot build for this",
            help=did_you_mean(lab.target, names) or [f"it can for {', '.join(names)}"],
        )


def empty_lab(topology: Topology, diagnostics: Diagnostics) -> None:
    """A script that does nothing was hardly meant; a file that was truncated is more likely."""
    lab = topology.lab
    if not (lab.networks or lab.nodes or lab.vms):
        diagnostics.error(
            "empty-lab",
            "the lab has nothing to build",
            lab.at,
            "no network, router, namespace or vm in this file",
            help=["`kvmgen init` prints a lab to start from"],
        )
