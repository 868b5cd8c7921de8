"""The processes that serve what is below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from shell import kill


def servers(folder: Path) -> list[int]:
    """Those that serve, and those that look after them."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (each / "cmdline").read_bytes().split(b"\0")
            if b"vmf.blocks.server" in line and os.fsencode(folder) in line:
                found.append(int(each.name))
    return found


def serves(folder: Path) -> int:
    """The process that listens: the child of the other one."""
    found = servers(folder)
    (child,) = (
        pid for pid in found if int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) in found
    )
    return child


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short path, which sockets need; who serves what is below ends with it."""
    with TemporaryDirectory(prefix="vmf-", dir="/tmp") as name:
        yield Path(name)
        for pid in sorted(servers(Path(name))):  # who looks after the other one was there first
            with suppress(ProcessLookupError):
                kill(pid)
