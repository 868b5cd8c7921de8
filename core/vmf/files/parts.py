"""What is being made beside its place: locked while somebody makes it, which tells it from what a killed process left.

The kernel frees the lock when its holder ends, however it ends. So a part that nobody holds is removed by the next one
who comes to make it, and one that is held is left alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

_FOUND = os.O_NOFOLLOW | os.O_CLOEXEC


class Kind(Struct, frozen=True, kw_only=True):
    """What a part is: a file or a folder."""

    make: Callable[[Path], None]
    """Raises `FileExistsError` if anything has the name."""
    opening: int
    is_one: Callable[[int], bool]
    remove: Callable[[Path], None]


def _make_file(part: Path) -> None:
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FOUND, mode=0o600))


FILE = Kind(make=_make_file, opening=os.O_RDWR | os.O_NONBLOCK | _FOUND, is_one=stat.S_ISREG, remove=os.unlink)
"""The owner's alone."""
FOLDER = Kind(make=os.mkdir, opening=os.O_RDONLY | os.O_DIRECTORY | _FOUND, is_one=stat.S_ISDIR, remove=shutil.rmtree)


def beside(path: Path) -> Path:
    """The name that a part of `path` has: always the same, so that killed processes leave no more than one."""
    return path.with_name(f".{path.name}.vmf.part")


def hold(part: Path, kind: Kind) -> int:
    """Make a new part and lock it; its descriptor, which holds the lock until it is closed.

    Raises:
        BlockingIOError: if another process is making it.
        FileExistsError: if what has the name is none.
        OSError: if it cannot be made.
    """
    while True:
        made = _made(part, kind)
        try:
            descriptor = os.open(part, kind.opening)
        except FileNotFoundError:  # whoever made it has just finished
            continue
        try:
            if _is_held(descriptor, part, kind):
                if made:
                    return descriptor
                kind.remove(part)
        except BaseException as error:
            os.close(descriptor)
            if made and not isinstance(error, BlockingIOError):  # nobody else could lock it either
                kind.remove(part)
            raise
        os.close(descriptor)


def _made(part: Path, kind: Kind) -> bool:
    try:
        kind.make(part)
    except FileExistsError:
        return False
    return True


def _is_held(descriptor: int, part: Path, kind: Kind) -> bool:
    """Lock it; whether it still has its name, and so is ours to write or to remove.

    One that was just made may be locked by somebody who took it for a killed one's: then he is the one who makes it.
    """
    found = os.fstat(descriptor)
    if not kind.is_one(found.st_mode):
        raise FileExistsError(errno.EEXIST, "something else has the name of what is to be made", str(part))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(errno.EAGAIN, "another process is making it", str(part)) from None
    try:
        return os.path.samestat(found, part.lstat())
    except FileNotFoundError:
        return False
