"""What Xen's own log on a host tells of a failure: libvirt passes on no more than that there was one."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from vmf.errors import VmfError

LOG = Path("/var/log/libvirt/libxl/libxl-driver.log")
"""Where libvirt has Xen write it; its clock is the host's."""
LAST = 2**14
"""So many bytes at its end are looked at."""
_LINE = re.compile(r"(\S+ \S+): (?:libxl|xc): (?:panic: )?[\w.]+:\d+: ?\w+: (?:Domain \d+:)?(.+)")
"""A time, where in Xen it comes from, the number of a machine, and words."""


def since(read: Callable[[Path], IO[bytes]], time: datetime) -> tuple[str, ...]:
    """The lines written since then, without where in Xen they come from; none if there is no log. `read` opens it."""
    try:
        with read(LOG) as file:
            file.seek(max(0, file.seek(0, io.SEEK_END) - LAST))
            text = file.read().decode(errors="replace")
    except (OSError, VmfError):
        return ()
    return tuple(words for written, words in _lines(text) if written >= time)


def _lines(log: str) -> Iterator[tuple[datetime, str]]:
    for found in filter(None, map(_LINE.fullmatch, log.splitlines())):
        with suppress(ValueError):  # whose time is none
            yield datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S.%f%z"), found[2]
