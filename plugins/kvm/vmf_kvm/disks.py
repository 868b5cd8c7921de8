"""Drives in the description of a machine, and the overlays that it expects. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from xml.etree import ElementTree as ET

from vmf.model import Access, Bus, DiskFormat, Limits, Machine, MachineCdrom, MachineDisk, Slice
from vmf_kvm import controllers, media
from vmf_kvm.drives import Drive
from vmf_kvm.overlays import SECTOR, Overlay
from vmf_kvm.pci import Board, Slots, seat
from vmf_kvm.place import Place
from vmf_libvirt.described import Layer
from vmf_libvirt.naming import overlay

RECONNECT_SECONDS = 600
"""How long a guest waits for a server of its disk that has gone; then it is told that the disk fails."""
_GROUP = "machine"
"""What the disks of a machine are throttled as, all together."""


def in_place(machine: Machine) -> tuple[str, ...]:
    """The files that the machine uses where they are; all others have been put into its folder."""
    disks = (file for disk in machine.disks for file in (disk.file, *disk.layers))
    files = (machine.kernel, machine.initrd, *disks, *(drive.file for drive in machine.cdroms))
    return tuple(file for file in files if file and file.startswith("/"))


def written(machine: Machine) -> frozenset[str]:
    """Those of them that the guest changes; and those that are served, for whoever reads at a socket asks there."""
    changed = frozenset(disk.file for disk in machine.disks if disk.access is Access.IN_PLACE)
    return changed.union(*(disk.served for disk in machine.disks))


def overlays(machine: Machine, place: Place) -> tuple[Overlay, ...]:
    """The overlays that the description expects: `disk0`, …, in the machine's folder."""
    return tuple(
        Overlay(
            file=place.file(overlay(number)),
            base=place.file(disk.top),
            format=disk.top_format,
            part=None if disk.layers else disk.part,
            room=room(disk),
            served=disk.top in disk.served,
        )
        for number, disk in enumerate(machine.disks)
        if disk.access is Access.SNAPSHOT
    )


def room(disk: MachineDisk) -> int | None:
    """The bytes that a disk's overlay may take: whole sectors of what is allowed."""
    return None if disk.growth is None else disk.growth - disk.growth % SECTOR


def attach(
    devices: ET.Element, drives: Sequence[Drive], place: Place, limits: Limits, board: Board, slots: Slots
) -> None:
    """Describe the drives in the order that the guest sees, and the controllers that libvirt would choose otherwise."""
    ordered = sorted(drives, key=lambda drive: (drive.bus, drive.number))
    spots = controllers.spots(drives, board)
    for drive in ordered:
        if isinstance(drive.media, MachineDisk):
            element = _disk(devices, drive, drive.media, place)
            _throttle(element, limits)
            if drive.bus is Bus.VIRTIO:
                seat(element, slots)
            controllers.attach(element, spots.get(drive.device))
    controllers.add(devices, spots.values(), slots)
    cdroms = [each for each in drives if isinstance(each.media, MachineCdrom)]
    for drive in ordered:
        if isinstance(drive.media, MachineCdrom):
            element = _cdrom(devices, drive, drive.media, place)
            ET.SubElement(element, "alias", name=media.drive(cdroms.index(drive)))
            controllers.attach(element, spots.get(drive.device))


def _disk(devices: ET.Element, drive: Drive, disk: MachineDisk, place: Place) -> ET.Element:
    part = None if (limit := room(disk)) is None else Slice(offset=0, size=limit)
    above = [Layer(file=place.file(name), format=DiskFormat.QCOW2, part=part) for name in drive.overlays]
    golden = [Layer(file=name, format=DiskFormat.QCOW2, served=name in disk.served) for name in reversed(disk.layers)]
    lowest = Layer(
        file=place.file(disk.file), format=disk.format, part=_sectors(disk.part), served=disk.file in disk.served
    )
    layers = [*above, *golden, lowest]
    element = ET.SubElement(devices, "disk", device="disk")
    driver = ET.SubElement(element, "driver", name="qemu", type=layers[0].format, cache="writeback", discard="unmap")
    if disk.served:  # its guest is not told of what may be otherwise soon: it stands still
        driver.set("error_policy", "stop")
    chain(element, layers, place.devices)
    _target(element, drive)
    if disk.access is Access.READ:
        ET.SubElement(element, "readonly")  # not `shareable`: QEMU would share it with who writes it, too
    return element


def _cdrom(devices: ET.Element, drive: Drive, cdrom: MachineCdrom, place: Place) -> ET.Element:
    element = ET.SubElement(devices, "disk", type="file", device="cdrom")
    ET.SubElement(element, "driver", name="qemu", type=DiskFormat.RAW)
    if cdrom.file is not None:
        chain(element, [Layer(file=place.file(cdrom.file), format=DiskFormat.RAW)], place.devices)
    _target(element, drive)
    ET.SubElement(element, "readonly")
    return element


def chain(element: ET.Element, layers: Sequence[Layer], devices: Collection[str]) -> None:
    """Add the files, topmost first, some of which are block devices; it ends with the last, whatever headers say."""
    first, *below = layers
    if first.served:
        source = _served(element, first)
    else:
        is_device = first.file in devices
        element.set("type", "block" if is_device else "file")
        source = ET.SubElement(element, "source", {"dev" if is_device else "file": first.file})
    if first.part is not None:
        slices = ET.SubElement(source, "slices")
        ET.SubElement(slices, "slice", type="storage", offset=str(first.part.offset), size=str(first.part.size))
    backing = ET.SubElement(element, "backingStore")
    if below:
        ET.SubElement(backing, "format", type=below[0].format)
        chain(backing, below, devices)


def _served(element: ET.Element, layer: Layer) -> ET.Element:
    """A file that is served; QEMU waits for who serves it to come back, where its libvirt knows how to tell it to."""
    element.set("type", "network")
    source = ET.SubElement(element, "source", protocol="nbd")
    ET.SubElement(source, "host", transport="unix", socket=layer.file)
    ET.SubElement(source, "reconnect", delay=str(RECONNECT_SECONDS))
    return source


def _sectors(part: Slice | None) -> Slice | None:
    """A stretch to the end of its last sector: archives fill theirs up."""
    return None if part is None else Slice(offset=part.offset, size=part.size + -part.size % SECTOR)


def _target(element: ET.Element, drive: Drive) -> None:
    ET.SubElement(element, "target", dev=drive.device, bus=drive.bus)
    if drive.boot is not None:
        ET.SubElement(element, "boot", order=str(drive.boot))


def _throttle(element: ET.Element, limits: Limits) -> None:
    caps = {"total_bytes_sec": limits.disk_rate, "total_iops_sec": limits.disk_operations}
    if any(caps.values()):
        tune = ET.SubElement(element, "iotune")
        for name, most in caps.items():
            if most is not None:
                ET.SubElement(tune, name).text = str(most)
        ET.SubElement(tune, "group_name").text = _GROUP
