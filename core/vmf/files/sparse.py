"""Files with holes: made, copied and summed without reading what is not there."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from typing import IO, NamedTuple

from vmf.hookspecs import Report
from vmf.model import Slice

PIECE = 2**22
"""Read, copied or summed between two calls of whoever waits."""
BLOCK = 512
"""The kernel's unit of what a file takes, in bytes."""
GRAIN = 2**16
"""The smallest hole that is made of zeros."""
STREAMED = 2**20
"""What is read at once of what is no plain file, which may be slow."""
_ZEROS = bytes(PIECE)
_PUNCH_HOLE = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE


class Extent(NamedTuple):
    """A stretch of a file, in bytes; a hole reads as zeros."""

    start: int
    end: int
    hole: bool


def descriptor(stream: IO[bytes]) -> int | None:
    """The plain file that a stream is, if it is one and nothing else: what unpacks or counts has to be read."""
    if isinstance(stream, io.FileIO | io.BufferedReader | io.BufferedRandom):
        try:
            number = stream.fileno()
        except OSError:
            return None
        if stat.S_ISREG(os.fstat(number).st_mode):
            return number
    return None


def extents(file: int, start: int, end: int) -> Iterator[Extent]:
    """All of a plain file between two of its bytes, in order; the file's own position stays."""
    here = start
    while here < end:
        data = min(_seek(file, here, os.SEEK_DATA, otherwise=end), end)
        hole = min(_seek(file, data, os.SEEK_HOLE, otherwise=end), end) if data < end else end
        for extent in (Extent(here, data, hole=True), Extent(data, hole, hole=False)):
            if extent.start < extent.end:
                yield extent
        here = hole


def sha256(file: IO[bytes], part: Slice | None = None, *, check: Report) -> str:
    """The SHA-256, in hexadecimal, of a file that can be sought, or of a part of it.

    `check` is told between pieces how many bytes are done, and of how many; what it raises breaks the work off.

    Raises:
        OSError: if it cannot be read, or ends sooner than it did at the beginning.
    """
    import hashlib  # noqa: PLC0415  # slow to import, and most commands sum nothing

    start, size = (part.offset, part.size) if part else (0, file.seek(0, os.SEEK_END))
    number = descriptor(file)
    whole = Extent(start, start + size, hole=False)
    found = hashlib.sha256()
    for extent in (whole,) if number is None else extents(number, *whole[:2]):
        file.seek(extent.start)
        for at in range(extent.start, extent.end, PIECE):
            check(at - start, size)
            length = min(PIECE, extent.end - at)
            found.update(memoryview(_ZEROS)[:length] if extent.hole else _read(file, length))
    return found.hexdigest()


def copy(stream: IO[bytes], target: IO[bytes], report: Report) -> None:
    """Copy a stream from its beginning into an empty file; holes stay holes, and zeros of no plain file become some.

    `report` is told between pieces how many bytes are done, and of how many, 0 if nobody knows; what it raises breaks
    the work off.
    """
    number = descriptor(stream)
    if number is None:
        _copy_read(stream, target, report)
        return
    size = os.fstat(number).st_size
    target.truncate(size)
    for extent in extents(number, 0, size):
        if not extent.hole:
            for start in range(extent.start, extent.end, PIECE):
                _copy_piece(stream, target, start, min(PIECE, extent.end - start))
                report(start, size)
    report(size, size)


def punch(file: int, start: int, end: int) -> None:
    """Give back the space between two bytes of a plain file that is open to write, where its file system can.

    It reads as zeros then. The file's length, and so every reader's offset, stays.
    """
    import ctypes  # noqa: PLC0415  # slow to import, and most commands punch nothing

    if start < end:
        fallocate = ctypes.CDLL(None).fallocate
        fallocate(file, _PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(end - start))


def _seek(file: int, at: int, whence: int, *, otherwise: int) -> int:
    before = os.lseek(file, 0, os.SEEK_CUR)
    try:
        return os.lseek(file, at, whence)
    except OSError:  # nothing but a hole is left
        return otherwise
    finally:
        os.lseek(file, before, os.SEEK_SET)


def _read(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise OSError(errno.ESTALE, "it became shorter while it was read")
    return data


def _copy_piece(stream: IO[bytes], target: IO[bytes], start: int, size: int) -> None:
    """Let the kernel copy, and share blocks where it can; the error of a disk is told by the one whose it is."""
    try:
        copied = os.copy_file_range(stream.fileno(), target.fileno(), size, start, start)
    except OSError:  # not between these file systems, or a disk failed: it does not say which
        copied = 0
    if copied < size:
        stream.seek(start + copied)
        target.seek(start + copied)
        target.write(stream.read(size - copied))


def _copy_read(stream: IO[bytes], target: IO[bytes], report: Report) -> None:
    done = 0
    while piece := stream.read(STREAMED):
        for start in range(0, len(piece), GRAIN):
            grain = piece[start : start + GRAIN]
            if not _ZEROS.startswith(grain):
                target.seek(done + start)
                target.write(grain)
        done += len(piece)
        report(done, 0)
    target.truncate(done)
