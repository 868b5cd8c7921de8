"""How far something is, on a terminal, as long as it takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vmf.cli.printed import safe
from vmf.hookspecs import Report, unreported
from vmf.units import format_size

PAUSE_SECONDS = 0.2
"""Between two tellings."""
WIPED = "\r\033[K"


@contextmanager
def telling(what: str) -> Iterator[Report]:
    """What takes how far it is and tells it on standard error, if that is a terminal; wiped at the end."""
    if not sys.stderr.isatty():
        yield unreported
        return
    began, told = time.monotonic(), 0.0

    def report(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= PAUSE_SECONDS:
            told = now
            line = f"{what}: {far(done, total, int(done / max(now - began, PAUSE_SECONDS)))}"
            print(f"\r{safe(line)}\033[K", end="", file=sys.stderr, flush=True)

    try:
        yield report
    finally:
        print(WIPED, end="", file=sys.stderr, flush=True)


def far(done: int, total: int, rate: int) -> str:
    """Bytes that are done, of how many, if that is known, and how many a second."""
    whole = f" of {format_size(total)}" if total else ""
    return f"{format_size(done)}{whole}, {format_size(rate)}/s"
