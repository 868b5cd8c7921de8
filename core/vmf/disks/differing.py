"""What of a disk differs from what it was, as an overlay.

Nobody has to keep what was for it: a digest stands for each of its grains.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import IO

from vmf.disks import qcow2
from vmf.files.sparse import GRAIN
from vmf.hookspecs import Report
from vmf.model import DiskFormat

DIGEST = 32
"""Bytes that stand for a grain."""
_ZEROS = bytes(GRAIN)
_ENTRY = 8
_TABLE = GRAIN // _ENTRY
"""Clusters that one table tells of."""
_COUNT = 2
_COUNTED = GRAIN // _COUNT
"""Clusters that one block of counts tells of."""
_COPIED = 1 << 63
_READS_AS_ZEROS = 1


def digests(stream: IO[bytes], report: Report) -> bytes:
    """What stands for the grains of a disk, one after another.

    `report` is told how many bytes are done, and of how many; what it raises breaks the work off.
    """
    return b"".join(_digest(grain) for grain in _grains(stream, report))


def changed(stream: IO[bytes], before: bytes, after: bytearray, report: Report) -> Iterator[tuple[int, bytes]]:
    """The grains of a disk that are not what they were, each with its number.

    Args:
        stream: the disk, which can be sought.
        before: the digests of what was; a grain beyond their end was not there.
        after: receives those of what is.
        report: as for `digests`.
    """
    for number, grain in enumerate(_grains(stream, report)):
        digest = _digest(grain)
        after += digest
        if before[number * DIGEST : (number + 1) * DIGEST] != digest:
            yield number, grain


def write(target: IO[bytes], grains: Iterable[tuple[int, bytes]], *, size: int, name: str, layout: DiskFormat) -> None:
    """Write an overlay with these grains into an empty file.

    Args:
        target: open to read and write.
        grains: their numbers, none of them twice, with their bytes.
        size: bytes of the disk.
        name: what is beneath, as its header calls it.
        layout: the format of that.

    Raises:
        Unfit: if no overlay can have that size, or that name.
    """
    start = qcow2.empty(size, name, layout)
    end = _put(target, 0, start)
    header = qcow2.check_overlay(target)
    tables: dict[int, bytearray] = {}
    for number, grain in grains:
        table = tables.setdefault(number // _TABLE, bytearray(GRAIN))
        if _ZEROS.startswith(grain):
            _enter(table, number % _TABLE, _READS_AS_ZEROS)
        else:
            _enter(table, number % _TABLE, end | _COPIED)
            end = _put(target, end, grain)
    firsts = bytearray(header.l1_entries * _ENTRY)
    for number, table in tables.items():
        _enter(firsts, number, end | _COPIED)
        end = _put(target, end, table)
    _put(target, header.l1_offset, firsts)
    _count(target, header.refcount_offset, end // GRAIN)
    target.flush()


def _count(target: IO[bytes], table: int, used: int) -> None:
    """Count every cluster of the file once; the first block of counts is behind their table, the others at the end."""
    blocks = 1
    while blocks * _COUNTED < used + blocks - 1:
        blocks += 1
    total, places = used + blocks - 1, bytearray(GRAIN)
    for number, cluster in enumerate([table // GRAIN + 1, *range(used, total)]):
        counted = min(_COUNTED, total - number * _COUNTED)
        _put(target, cluster * GRAIN, (1).to_bytes(_COUNT, "big") * counted)
        _enter(places, number, cluster * GRAIN)
    _put(target, table, places)
    target.truncate(total * GRAIN)


def _put(target: IO[bytes], at: int, content: bytes | bytearray) -> int:
    """Write something to where a cluster begins; where the next one does."""
    target.seek(at)
    target.write(content)
    target.flush()
    return -(-(at + len(content)) // GRAIN) * GRAIN


def _enter(table: bytearray, number: int, value: int) -> None:
    table[number * _ENTRY : (number + 1) * _ENTRY] = value.to_bytes(_ENTRY, "big")


def _grains(stream: IO[bytes], report: Report) -> Iterator[bytes]:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    done = 0
    while grain := stream.read(GRAIN):
        yield grain
        done += len(grain)
        report(done, size)


def _digest(grain: bytes) -> bytes:
    return hashlib.blake2b(grain, digest_size=DIGEST).digest()
