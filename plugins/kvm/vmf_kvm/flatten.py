"""A disk with all that is in it: an overlay and what lies on it made one file, as the user who runs QEMU.

What lies beneath an overlay is read off libvirt's description of the machine: QEMU's user, who owns the overlay, could
have changed what that says.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.errors import HostFault
from vmf.files.access import open_disk
from vmf.files.flatten import Base, QemuImg, Unmade, flatten
from vmf.files.unfit import Unfit
from vmf.model import DiskFormat, Slice
from vmf_kvm.folder import Folder


class Beneath(Struct, frozen=True, kw_only=True):
    """What lies beneath an overlay."""

    file: Path
    format: DiskFormat
    part: Slice | None = None


def beneath(description: str, overlay: Path) -> Beneath | None:
    """What the description of a machine, empty if there is none, has beneath an overlay of it. Pure."""
    disks = ET.fromstring(description).iterfind("devices/disk") if description else ()  # noqa: S314  # libvirt's own
    for disk in disks:
        source = disk.find("source")
        under, format_ = disk.find("backingStore/source"), disk.find("backingStore/format")
        if source is not None and source.get("file") == str(overlay) and under is not None and format_ is not None:
            path = under.get("file") or under.get("dev") or ""
            return Beneath(file=Path(path), format=DiskFormat(format_.get("type", "")), part=_part(under))
    return None


def whole(folder: Folder, name: str, description: str, program: str) -> IO[bytes]:
    """A qcow2 of a machine's disk, made of its overlay `name`; nothing of it is left when it is closed.

    Raises:
        HostFault: if there is no such overlay, or the disk cannot be made, such as for want of room.
    """
    chain = beneath(description, folder.path / name)
    if chain is None:
        raise HostFault(f"machine {folder.name} has no overlay {name}")
    new = folder.scratch()
    try:
        with folder.open(name) as overlay, open_disk(chain.file) as base:
            tool = QemuImg(program=program, scratch=folder.scratch, process=folder.account.process())
            flatten(tool, overlay, Base(file=base, format=chain.format, part=chain.part), new=new)
    except (Unfit, Unmade, OSError) as error:
        new.close()
        raise HostFault(
            f"{folder.path / name} and {chain.file} cannot be made one disk: {error}",
            hint="check the space on the host, and that the original is still there",
        ) from error
    return new


def _part(source: ET.Element) -> Slice | None:
    part = source.find("slices/slice")
    return None if part is None else Slice(offset=int(part.get("offset", "0")), size=int(part.get("size", "0")))
