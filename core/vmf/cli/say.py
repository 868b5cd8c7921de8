"""What is said to the user beside the output."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Write to standard error, control characters escaped; if nobody can hear it, no harm is done."""
    from vmf.cli.printed import safe  # noqa: PLC0415  # `vmf --help` has nothing to say here

    with suppress(OSError, RuntimeError):  # nobody reads, the disk is full, or a signal interrupted another print
        print(safe(text), file=sys.stderr, flush=True)
