"""Overlays: what a guest writes to in place of a disk, which stays as it is."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf.files.access import open_disk
from vmf.model import DiskFormat, Slice
from vmf_kvm.account import Account
from vmf_kvm.faults import unopened

SECTOR = 512
"""Bytes of which disks are made; QEMU knows no part of one."""


class Overlay(Struct, frozen=True, kw_only=True):
    """A qcow2 file over a disk."""

    file: str
    base: str
    format: DiskFormat
    part: Slice | None = None
    """The stretch of the base's file that is the disk; None: all of it."""
    room: int | None = None
    """Bytes that the file may take; None: no limit."""

    def start(self, account: Account, program: str) -> subprocess.Popen[bytes]:
        """Begin to create it as the user who will write it; what was there is lost. The base is not opened by QEMU.

        Raises:
            JobFault: if the base is not what the machine says.
            HostFault: if it cannot be read.
        """
        size = -(-disk_size(Path(self.base), self.format, self.part) // SECTOR) * SECTOR
        return subprocess.Popen(
            (program, "create", "-q", "-u", "-f", "qcow2", "-F", self.format, "-b", self.base, self.file, str(size)),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **account.process(),
        )  # fmt: skip


def disk_size(path: Path, layout: DiskFormat, part: Slice | None) -> int:
    """The bytes of a disk that has been inspected, as the guest sees it.

    Raises:
        JobFault: if the file is not what it is said to be, or may not be read.
        HostFault: if it cannot be read although it is.
    """
    try:
        with open_disk(path) as file:
            end = file.seek(0, os.SEEK_END)
            stretch = part or Slice(offset=0, size=max(end, 1))
            file.seek(stretch.offset)
            start = file.read(SECTOR)
    except OSError as error:
        raise unopened(path, error) from error
    if layout is DiskFormat.RAW:
        return stretch.size if part else end
    magic, field, unit = _SIZES[layout]
    if not start.startswith(magic) or len(start) < SECTOR:
        hint = "state the format that it has"
        raise JobFault(f"{path}: it is not in {layout} format", code=HoldCode.IMAGE_INVALID, hint=hint)
    (size,) = field.unpack_from(start)
    return int(size) * unit


_SIZES: Mapping[DiskFormat, tuple[bytes, struct.Struct, int]] = MappingProxyType({
    DiskFormat.QCOW2: (b"QFI\xfb", struct.Struct(">24xQ"), 1),
    DiskFormat.VMDK: (b"KDMV", struct.Struct("<12xQ"), SECTOR),
})  # fmt: skip
"""How a file of a format begins, where its header has the disk's size, and in how many bytes that counts."""
