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
from vmf.model import File

Read: TypeAlias = Callable[[Path], IO[bytes]]
"""Opens a file of the host by its full path, as `vmf.hookspecs.read` does."""


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


def find(file: File, read: Read) -> Source:
    """A file that a job names.

    Raises:
        JobFault: if it is not there, is no plain file, or may not be read.
    """
    if not file.on_host:
        return here(file.path)
    opened = partial(_opened, file, read)
    with opened() as stream:
        size = stream.seek(0, os.SEEK_END)
    return Source(name=called(file), open=opened, size=size, stamp=(size,))


def here(path: Path) -> Source:
    """A file of this computer; a link stands for the file that it leads to.

    Raises:
        JobFault: as `find`.
    """
    file = File(path=path)
    opened = partial(_opened, file, open_file)
    with opened() as stream:
        found = os.fstat(stream.fileno())
    stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    executable = bool(found.st_mode & 0o111)
    return Source(name=called(file), open=opened, size=found.st_size, executable=executable, stamp=stamp)


def _opened(file: File, read: Read) -> IO[bytes]:
    try:
        return read(file.path)
    except OSError as error:
        raise unread("file", file, error) from error
