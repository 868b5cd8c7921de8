"""Why a machine stands still whose disk could not be written: its own limit, or its host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.files.sparse import extents
from vmf.model import MachineState, Power
from vmf.units import format_size
from vmf_kvm.folder import Folder

NO_SPACE = 2
"""libvirt's `VIR_DOMAIN_DISK_ERROR_NO_SPACE`."""
NEAR = 8 * 2**20
"""More than a guest writes at once, in bytes: a write that does not fit may leave so much of its limit."""


class Disk(Struct, frozen=True, kw_only=True):
    """What a disk's topmost file is, and how big it may be."""

    file: Path
    limit: int | None


def disks(description: str) -> dict[str, Disk]:
    """The disks of a machine by their names, of libvirt's description of it."""
    return {
        target.get("dev", ""): Disk(
            file=Path(source.get("file", "")),
            limit=None if (size := source.find("slices/slice")) is None else int(size.get("size", "0")),
        )
        for each in ET.fromstring(description).iterfind("devices/disk")  # noqa: S314  # libvirt's own
        if (target := each.find("target")) is not None and (source := each.find("source")) is not None
    }


def paused(errors: Mapping[str, int], description: str, folder: Folder) -> MachineState:
    """The state of a machine in which disks have failed; `errors` are libvirt's numbers, by the disks' names."""
    found = disks(description)
    full = [name for name, error in errors.items() if error == NO_SPACE]
    for disk in (found[name] for name in full if name in found):
        if disk.limit is not None and _is_spent(disk.file, disk.limit, folder):
            limit = f"{disk.file.name} has taken the {format_size(disk.limit)} that it may"
            return MachineState(power=Power.PAUSED, detail=limit, limit=limit)
    what = "its host is out of space" if full else "its host cannot read or write"
    several = ", ".join(str(found[name].file) if name in found else name for name in full or errors)
    return MachineState(power=Power.PAUSED, detail=f"{what}: {several}")


def _is_spent(file: Path, limit: int, folder: Folder) -> bool:
    """Whether it is the limit that leaves no room, not the host: what the host lacks may come."""
    try:
        host = os.statvfs(folder.path)
        with folder.open(file.name) as overlay:
            end = max((each.end for each in extents(overlay.fileno(), 0, limit) if not each.hole), default=0)
    except FileNotFoundError:  # the machine has been destroyed meanwhile
        return False
    return limit - end < NEAR <= host.f_bavail * host.f_frsize
