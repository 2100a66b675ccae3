"""In: a folder of ifcfg files. Out: what its readers would swallow. Nothing in the folder is run or changed.

The folder is /etc/sysconfig/network-scripts of EL6 to EL9, read by network-scripts or NetworkManager, or openSUSE's
/etc/sysconfig/network, read by wicked, or one that somebody is about to copy there.
"""

from __future__ import annotations

from pathlib import Path

from gen.diagnostics import Diagnostic, Diagnostics


def lint(path: Path) -> list[Diagnostic]:
    """All findings, in the order of the files' names. Raises folder.UnreadableFolder."""
    # `explain` wants the codes alone.
    from gen.lint_ifcfg import assignments, folder, interface, neighbours, routes, settings, suse

    diagnostics = Diagnostics()
    found = folder.read(path, diagnostics)
    interfaces = [interface.read(file, diagnostics) for file in found.files if file.kind == "ifcfg"]
    for file in found.files:
        if file.kind == "keys":
            assignments.parse(file.source, diagnostics)
    if found.suse:
        suse.check(interfaces, diagnostics)
    else:
        for each in interfaces:
            settings.check(each, diagnostics)
        neighbours.check(interfaces, diagnostics)
        routes.check(found.files, interfaces, diagnostics)
    return sorted(diagnostics, key=lambda one: (one.label.span.source.name, one.label.span.start))
