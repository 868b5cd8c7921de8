"""Why a machine stands still whose disk could not be written: its own limit, or its host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vmf.files.sparse import extents
from vmf.model import MachineState, Power
from vmf.units import format_size
from vmf_kvm.folder import Folder
from vmf_libvirt.described import disks

NO_SPACE = 2
"""libvirt's `VIR_DOMAIN_DISK_ERROR_NO_SPACE`."""
NEAR = 8 * 2**20
"""More than a guest writes at once, in bytes: a write that does not fit may leave so much of its limit."""


def paused(errors: Mapping[str, int], description: str, folder: Folder) -> MachineState:
    """The state of a machine in which disks have failed; `errors` are libvirt's numbers, by the disks' names."""
    found = {disk.name: disk.layers[0] for disk in disks(description) if disk.layers}
    served = {disk.name for disk in disks(description) if any(layer.served for layer in disk.layers)}
    full = [name for name, error in errors.items() if error == NO_SPACE]
    for top in (found[name] for name in full if name in found):
        if top.part is not None and _is_spent(Path(top.file), top.part.size, folder):
            limit = f"{Path(top.file).name} has taken the {format_size(top.part.size)} that it may"
            return MachineState(power=Power.PAUSED, detail=limit, limit=limit)
    if not full and all(name in served for name in errors):
        return MachineState(power=Power.PAUSED, detail="what its disk is made of cannot be had now", starved=True)
    what = "its host is out of space" if full else "its host cannot read or write"
    several = ", ".join(found[name].file if name in found else name for name in full or errors)
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
