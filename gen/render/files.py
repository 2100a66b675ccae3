"""A Plan in, the files that the script will write on the host out, for review before anything runs."""

from __future__ import annotations

from gen.plan.operation import Plan


def files(plan: Plan) -> dict[str, str]:
    """Text by path below the output folder: `files/` and then the path on the host."""
    return {
        f"files{operation.file.path}": operation.file.text
        for operation in plan.operations
        if operation.file is not None
    }
