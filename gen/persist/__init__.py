"""A lab, its plan and a profile in, what makes the lab survive a reboot out: files that the host's own boot reads."""

from __future__ import annotations
