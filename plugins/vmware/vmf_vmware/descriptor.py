"""Descriptors of virtual disks: the texts that VMware opens disks by, each of which names files with its data. Pure.

vmf's own disks are flat: one file beside the descriptor has all of the disk's bytes. Of a descriptor that somebody
brings along, no name is believed that leads out of its folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

START = b"# Disk DescriptorFile"
MOST = 64 * 1024
"""Bytes of a descriptor that are looked at."""
SECTOR = 512
FLAT = "-flat.vmdk"
"""How the name of a flat disk's data ends."""
ORPHAN = "ffffffff"
"""The content's id of the parent that a disk does not have."""
CONTENT = "fffffffe"
"""The content's id of a disk that nobody has written to yet."""
_HEADS, _SECTORS, _CYLINDERS_MOST = 255, 63, 65535
_EXTENT = re.compile(r'(?:RW|RDONLY|NOACCESS)\s+(\d+)\s+([A-Z0-9]+)(?:\s+"([^"]*)"(?:\s+(\d+))?)?\s*')
_PLAIN = re.compile(r"(?!\.{1,2}$)[^/\\\[\]\x00-\x1f\x7f\"]{1,255}")
_FLATS = frozenset({"VMFS", "FLAT"})


class Unfit(Exception):
    """A text that is no descriptor, or one that vmf does not use; the exception's own says why."""


class Extent(Struct, frozen=True, kw_only=True):
    """A stretch of a disk."""

    sectors: int
    kind: str
    """FLAT, VMFS, SPARSE, VMFSSPARSE, …"""
    file: str
    """Beside the descriptor."""
    offset: int = 0
    """Sectors of the file before it."""


class Descriptor(Struct, frozen=True, kw_only=True):
    """What a descriptor says."""

    type: str
    extents: tuple[Extent, ...]
    parent: str = ""
    """The file of the disk that it is a change of, wherever that is; empty: it stands alone."""
    database: Mapping[str, str] = {}

    @property
    def size(self) -> int:
        """Bytes of the disk."""
        return SECTOR * sum(each.sectors for each in self.extents)

    @property
    def flat(self) -> str | None:
        """The one file with all of its bytes; None: it has none."""
        several = [each.file for each in self.extents]
        is_flat = len(several) == 1 and self.extents[0].kind in _FLATS and not self.parent
        return several[0] if is_flat and not self.extents[0].offset else None


def is_plain(name: str) -> bool:
    """Whether a name leads to nothing but a file of the folder that it is said in."""
    return _PLAIN.fullmatch(name) is not None


def flat(stem: str, size: int, *, adapter: str = "lsilogic") -> bytes:
    """The descriptor of a disk of `size` bytes, a multiple of 512, whose data are in the file `STEM-flat.vmdk`.

    `adapter` is what it is attached to: lsilogic, also for paravirtual SCSI, or ide.
    """
    sectors = size // SECTOR
    cylinders = min(max(sectors // (_HEADS * _SECTORS), 1), _CYLINDERS_MOST)
    return (
        f"{START.decode()}\n"
        "version=1\n"
        f"CID={CONTENT}\n"
        f"parentCID={ORPHAN}\n"
        'createType="vmfs"\n'
        f'RW {sectors} VMFS "{stem}{FLAT}"\n'
        f'ddb.adapterType = "{adapter}"\n'
        f'ddb.geometry.cylinders = "{cylinders}"\n'
        f'ddb.geometry.heads = "{_HEADS}"\n'
        f'ddb.geometry.sectors = "{_SECTORS}"\n'
        'ddb.virtualHWVersion = "13"\n'
    ).encode()


def read(text: bytes) -> Descriptor:
    """What a descriptor says.

    Raises:
        Unfit: if it is none, or names a file that is not beside it.
    """
    if not text.startswith(START) or len(text) > MOST:
        raise Unfit("it is no descriptor of a disk")
    said: dict[str, str] = {}
    extents = []
    for line in text.decode(errors="replace").split("\0")[0].splitlines():
        if found := _EXTENT.fullmatch(line.strip()):
            sectors, kind, file, offset = found.groups()
            extents.append(Extent(sectors=int(sectors), kind=kind, file=file or "", offset=int(offset or 0)))
        elif not line.startswith("#") and "=" in line:
            key, _, value = line.partition("=")
            said[key.strip().lower()] = value.strip().strip('"')
    parent = said.get("parentfilenamehint", "")
    for each in extents:
        if not is_plain(each.file):
            raise Unfit(f"it names a file that is not beside it: {each.file!r}")
    if not extents:
        raise Unfit("it names no file with the disk's data")
    if not parent and said.get("parentcid", ORPHAN).lower() != ORPHAN:
        raise Unfit("it is a change of a disk that it does not name")
    database = {key.removeprefix("ddb."): value for key, value in said.items() if key.startswith("ddb.")}
    return Descriptor(type=said.get("createtype", ""), extents=tuple(extents), parent=parent, database=database)
