"""Drives in the description of a machine, and the overlays that it expects. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.model import Access, Bus, DiskFormat, MachineCdrom, MachineDisk
from vmf_libvirt.place import Place
from vmf_xen.drives import Drive
from vmf_xen.settings import Mode

DEVICES = "/dev/"
"""Where a host's block devices are: nobody can ask it through libvirt alone what a path is."""


class Way(Struct, frozen=True, kw_only=True):
    """How Xen attaches a drive."""

    device: str
    driver: str
    """`qemu`: a process reads it, in any format; `phy`: the host's kernel does, by a script, which takes a while."""
    limits: tuple[str, ...] = ()


WRITTEN = Way(device="disk", driver="qemu")
DISC = Way(device="cdrom", driver="qemu", limits=("readonly",))
READ = Way(device="disk", driver="phy", limits=("readonly", "shareable"))
"""By the kernel: QEMU 7.2 opens a disk that is only read as one to write, and says that its block node is read-only."""


def attach(devices: ET.Element, drives: Sequence[Drive], place: Place, mode: Mode) -> None:
    """Describe the drives in the order that the guest sees."""
    for drive in sorted(drives, key=lambda drive: (drive.bus, len(drive.device), drive.device)):
        way = _way(drive, mode)
        element = ET.SubElement(devices, "disk", type="file", device=way.device)
        ET.SubElement(element, "driver", name=way.driver, type=_format(drive))
        _source(element, drive.overlay or drive.media.file, place)
        ET.SubElement(element, "target", dev=drive.device, bus=drive.bus)
        for name in way.limits:
            ET.SubElement(element, name)


def _way(drive: Drive, mode: Mode) -> Way:
    if isinstance(drive.media, MachineCdrom):
        # where the processor helps, Linux takes a CD-ROM on this bus for one on IDE, too, and leaves it alone
        return DISC if drive.bus is Bus.IDE or mode is Mode.PV else READ
    return READ if drive.media.access is Access.READ else WRITTEN


def _source(element: ET.Element, file: str | None, place: Place) -> None:
    if file is None:
        return
    is_device = file.startswith(DEVICES)
    element.set("type", "block" if is_device else "file")
    ET.SubElement(element, "source", {"dev" if is_device else "file": place.file(file)})


def _format(drive: Drive) -> DiskFormat:
    if drive.overlay is not None:
        return DiskFormat.QCOW2
    return drive.media.format if isinstance(drive.media, MachineDisk) else DiskFormat.RAW
