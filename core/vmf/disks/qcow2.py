"""A bounded reader of qcow2 headers: everything by which such a file could lead QEMU elsewhere or astray.

Also what vmf writes there itself: the name of the file beneath, and overlays that hold nothing yet.

The layout is that of QEMU's docs/interop/qcow2.txt; all numbers are big-endian. The limits are QEMU's own.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import IO

from msgspec import Struct
from msgspec.structs import replace

from vmf.disks.reading import Unfit
from vmf.files.console import one_line
from vmf.files.sparse import extents
from vmf.model import DiskFormat

MAGIC = b"QFI\xfb"

_FLATTEN = "make one file of it: `qemu-img convert -O qcow2 OLD NEW`"
_CHECK = "`qemu-img check FILE` says more; get a good copy of the image"
_DECRYPT = "decrypt it with `qemu-img convert`"

_V2 = struct.Struct(">4sIQIIQIIQQIIQ")
_V3 = struct.Struct(">QQQII")
_EXTENSION = struct.Struct(">II")
_OFFSET = struct.Struct(">Q")
_COUNT = struct.Struct(">H")
_CLUSTER = 2**16
"""Bytes of a cluster of the overlays that are made here."""
_FAR = 2**64
"""The size of a file of which only the beginning is at hand."""
_ENTRY = 8
_ENTRY_EXTENDED = 16

_CORRUPT = 1 << 1
_EXTERNAL_DATA = 1 << 2
_EXTENDED_L2 = 1 << 4
_KNOWN = 0b11111  # dirty, corrupt, external data file, compression type, extended L2 entries
_CLUSTER_BITS = range(9, 22)
_BACKING = 8
_BACKING_FIELDS = struct.Struct(">QI")
"""Where in a header it is said, and how, where in the file the name of the one beneath is, and how long."""
_BACKING_NAME_MAX = 1023
_L1_MAX = 32 * 2**20
_REFCOUNTS_MAX = 8 * 2**20
_REFCOUNT_ORDER_MAX = 6
_SNAPSHOTS_MAX = 65536
_SIZE_MAX = 2**60
_BACKING_FORMAT = 0xE2792ACA
"""The extension of a header with the format of the file beneath."""
_EMPTY_MOST = 16
"""Blocks of counts that may count nothing before it is not worth looking on."""


class Header(Struct, frozen=True, kw_only=True):
    """The fields of a header; those that version 2 lacks have the values that it implies."""

    file_size: int
    version: int
    backing_offset: int
    backing_size: int
    cluster_bits: int
    size: int
    crypt_method: int
    l1_entries: int
    l1_offset: int
    refcount_offset: int
    refcount_clusters: int
    snapshots: int
    incompatible: int = 0
    refcount_order: int = 4
    length: int = _V2.size

    @property
    def cluster(self) -> int:
        """Bytes of a cluster."""
        return 1 << self.cluster_bits

    @property
    def extended(self) -> bool:
        """Whether an entry of its tables also tells of parts of a cluster."""
        return self.incompatible & _EXTENDED_L2 != 0

    @property
    def l1_needed(self) -> int:
        """Entries that the first table must have to reach the whole size."""
        entry = _ENTRY_EXTENDED if self.extended else _ENTRY
        return -(-self.size // (self.cluster * (self.cluster // entry)))

    def holds(self, offset: int, size: int) -> bool:
        """Whether a table begins with a cluster and lies within the file."""
        return offset > 0 and offset % self.cluster == 0 and offset + size <= self.file_size


# In this order: a row may count on those before it.
_UNFIT: tuple[tuple[Callable[[Header], bool], str, str], ...] = (
    (lambda h: h.version not in {2, 3}, "its version is neither 2 nor 3", _CHECK),
    (lambda h: h.cluster_bits not in _CLUSTER_BITS, "its clusters have an impossible size", _CHECK),
    (lambda h: h.incompatible & _EXTERNAL_DATA != 0, "its data is in another file", _FLATTEN),
    (lambda h: h.incompatible & ~_KNOWN != 0, "it has features that vmf does not know", _FLATTEN),
    (lambda h: h.incompatible & _CORRUPT != 0, "it is marked as corrupt", "mend it: `qemu-img check -r all FILE`"),
    (lambda h: h.crypt_method != 0, "it is encrypted", _DECRYPT),
    (lambda h: not 0 < h.size <= _SIZE_MAX, "its disk has an impossible size", _CHECK),
    (lambda h: not _V2.size <= h.length <= h.cluster, "its header has an impossible length", _CHECK),
    (lambda h: not h.l1_needed <= h.l1_entries <= _L1_MAX // _ENTRY, "its table has an impossible size", _CHECK),
    (lambda h: not h.holds(h.l1_offset, h.l1_entries * _ENTRY), "its table lies outside the file", _CHECK),
    (lambda h: not 0 < h.refcount_clusters <= _REFCOUNTS_MAX // h.cluster, "its counts have an odd size", _CHECK),
    (lambda h: not h.holds(h.refcount_offset, h.cluster), "its counts lie outside the file", _CHECK),
    (lambda h: h.refcount_order > _REFCOUNT_ORDER_MAX, "its counts have an impossible width", _CHECK),
    (lambda h: h.snapshots > _SNAPSHOTS_MAX, "it has an impossible number of snapshots", _CHECK),
)  # fmt: skip

_UNFIT_EXTENSIONS: Mapping[int, tuple[str, str]] = MappingProxyType({
    0x44415441: ("it names an external data file", _FLATTEN),
    0x0537BE77: ("it is encrypted", _DECRYPT),
})  # fmt: skip


def check(file: IO[bytes]) -> Header:
    """Check that a file is a qcow2 image that stands alone; reads at most one cluster of it (2 MiB); its header.

    Raises:
        Unfit: if it is not.
        OSError: if it cannot be read.
    """
    header = _read(file)
    if header.backing_offset:
        raise Unfit(f"it is an overlay over another file, {_backing_name(file, header)}", _FLATTEN)
    _check(file, header)
    return header


def disk_size(file: IO[bytes]) -> int:
    """The bytes of the disk in an image that has been checked, as a guest sees it; otherwise as `check`."""
    return _read(file).size


def check_overlay(file: IO[bytes]) -> Header:
    """Check that a file is a qcow2 image over one other file, whatever name it has for that; its header.

    Raises:
        Unfit: if it is not.
        OSError: if it cannot be read.
    """
    header = _read(file)
    _check(file, header)
    if not header.backing_offset:
        raise Unfit("it is no overlay: it stands alone", "use it as it is")
    return header


def backing_name(file: IO[bytes]) -> str:
    """What an overlay that has been checked calls the file beneath, as far as that can be shown."""
    return _backing_name(file, _read(file))


def name_backing(file: IO[bytes], name: str) -> None:
    """Have an overlay, which is open to read and write, call the file beneath by a name; nothing else of it changes.

    The name is written over the old one, and over nothing beyond that but zeros of the header's cluster.

    Raises:
        Unfit: if it is no overlay, or has no room for the name.
    """
    header, data = check_overlay(file), name.encode()
    start, end = header.backing_offset, header.backing_offset + header.backing_size
    file.seek(0)
    first = file.read(header.cluster)
    room = len(first) - len(first[end:].lstrip(b"\0")) - start
    if not header.length <= start <= end <= len(first) or len(data) > room:
        raise Unfit(f"its header has no room for the name {name}", _CHECK)
    _write(file, start, data.ljust(header.backing_size, b"\0"))
    _write(file, _BACKING, _BACKING_FIELDS.pack(start, len(data)))


def forget_backing(file: IO[bytes]) -> None:
    """Take the name of the file beneath out of the header of an overlay, which is open to write."""
    _write(file, _BACKING, bytes(_BACKING_FIELDS.size))


def relaid(first: bytes, name: str, layout: DiskFormat) -> bytes:
    """The first cluster of an overlay as it is to be over another file, with its format; `first` is as it was.

    All else that the header says stays; where its tables are is not looked at, for they are not there.

    Raises:
        Unfit: if it is no overlay, is not all there, or has no room for the name.
    """
    file = io.BytesIO(first)
    header = replace(_read(file), file_size=_FAR)
    _check(file, header)
    if not header.backing_offset or len(first) < header.cluster:
        raise Unfit("it is no overlay, or ends within its header", _CHECK)
    kept = [(kind, data) for kind, data in _extensions(file, header) if kind != _BACKING_FORMAT]
    return _laid(first[: header.length], kept, name, layout).ljust(header.cluster, b"\0")


def empty(size: int, name: str, layout: DiskFormat) -> bytes:
    """A new overlay for a disk of `size` bytes that holds nothing yet, over a file with that name and format.

    As short as QEMU makes them: header, table of counts with its one block, and the table of clusters, cut at its end.

    Raises:
        Unfit: if no overlay can have that size, or that name.
    """
    counts, block, first = (_CLUSTER * number for number in (1, 2, 3))
    entries = -(-size // (_CLUSTER * _CLUSTER // _ENTRY))
    bits = _CLUSTER.bit_length() - 1
    header = Header(
        file_size=first + entries * _ENTRY,
        version=3,
        backing_offset=0,
        backing_size=0,
        cluster_bits=bits,
        size=size,
        crypt_method=0,
        l1_entries=entries,
        l1_offset=first,
        refcount_offset=counts,
        refcount_clusters=1,
        snapshots=0,
        length=_V2.size + _V3.size,
    )
    _check_fields(header)
    start = _V2.pack(MAGIC, 3, 0, 0, bits, size, 0, entries, first, counts, 1, 0, 0)
    start += _V3.pack(0, 0, 0, header.refcount_order, header.length)
    used = first // _CLUSTER + -(-entries * _ENTRY // _CLUSTER)
    clusters = (_laid(start, [], name, layout), _OFFSET.pack(block), _COUNT.pack(1) * used)
    return b"".join(each.ljust(_CLUSTER, b"\0") for each in clusters) + bytes(entries * _ENTRY)


def trim(file: IO[bytes]) -> None:
    """Cut off the hole at the end of an overlay that was given its final size before it was written.

    `file` is open to read and write. One that is no overlay stays as it is.
    """
    size = os.fstat(file.fileno()).st_size
    try:
        used = _used(file, check_overlay(file))
    except Unfit:
        return
    data = max((each.end for each in extents(file.fileno(), 0, size) if not each.hole), default=0)
    if max(used, data) < size:
        file.truncate(max(used, data))


def _write(file: IO[bytes], at: int, data: bytes) -> None:
    file.seek(at)
    file.write(data)
    file.flush()


def _laid(start: bytes, extensions: Iterable[tuple[int, bytes]], name: str, layout: DiskFormat) -> bytes:
    """A header that begins with these fields, for an overlay over that file.

    Raises:
        Unfit: if its cluster has no room for the name.
    """
    data = name.encode()
    several = ((_BACKING_FORMAT, layout.encode()), *extensions, (0, b""))
    packed = (_EXTENSION.pack(kind, len(said)) + said.ljust(-(-len(said) // 8) * 8, b"\0") for kind, said in several)
    fields = bytearray(start + b"".join(packed))
    cluster = 1 << _V2.unpack_from(fields)[4]
    if not 0 < len(data) <= _BACKING_NAME_MAX or len(fields) + len(data) > cluster:
        raise Unfit(f"its header has no room for the name {name}", _CHECK)
    _BACKING_FIELDS.pack_into(fields, _BACKING, len(fields), len(data))
    return bytes(fields) + data


def _check(file: IO[bytes], header: Header) -> None:
    _check_fields(header)
    for kind, _ in _extensions(file, header):
        if kind in _UNFIT_EXTENSIONS:
            raise Unfit(*_UNFIT_EXTENSIONS[kind])


def _check_fields(header: Header) -> None:
    for unfit, reason, hint in _UNFIT:
        if unfit(header):
            raise Unfit(reason, hint)


def _read(file: IO[bytes]) -> Header:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(_V2.size + _V3.size)
    if not start.startswith(MAGIC):
        raise Unfit("it is no qcow2 image", "state the format that it has, such as `format: raw`")
    if len(start) < _V2.size + _V3.size:
        raise Unfit("it ends within its header", _CHECK)
    _, version, backing_offset, backing_size, *rest = _V2.unpack_from(start)
    cluster_bits, disk, crypt, l1_entries, l1_offset, refcounts, refcount_clusters, snapshots, _ = rest
    header = Header(
        file_size=size,
        version=version,
        backing_offset=backing_offset,
        backing_size=backing_size,
        cluster_bits=cluster_bits,
        size=disk,
        crypt_method=crypt,
        l1_entries=l1_entries,
        l1_offset=l1_offset,
        refcount_offset=refcounts,
        refcount_clusters=refcount_clusters,
        snapshots=snapshots,
    )
    return header if version == 2 else _version_3(header, start)  # noqa: PLR2004  # the format's own number


def _version_3(header: Header, start: bytes) -> Header:
    incompatible, _, _, order, length = _V3.unpack_from(start, _V2.size)
    return replace(header, incompatible=incompatible, refcount_order=order, length=length)


def _backing_name(file: IO[bytes], header: Header) -> str:
    file.seek(min(header.backing_offset, header.file_size))
    return one_line(file.read(min(header.backing_size, _BACKING_NAME_MAX))) or "without a name"


def _extensions(file: IO[bytes], header: Header) -> Iterator[tuple[int, bytes]]:
    """The kinds of the header's extensions, which lie in the first cluster, each with what it says.

    Raises:
        Unfit: if one of them leaves it.
    """
    file.seek(0)
    first = file.read(header.cluster)
    at = header.length
    while at + _EXTENSION.size <= len(first):
        kind, size = _EXTENSION.unpack_from(first, at)
        if not kind:
            return
        begin, at = at + _EXTENSION.size, at + _EXTENSION.size + size + -size % 8
        if at > len(first):
            raise Unfit("an extension of its header has no end", _CHECK)
        yield kind, first[begin : begin + size]


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
