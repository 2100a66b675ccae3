"""A Plan in, the files that the script will write on the host out, for review before anything runs."""

from __future__ import annotations

from gen.persist import Persistence
from gen.plan.operation import Plan


def files(plan: Plan, persistence: Persistence) -> dict[str, str]:
    """Text by path below the output folder.

    `files/` and then the path on the host is what `up` writes. `persist/` is what `persist` writes; what it merges
    into a file of the host's ends in `.block` or `.rules`, and a symbolic link, of which the text is the target, in
    `.link`.
    """
    written = {
        f"files{operation.file.path}": operation.file.text
        for operation in plan.operations
        if operation.file is not None
    }
    kept = {
        f"persist{kept.path}{'' if kept.how == 'whole' else f'.{kept.how}'}": kept.text for kept in persistence.kept
    }
    return {**written, **kept}
