"""What overlays and the disk beneath them hold together, as one stream; nothing is copied for it.

Only tables of the overlays are read beside what is asked for, with one of them in memory for each. So a volume that its
guest is writing to can be looked at again and again; what is in it by then is what QEMU has written to its files.
The disk beneath is raw, or a qcow2 image as people download them, whose clusters may be compressed.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from vmf.disks import qcow2
from vmf.disks.qcow2 import Header
from vmf.disks.reading import Unfit
from vmf.errors import HostFault
from vmf.model import DiskFormat

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ENTRY = 8
OFFSET = 0x00FFFFFFFFFFFE00
"""The bits of a table's entry that say where in the file a cluster is; 0: nowhere."""
COMPRESSED = 1 << 62
ZEROS = 1
"""The bit of an entry that says that its cluster reads as zeros, wherever it is."""
_OTHER_COMPRESSION = 1 << 3
"""The bit of a header that says so."""
_SECTOR = 512
_WINDOW_BITS = 12
_CHECK = "`qemu-img check FILE` says more; get a good copy of the image"
_CONVERT = "convert it: `qemu-img convert -O qcow2 OLD NEW`"


class Layered(io.RawIOBase):
    """Reads a disk with overlays on it, the topmost last; closes their files with itself.

    Raises:
        Unfit: if one that is to be an overlay is none, or must not be used; or the disk cannot be read here.
        HostFault: when what is read of an overlay cannot be of QEMU's making.
    """

    def __init__(self, base: IO[bytes], overlays: Sequence[IO[bytes]], layout: DiskFormat = DiskFormat.RAW) -> None:
        super().__init__()
        if layout not in {DiskFormat.RAW, DiskFormat.QCOW2}:
            raise Unfit(f"it is a {layout}, of which vmf reads no more than the header", _CONVERT)
        self._base = base
        self._overlays = [_Overlay(file, qcow2.check_overlay(file)) for file in reversed(overlays)]
        self._size = base.seek(0, os.SEEK_END)
        if layout is DiskFormat.QCOW2:
            alone = _Alone(base, qcow2.check(base))
            self._overlays.append(alone)
            self._size = alone.size
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the disk; a place before its start is its start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read up to the end of a cluster at most; what no layer has is zeros."""
        view = memoryview(buffer).cast("B")
        left = (each.cluster - self._at % each.cluster for each in self._overlays)
        size = max(0, min(len(view), self._size - self._at, *left))
        data = self._read(size)
        view[: len(data)] = data
        view[len(data) : size] = bytes(size - len(data))
        self._at += size
        return size

    def close(self) -> None:
        """Close all of the files."""
        super().close()
        for file in (self._base, *(each.file for each in self._overlays)):
            file.close()

    def _read(self, size: int) -> bytes:
        for overlay in self._overlays:
            data = overlay.read(self._at, size)
            if data is not None:
                return data
        self._base.seek(self._at)
        return self._base.read(size)


class _Overlay:
    """One qcow2 file over another."""

    def __init__(self, file: IO[bytes], header: Header) -> None:
        if header.extended:
            raise Unfit("its tables are of another kind", _CONVERT)
        self.file = file
        self.size = header.size
        """Of the disk, in bytes."""
        self.cluster = header.cluster
        self._tables = self._entries(header.l1_offset, header.l1_entries * ENTRY)
        self._table: tuple[int, bytes] = (0, b"")
        """The one that was read last, and where it is."""

    def read(self, at: int, size: int) -> bytes | None:
        """What it has of a disk, within one cluster; None: what lies beneath counts."""
        entry = self._entry(at // self.cluster)
        if entry & COMPRESSED:
            return self._inflated(entry)[at % self.cluster :][:size]
        if entry & ZEROS:
            return b""
        if not entry & OFFSET:
            return None
        self.file.seek((entry & OFFSET) + at % self.cluster)
        return self.file.read(size)

    def _inflated(self, _entry: int) -> bytes:
        """A cluster that is compressed."""
        raise HostFault("an overlay of the machine has compressed parts, which QEMU never wrote there")

    def _entry(self, cluster: int) -> int:
        """What the tables say of a cluster of the disk; 0: nothing."""
        per_table = self.cluster // ENTRY
        table = _number(self._tables, cluster // per_table) & OFFSET
        if not table:
            return 0
        if self._table[0] != table:
            self._table = table, self._entries(table, self.cluster)
        return _number(self._table[1], cluster % per_table)

    def _entries(self, offset: int, size: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(size).ljust(size, b"\0")


class _Alone(_Overlay):
    """A qcow2 file beneath which there is nothing."""

    def __init__(self, file: IO[bytes], header: Header) -> None:
        if header.incompatible & _OTHER_COMPRESSION:
            raise Unfit("it is compressed otherwise than by deflate", _CONVERT)
        super().__init__(file, header)
        self._last: tuple[int, bytes] = (0, b"")
        """The compressed cluster that was read last, and its entry."""

    def read(self, at: int, size: int) -> bytes:
        """What it has, within one cluster; what it has not is zeros."""
        return super().read(at, size) or b""

    def _inflated(self, entry: int) -> bytes:
        if self._last[0] != entry:
            place = 62 - (self.cluster.bit_length() - 1 - 8)  # the bits below say where, those above how many sectors
            start, more = entry & ((1 << place) - 1), (entry & (COMPRESSED - 1)) >> place
            self.file.seek(start)
            packed = self.file.read((more + 1) * _SECTOR - start % _SECTOR)
            try:
                self._last = entry, zlib.decompressobj(-_WINDOW_BITS).decompress(packed, self.cluster)
            except zlib.error as error:
                raise Unfit(f"a part of it cannot be unpacked: {error}", _CHECK) from error
        return self._last[1]


def _number(table: bytes, entry: int) -> int:
    return int.from_bytes(table[entry * ENTRY : (entry + 1) * ENTRY], "big")
