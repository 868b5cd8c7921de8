"""Files that a guest is given: of this computer, or already on its host, each opened when its turn comes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf.files.access import CODES, open_file
from vmf.files.console import one_line
from vmf.model import File

Read: TypeAlias = Callable[[Path], IO[bytes]]
"""Opens a file of the host by its full path, as `vmf.hookspecs.read` does."""

_PATH_MAX = 4096


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
    name = f"{shown(file.path)} of the host"
    opened = partial(_opened, file.path, name, read)
    with opened() as stream:
        size = stream.seek(0, os.SEEK_END)
    return Source(name=name, open=opened, size=size, stamp=(size,))


def here(path: Path) -> Source:
    """A file of this computer; a link stands for the file that it leads to.

    Raises:
        JobFault: as `find`.
    """
    name = shown(path)
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error
    if not stat.S_ISREG(found.st_mode):  # before anybody opens it: a pipe would wait, a device might act
        raise JobFault(f"{name} is no plain file", code=HoldCode.IMAGE_INVALID, hint="name a file")
    if not os.access(path, os.R_OK, effective_ids=True):
        raise unreadable(name, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    opened = partial(_opened, path, name, open_file)
    stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    executable = bool(found.st_mode & 0o111)
    return Source(name=name, open=opened, size=found.st_size, executable=executable, stamp=stamp)


def changed(name: str) -> JobFault:
    """What is told of a file that is another one than it was, as the job's fault."""
    hint = "run the job again when nothing writes to it"
    return JobFault(f"{name} changed while it was read", code=HoldCode.IMAGE_INVALID, hint=hint)


def shown(path: Path) -> str:
    """A path for messages."""
    return one_line(str(path).encode(errors="backslashreplace"), limit=_PATH_MAX)


def unreadable(name: str, error: OSError | ValueError) -> JobFault:
    """What the system objects to a file, as the job's fault."""
    if isinstance(error, ValueError) or CODES.get(error.errno) is HoldCode.IMAGE_MISSING:  # a NUL, say
        return JobFault(f"{name} is not there", code=HoldCode.IMAGE_MISSING, hint="check the path")
    reason = (error.strerror or "unreadable").lower()
    if CODES.get(error.errno) is HoldCode.IMAGE_INVALID:
        return JobFault(f"{name}: {reason}", code=HoldCode.IMAGE_INVALID, hint="name a file")
    hint = "give this user access to it, or put it elsewhere"
    return JobFault(f"{name} cannot be read: {reason}", code=HoldCode.IMAGE_UNREADABLE, hint=hint)


def _opened(path: Path, name: str, read: Read) -> IO[bytes]:
    try:
        return read(path)
    except OSError as error:
        raise unreadable(name, error) from error
