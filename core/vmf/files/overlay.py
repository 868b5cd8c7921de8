"""Overlays: what a guest changed of a disk, as a qcow2 file over the disk's own."""

from __future__ import annotations

import os
import struct
from typing import IO

from vmf.files import qcow2
from vmf.files.qcow2 import Header
from vmf.files.sparse import extents
from vmf.files.unfit import Unfit

_OFFSET = struct.Struct(">Q")
_EMPTY_MOST = 16
"""Blocks of counts that may count nothing before it is not worth looking on."""


def trim(file: IO[bytes]) -> None:
    """Cut off the hole at the end of an overlay that was given its final size before it was written.

    `file` is open to read and write. One that is no overlay stays as it is.
    """
    size = os.fstat(file.fileno()).st_size
    try:
        used = _used(file, qcow2.check_overlay(file))
    except Unfit:
        return
    data = max((each.end for each in extents(file.fileno(), 0, size) if not each.hole), default=0)
    if max(used, data) < size:
        file.truncate(max(used, data))


def _used(file: IO[bytes], header: Header) -> int:
    """Where the last cluster ends that an image counts as used; the file's size, if that is not soon found.

    A cluster of zeros at the end may be a hole of the file and yet be one that the tables name: QEMU takes a file that
    ends before it for corrupt.
    """
    file.seek(header.refcount_offset)
    table = file.read(header.refcount_clusters * header.cluster)
    blocks = [offset for (offset,) in _OFFSET.iter_unpack(table[: len(table) & -_OFFSET.size])]
    while blocks and not blocks[-1]:
        blocks.pop()
    for number in range(len(blocks) - 1, max(len(blocks) - 1 - _EMPTY_MOST, -1), -1):
        file.seek(min(blocks[number], header.file_size))
        counts = file.read(header.cluster).rstrip(b"\0")
        if blocks[number] and counts:
            before = number * (header.cluster * 8 >> header.refcount_order)
            within = -(-len(counts) * 8 >> header.refcount_order)
            return (before + within) * header.cluster
    return header.file_size
