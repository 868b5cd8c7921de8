"""A bounded reader of VMDK headers: everything by which such a file could lead QEMU elsewhere or astray.

Only a sparse file that stands alone is taken (`monolithicSparse`, `streamOptimized`). The layout is that of VMware's
"Virtual Disk Format 5.0"; all numbers are little-endian. What is looked at where is as in QEMU's block/vmdk.c, which
does not always believe the header: it looks for a parent's name in the 20 sectors behind the header, wherever the
descriptor is said to be, and follows the descriptor's extents if the disk's size is 0.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import IO

from msgspec import Struct

from vmf.disks.reading import Unfit
from vmf.files.console import one_line

MAGIC = b"KDMV"
ESX_MAGIC = b"COWD"
DESCRIPTOR = b"# Disk DescriptorFile"

_SECTOR = 512
_FLATTEN = "make one file of it: `qemu-img convert -O qcow2 OLD NEW`, and state `format: qcow2`"
_PIECE = "it is a piece of a disk of several files"
_BROKEN = "`qemu-img check FILE` says more; get a good copy of the image"

_FIELDS = (
    ("magic", "4s"), ("version", "I"), ("flags", "I"), ("size", "Q"), ("grain", "Q"), ("descriptor", "Q"),
    ("descriptor_size", "Q"), ("entries", "I"), ("spare_tables", "Q"), ("tables", "Q"), ("data", "Q"),
    ("unclean", "B"), ("newlines", "4s"), ("compression", "H"),
)  # fmt: skip
_HEADER = struct.Struct("<" + "".join(form for _, form in _FIELDS))
_MARKER = struct.Struct("<QII")
_FOOTER = (0, 3)
"""Size and type of its marker; the field before them counts sectors."""
_END = (0, 0, 0)
_AT_END = 2**64 - 1
_ENTRY = 4
_NEWLINES = b"\n \r\n"
_CHECKS_NEWLINES = 1 << 0
_HAS_SPARE = 1 << 1
_KNOWN = _CHECKS_NEWLINES | _HAS_SPARE | 1 << 2 | 1 << 16 | 1 << 17  # zeroed grains, compression, markers
_VERSIONS = range(1, 4)
_COMPRESSIONS = range(2)
_GRAIN_MAX = 4096
_TABLE_ENTRIES = range(1, 513)
_TABLES_MAX = 8 * 2**20
_SIZE_MAX = 2**51
"""In sectors."""

_DESCRIPTOR_SECTORS = range(1, 129)
_QEMU_LOOKS_AT = 20
"""Sectors behind the header, whatever the header says."""
_TYPES = frozenset({b"monolithicSparse", b"streamOptimized"})
_KEYS = frozenset({b"version", b"encoding", b"cid", b"parentcid", b"isnativesnapshot", b"createtype"})
_DATABASE = b"ddb."
_LEADING = (b"hint", b"path", b"uri", b"sidecar", b"filter", b"file")
"""A key with one of these in it names other files."""
_NO_PARENT = b"ffffffff"
_ACCESS = frozenset({b"RW", b"RDONLY", b"NOACCESS"})


class Header(Struct, frozen=True, kw_only=True):
    """The fields of a header, or of the footer that takes its place; places and sizes in sectors."""

    file_size: int
    """In bytes."""
    magic: bytes
    version: int
    flags: int
    size: int
    grain: int
    descriptor: int
    descriptor_size: int
    entries: int
    """Of each of the tables that the table of tables leads to."""
    spare_tables: int
    tables: int
    """`_AT_END`: a footer knows."""
    data: int
    unclean: int
    newlines: bytes
    compression: int

    @property
    def table_count(self) -> int:
        """How many tables the whole size needs."""
        return -(-self.size // (self.entries * self.grain))

    def holds(self, place: int) -> bool:
        """Whether a table of tables lies within the file."""
        return place > 0 and place * _SECTOR + self.table_count * _ENTRY <= self.file_size


# In this order: a row may count on those before it.
_UNFIT: tuple[tuple[Callable[[Header], bool], str, str], ...] = (
    (lambda h: h.version not in _VERSIONS, "its version is not 1, 2 or 3", _FLATTEN),
    (lambda h: h.flags & ~_KNOWN != 0, "it has features that vmf does not know", _FLATTEN),
    (lambda h: h.size == 0, "its disk has no size, and its data would be looked for in other files", _FLATTEN),
    (lambda h: h.size > _SIZE_MAX, "its disk has an impossible size", _BROKEN),
    (lambda h: not 0 < h.grain <= _GRAIN_MAX or h.grain.bit_count() != 1, "its grains have an odd size", _BROKEN),
    (lambda h: h.entries not in _TABLE_ENTRIES, "its tables have an impossible size", _BROKEN),
    (lambda h: h.table_count > _TABLES_MAX, "it has an impossible number of tables", _BROKEN),
    (lambda h: h.tables != _AT_END and not h.holds(h.tables), "its tables lie outside the file", _BROKEN),
    (lambda h: h.flags & _HAS_SPARE != 0 and not h.holds(h.spare_tables), "its tables lie outside the file", _BROKEN),
    (lambda h: h.data * _SECTOR > h.file_size, "its data lies outside the file", _BROKEN),
    (lambda h: h.compression not in _COMPRESSIONS, "it is compressed in a way that vmf does not know", _FLATTEN),
    (lambda h: h.flags & _CHECKS_NEWLINES != 0 and h.newlines != _NEWLINES, "it was once copied as text", _BROKEN),
)  # fmt: skip


def check(file: IO[bytes]) -> None:
    """Check that a file is a sparse VMDK that stands alone; reads at most 70 KiB of it.

    Raises:
        Unfit: if it is not.
        OSError: if it cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(_SECTOR)
    if start.startswith(ESX_MAGIC):
        raise Unfit("it is a piece of an ESX host's disk (COWD)", _FLATTEN)
    if start.startswith(DESCRIPTOR):
        raise Unfit("it is a descriptor only, and its data is in other files", _FLATTEN)
    front = _header(start, size)
    _judge(front)
    _check_descriptor(file, front)
    if front.tables == _AT_END:
        _judge(footer := _footer(file, size))
        if footer.tables == _AT_END:
            raise Unfit("its footer leads to itself", _BROKEN)


def disk_size(file: IO[bytes]) -> int:
    """The bytes of the disk in an image that has been checked, as a guest sees it; otherwise as `check`."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return _header(file.read(_SECTOR), size).size * _SECTOR


def _judge(header: Header) -> None:
    for unfit, reason, hint in _UNFIT:
        if unfit(header):
            raise Unfit(reason, hint)


def _header(sector: bytes, file_size: int) -> Header:
    if not sector.startswith(MAGIC):
        raise Unfit("it is no VMDK image", "state the format that it has, such as `format: raw`")
    if len(sector) < _SECTOR:
        raise Unfit("it ends within its header", _BROKEN)
    values = zip((name for name, _ in _FIELDS), _HEADER.unpack_from(sector), strict=True)
    return Header(file_size=file_size, **dict(values))


def _footer(file: IO[bytes], size: int) -> Header:
    """The header at the end of a file that was written as a stream: a marker, the footer, the end's marker."""
    if size % _SECTOR or size < 4 * _SECTOR:
        raise Unfit("its end is cut off", _BROKEN)
    file.seek(size - 3 * _SECTOR)
    marker, sector, end = (file.read(_SECTOR) for _ in range(3))
    if len(end) < _SECTOR or _MARKER.unpack_from(marker)[1:] != _FOOTER or _MARKER.unpack_from(end) != _END:
        raise Unfit("its end is cut off", _BROKEN)
    return _header(sector, size)


def _check_descriptor(file: IO[bytes], front: Header) -> None:
    if not front.descriptor:
        raise Unfit(_PIECE, _FLATTEN)
    if front.descriptor != 1 or front.descriptor_size not in _DESCRIPTOR_SECTORS:
        raise Unfit("its descriptor has an odd place or size", _FLATTEN)
    file.seek(_SECTOR)
    seen = file.read(max(_QEMU_LOOKS_AT, front.descriptor_size) * _SECTOR)
    if b"parentfilenamehint" in seen.lower():
        raise Unfit("it names a parent, a file that it is a change of", _FLATTEN)
    text = seen[: front.descriptor_size * _SECTOR].split(b"\0")[0]
    if not text.startswith(DESCRIPTOR):
        raise Unfit("its descriptor is none" if text else _PIECE, _FLATTEN)
    _check_lines(text)


def _check_lines(text: bytes) -> None:
    said: dict[bytes, bytes] = {}
    extents = []
    for line in _lines(text):
        access, *extent = line.split(None, 3)
        if access in _ACCESS:
            extents.append(extent)
            continue
        key, _, value = line.partition(b"=")
        key = key.strip().lower()
        known = key in _KEYS or key.startswith(_DATABASE)
        if not known or key in said or any(each in key for each in _LEADING):
            raise Unfit(f"its descriptor has a line that may lead to other files: {one_line(line)}", _FLATTEN)
        said[key] = value.strip().strip(b'"')
    if (type_ := said.get(b"createtype", b"")) not in _TYPES:
        raise Unfit(f"it is of type {one_line(type_) or 'none'}, not a sparse file that stands alone", _FLATTEN)
    if said.get(b"parentcid", b"").lower() != _NO_PARENT:
        raise Unfit("it is a change of another disk, its parent", _FLATTEN)
    _check_extents(extents)


def _check_extents(extents: list[list[bytes]]) -> None:
    if len(extents) != 1:
        raise Unfit(f"its descriptor has {len(extents)} extents, not one", _FLATTEN)
    _, kind, name, *_ = *extents[0], b"", b"", b""
    if kind != b"SPARSE":
        raise Unfit(f"its extent is of type {one_line(kind) or 'none'}, not SPARSE", _FLATTEN)
    if b"/" in name or b"\\" in name:
        raise Unfit(f"its extent is a file elsewhere: {one_line(name)}", _FLATTEN)


def _lines(text: bytes) -> Iterator[bytes]:
    """The lines that say something."""
    for line in text.splitlines():
        if (stripped := line.strip()) and not stripped.startswith(b"#"):
            yield stripped
