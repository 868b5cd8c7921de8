"""Files that are whole or not there: written beside, synced, renamed."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vmf.files import parts

_NAMES_ONLY = frozenset({errno.EOPNOTSUPP, errno.EISDIR})
"""What file systems say that have no files without names."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a new file beside `path` that takes its place once the block has ended well, and is on the disk before.

    The file can be read and written, by its owner only. If the block raises, `path` stays as it was.

    Raises:
        BlockingIOError: if another process is about to replace `path`.
        OSError: if there is no room, or the folder cannot be written.
    """
    with appearing(path) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """The same for what is on its way only, and is made again after a loss of power: nobody waits for the disk."""
    part = parts.beside(path)
    with os.fdopen(parts.hold(part, parts.FILE), "w+b") as file:
        try:
            yield file
            file.flush()
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def filling(path: Path) -> Iterator[Path]:
    """A new empty folder beside `path`, the owner's alone, out of which something is moved to `path`; the rest goes.

    Raises:
        BlockingIOError: if another process is filling it.
        OSError: if it cannot be made.
    """
    part = parts.beside(path)
    held = parts.hold(part, parts.FOLDER)
    try:
        os.fchmod(held, stat.S_IRWXU)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(held)


@contextmanager
def creating(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that is called `path` once the block has ended well, and is on the disk before.

    It has no name until then, so that a killed process leaves nothing; but where the file system wants one, as NFS
    does, it has that of `replacing`. The file can be read and written, by its owner only.

    Raises:
        FileExistsError: if something has come to have that name meanwhile.
        OSError: if there is no room, or the folder cannot be written.
    """
    try:
        number = os.open(path.parent, os.O_TMPFILE | os.O_RDWR, mode=0o600)
    except OSError as error:
        if error.errno not in _NAMES_ONLY:
            raise
        with replacing(path) as file:
            yield file
        return
    with os.fdopen(number, "w+b") as file:
        yield file
        file.flush()
        os.fsync(number)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:  # only with a folder's number does Python let the link be followed
            os.link(f"/proc/self/fd/{number}", path.name, dst_dir_fd=folder)
            os.fsync(folder)
        finally:
            os.close(folder)


def rewrite(path: Path, content: bytes) -> None:
    """Give a file another content; it keeps its permissions, and its name leads to either all of it or the old one.

    Raises:
        OSError: naming the file, if it cannot be written.
    """
    with naming(path), replacing(path) as file:
        os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
        file.write(content)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the system say where it happened, as those of writing do not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    _sync(path, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Wait until what somebody else has written to a file is on the disk."""
    _sync(path, os.O_NOFOLLOW)


def _sync(path: Path, flag: int) -> None:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flag)
    try:
        os.fsync(number)
    finally:
        os.close(number)
