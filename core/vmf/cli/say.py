"""What is said to the user beside the output."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Write to standard error; if nobody can hear it, no harm is done."""
    with suppress(OSError, RuntimeError):  # nobody reads, the disk is full, or a signal interrupted another print
        print(text, file=sys.stderr, flush=True)
