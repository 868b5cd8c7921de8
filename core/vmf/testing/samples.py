"""Disks to try a hypervisor with, made and read without its tools."""

from __future__ import annotations

import struct
from typing import IO

SECTOR = 512
GRAIN = 128
"""Sectors that a vmdk has room for at a time."""
GRAINS = 512
"""As many as one table of it has."""
DESCRIPTOR = """\
# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="monolithicSparse"
RW {sectors} SPARSE "disk.vmdk"
ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "2"
ddb.geometry.heads = "16"
ddb.geometry.sectors = "63"
ddb.adapterType = "ide"
"""
QCOW2 = b"QFI\xfb"
CLUSTER = 2**16
"""Bytes of what a qcow2 of ours has room for at a time."""
BACKING = b"below"
COPIED = 1 << 63
"""Set in a table's entry: nobody else has what it stands for."""
OFFSET = 0x00FF_FFFF_FFFF_FE00
"""The bits of a table's entry that say where in the file what it stands for is."""


def vmdk(start: bytes, size: int) -> bytes:
    """A sparse vmdk of `size` bytes that begins with `start`, of at most 64 KiB; all else is zeros.

    As VMware's Virtual Disk Format 1.1 has it: header, descriptor, the directory with its one table, one grain.
    """
    descriptor, directory, table, first = 1, 21, 22, GRAIN
    sectors = size // SECTOR
    words = (1, 1, sectors, GRAIN, descriptor, directory - descriptor, GRAINS, 0, directory, first)
    header = struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", *words, 0, b"\n \r\n", 0)
    parts = {
        0: header,
        descriptor: DESCRIPTOR.format(sectors=sectors).encode(),
        directory: struct.pack("<I", table),
        table: struct.pack("<I", first),
        first: start.ljust(GRAIN * SECTOR, b"\0"),
    }
    whole = b""
    for sector, part in parts.items():
        whole = whole.ljust(sector * SECTOR, b"\0") + part
    return whole


def qcow2(content: bytes) -> bytes:
    """A qcow2 with this content, of at most 512 MiB, that needs no other file; what is zeros takes no room.

    As QEMU's docs/interop/qcow2.txt has it: header, table of counts with its one block, both tables of clusters, data.
    """
    pieces = [content[at : at + CLUSTER] for at in range(0, len(content), CLUSTER)]
    held = {number: piece for number, piece in enumerate(pieces) if piece.count(0) < len(piece)}
    counts, block, first, second, data = (CLUSTER * number for number in range(1, 6))
    entries = [0] * len(pieces)
    for place, number in enumerate(held):
        entries[number] = COPIED | data + place * CLUSTER
    size = len(content) + -len(content) % SECTOR
    fields = (2, 0, 0, CLUSTER.bit_length() - 1, size, 0, 1, first, counts, 1, 0, 0)
    tables = (
        struct.pack(">4sIQIIQIIQQIIQ", QCOW2, *fields),
        struct.pack(">Q", block),
        struct.pack(">H", 1) * (5 + len(held)),
        struct.pack(">Q", COPIED | second),
        struct.pack(f">{len(entries)}Q", *entries),
    )
    return b"".join(each.ljust(CLUSTER, b"\0") for each in (*tables, *held.values()))


def overlay(content: bytes) -> bytes:
    """A qcow2 over another file, as far as its header: what follows its tables is no disk, but this content."""
    name, first, counts = SECTOR // 2, SECTOR, 2 * SECTOR
    fields = (2, name, len(BACKING), SECTOR.bit_length() - 1, SECTOR, 0, 1, first, counts, 1, 0, 0)
    header = struct.pack(">4sIQIIQIIQQIIQ", QCOW2, *fields).ljust(name, b"\0") + BACKING
    return header.ljust(3 * SECTOR, b"\0") + content


def overlaid(layer: bytes) -> bytes:
    """The content that was made an overlay of."""
    assert layer.startswith(QCOW2), "it is no overlay"  # noqa: S101  # it is part of a test
    return layer[3 * SECTOR :]


def beginning(stream: IO[bytes], length: int) -> bytes:
    """The first bytes of the disk in a qcow2, which needs no other file and is not compressed there."""
    whole = stream.read()
    magic, _, backing = struct.unpack_from(">4sIQ", whole)
    assert (magic, backing) == (QCOW2, 0), "it is no qcow2 that stands alone"  # noqa: S101  # it is part of a test
    (first_table,) = struct.unpack_from(">Q", whole, 40)
    offset = first_table
    for _ in ("table of clusters", "cluster"):
        (entry,) = struct.unpack_from(">Q", whole, offset)
        offset = entry & OFFSET
    return whole[offset : offset + length]
