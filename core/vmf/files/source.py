"""Files that a guest is given: of this computer, or already on its host, each opened when its turn comes."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias

from msgspec import Struct

from vmf.files.access import open_file
from vmf.files.faults import called, unread
from vmf.files.nbd import open_served
from vmf.files.sparse import descriptor
from vmf.model import File

Read: TypeAlias = Callable[[Path], IO[bytes]]
"""Opens a file by its full path, as `vmf.hookspecs.read` does one of the host; raises `OSError`."""


class Source(Struct, frozen=True, kw_only=True):
    """A file whose content travels."""

    name: str
    """What it is called in messages."""
    open: Callable[[], IO[bytes]]
    """Raises `JobFault` if it cannot be opened, or is no plain file any more."""
    size: int
    executable: bool = False
    stamp: tuple[int, ...]
    """What is another one once the file has changed."""


Content: TypeAlias = bytes | Source | None
"""What lies at a path of a disc: a file's bytes, or where they come from; None: a folder."""


def find(file: File, read: Read, here: Read = open_file) -> Source:
    """A file that a job names; a link stands for the file that it leads to.

    `read` opens it if it is on the host, `here` if it is of this computer.

    Raises:
        JobFault: if it is not there, is no plain file, or may not be read.
    """
    opened = partial(_opened, file, open_served if file.served else read if file.on_host else here)
    with opened() as stream:
        number = descriptor(stream)
        found = None if number is None else os.fstat(number)
        size = stream.seek(0, os.SEEK_END)
    if found is None:  # it lies on another computer, which tells no more
        return Source(name=called(file), open=opened, size=size, stamp=(size,))
    stamp = (found.st_dev, found.st_ino, size, found.st_mtime_ns)
    return Source(name=called(file), open=opened, size=size, executable=bool(found.st_mode & 0o111), stamp=stamp)


def here(path: Path) -> Source:
    """A file of this computer.

    Raises:
        JobFault: as `find`.
    """
    return find(File(path=path), open_file)


def _opened(file: File, read: Read) -> IO[bytes]:
    try:
        return read(file.path)
    except OSError as error:
        raise unread("file", file, error) from error
