"""`vmf`, on an odd computer: `odd_system.py HOW WORD…`, HOW being `without-locks`, `with-idle-locks` or `jumping`."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable, Mapping
from itertools import cycle
from types import MappingProxyType

from vmf.cli import main

HOURS = 3600.0


def lock_never() -> None:
    """As on a file system that has no locks."""

    def flock(_file: object, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = flock


def lock_idly() -> None:
    """As on a file system whose locks keep nobody out."""
    fcntl.flock = lambda _file, _how: None


def jump() -> None:
    """Have the clock set by hours, to and fro, each time that somebody looks."""
    now, jumps = time.time, cycle((0.0, 5 * HOURS, -7 * HOURS, 100 * HOURS, -30 * HOURS))
    time.time = lambda: now() + next(jumps)


HOW: Mapping[str, Callable[[], None]] = MappingProxyType({
    "without-locks": lock_never, "with-idle-locks": lock_idly, "jumping": jump,
})  # fmt: skip

if __name__ == "__main__":
    HOW[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
