"""What the kernel says of the files of disks: whether they are as they were, and whether two are the same.

While a guest runs, its hypervisor holds locks on them. While it is saved nobody does: so whoever would write to them is
kept away, and they are compared before it goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import IO, TypeAlias

from vmf.errors import HoldCode, JobFault, VmfError
from vmf.files import sparse
from vmf.files.access import open_disk
from vmf.model import Access, Disk, File
from vmf.state import State
from vmf.store import Record

Read: TypeAlias = Callable[[Path], IO[bytes]]
"""Opens a file of a job's host."""

LOCKED = frozenset({State.SUSPENDING, State.SUSPENDED, State.SAVED, State.WAKING, State.RESUMING})
"""While a guest is saved, or on its way there or back, its disks are its own."""


def opened(file: File, read: Read) -> IO[bytes]:
    """A file of a disk, wherever it lies."""
    return read(file.path) if file.on_host else open_disk(file.path)


def stamp(source: File, read: Read) -> str:
    """What changes when the file is written to; empty if that is unknown.

    Not the time of the last change of owner or permissions, which a hypervisor makes.
    """
    try:
        with opened(source, read) as file:
            number = sparse.descriptor(file)
            found = os.fstat(number) if number is not None else None
    except (OSError, VmfError):
        return ""
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}" if found else ""


def stamps(disks: Iterable[Disk], read: Read) -> Mapping[str, str]:
    """The files of these disks, each with its stamp; none of one that has no stamp."""
    found = {str(file.path): stamp(file, read) for disk in disks for file in disk.files}
    return {path: each for path, each in found.items() if each}


def changed(disks: Iterable[Disk], before: Mapping[str, str], read: Read) -> File | None:
    """The first file of the disks that is not as it was when these stamps were taken."""
    known = ((file, before.get(str(file.path))) for disk in disks for file in disk.files)
    return next((file for file, was in known if was is not None and stamp(file, read) != was), None)


def check_unlocked(record: Record, saved: Iterable[Record], read: Read) -> None:
    """Refuse a job what a saved guest goes on with, as the guest's hypervisor would while it ran.

    Args:
        record: the job, which has a place.
        saved: the jobs whose guests are saved, or have been.
        read: opens a file of the job's host.

    Raises:
        JobFault: if one of the two writes to a file of both in place.
    """
    for other in saved:
        if other.id == record.id or other.state not in LOCKED or _host(other) != _host(record):
            continue
        for mine, theirs in product(record.job.bundle.disks, other.job.bundle.disks):
            if Access.IN_PLACE in {mine.access, theirs.access} and _identity(mine, read) == _identity(theirs, read):
                raise JobFault(
                    f"{mine.file.path} is used by {other.job.name} (job {other.id}), whose guest is saved",
                    code=HoldCode.DISK_IN_USE,
                    hint="one of the two writes to it in place: wait for the other's end, or use a copy",
                )


def _host(record: Record) -> str:
    return record.placement.host.name if record.placement else ""


def _identity(disk: Disk, read: Read) -> tuple[str, ...]:
    """What a file is known by whatever it is called: its device and inode; its path, where they are unknown."""
    known = stamp(disk.file, read)
    return tuple(known.split(":")[:2]) if known else (str(disk.file.path),)
