"""What each disk and CD-ROM of a machine is attached to, and what it is called. Pure.

A CD-ROM is a SCSI one unless its job says otherwise, because Debian's cloud kernel has no driver for q35's SATA.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf.model import PREFIXES, Access, Bus, DiskFormat, Machine, MachineCdrom, MachineDisk, bus_of
from vmf_libvirt import naming
from vmf_libvirt.naming import names

Media: TypeAlias = MachineDisk | MachineCdrom

_BUSES = frozenset({Bus.VIRTIO, Bus.SCSI, Bus.SATA, Bus.IDE})
_COUNTED = ("vd", "sd")
"""What Linux calls IDE disks is another matter altogether."""
IDE_PLACES = 4
_ALWAYS_WRITABLE = frozenset({Bus.SATA, Bus.IDE})


class Drive(Struct, frozen=True, kw_only=True):
    """A disk or CD-ROM where it is attached."""

    media: Media
    bus: Bus
    device: str
    """`vda`, `sdb`, …: unique in the machine."""
    overlays: tuple[str, ...] = ()
    """The names of the files that lie on the disk's; the guest writes to the first, each lies on the next one."""
    boot: int | None = None
    """Its turn when the firmware looks for something to start; None: never."""

    @property
    def number(self) -> int:
        """Its place on its bus, from 0."""
        return naming.number(self.device[2:])


def drives(machine: Machine) -> tuple[Drive, ...]:
    """Every drive, in the order in which the machine has them: disks, results volume, CD-ROMs.

    Raises:
        JobFault: if one cannot be had on this hypervisor.
    """
    results = () if machine.results is None else (machine.results,)
    several: tuple[Media, ...] = (*machine.disks, *results, *machine.cdroms)
    asked = {each.device for each in several}
    free = {prefix: (name for name in names(prefix) if name not in asked) for prefix in PREFIXES.values()}
    turns = _turns(machine, len(several))
    found = []
    for number, media in enumerate(several):
        bus = checked(media)
        drive = Drive(
            media=media,
            bus=bus,
            device=media.device or next(free[PREFIXES[bus]]),
            overlays=naming.overlays(machine, number) if _is_overlaid(media) else (),
            boot=turns.get(number),
        )
        if bus is Bus.IDE and drive.number >= IDE_PLACES:
            raise _refusal(
                media,
                f"IDE has four places, and {drive.device} is none of them",
                "attach some disks to another bus; the results volume and vmf's CD-ROM are on that of the first disk",
            )
        found.append(drive)
    return tuple(found)


def renamed(machine: Machine) -> Mapping[str, str]:
    """Names of disks that were asked for and that Linux does not use, to those that it does: it counts without gaps.

    Raises:
        JobFault: as `drives`.
    """
    disks = [drive for drive in drives(machine) if isinstance(drive.media, MachineDisk)]
    found = {}
    for prefix in _COUNTED:
        named = sorted((each for each in disks if each.device.startswith(prefix)), key=lambda drive: drive.number)
        found.update({drive.device: name for drive, name in zip(named, names(prefix), strict=False)})
    return {asked: name for asked, name in found.items() if asked != name}


def _is_overlaid(media: Media) -> bool:
    return isinstance(media, MachineDisk) and media.access is Access.SNAPSHOT


def _turns(machine: Machine, total: int) -> Mapping[int, int]:
    """Number of a drive to its turn to boot: the first disk, then the CD-ROMs; a kernel needs none of them."""
    if machine.kernel is not None:
        return {}
    bootable = (*range(min(1, len(machine.disks))), *range(total - len(machine.cdroms), total))
    return {number: turn for turn, number in enumerate(bootable, 1)}


def _bus(media: Media) -> Bus:
    bus = media.bus or bus_of(media.device) or Bus.VIRTIO
    return Bus.SCSI if isinstance(media, MachineCdrom) and bus is Bus.VIRTIO else bus  # there is no virtio CD-ROM


def _is_misnamed(media: Media, bus: Bus) -> bool:
    return media.device is not None and not re.fullmatch(f"{PREFIXES[bus]}[a-z]{{1,2}}", media.device)


# In this order: a row may count on those before it.
_WRONG: tuple[tuple[Callable[[Media, Bus], bool], str, str], ...] = (
    (
        lambda _, bus: bus not in _BUSES,
        "KVM has no such bus",
        "attach it to virtio (vda, …), scsi or sata (sda, …), or ide (hda, …)",
    ),
    (
        lambda media, _: media.device is not None and media.device[-1:].isdigit(),
        "KVM attaches whole disks, and `device` means one partition",
        "leave out the number at its end",
    ),
    (
        _is_misnamed,
        "its `device` is none of its bus",
        "drives are called vda, vdb, … on virtio, sda, … on scsi and sata, hda, … on ide",
    ),
)
_WRONG_DISKS: tuple[tuple[Callable[[MachineDisk, Bus], bool], str, str], ...] = (
    (
        lambda disk, _: disk.access is Access.IN_PLACE and disk.format is DiskFormat.VMDK,
        "a vmdk cannot be written in place",
        "let `access` be snapshot, or convert it: `qemu-img convert -O qcow2 OLD NEW`",
    ),
    (
        lambda disk, _: disk.access is Access.IN_PLACE and disk.part is not None,
        "a part of a file cannot be written in place",
        "let `access` be snapshot, or take it out of the file first",
    ),
    (
        lambda disk, bus: disk.access is Access.READ and bus in _ALWAYS_WRITABLE,
        "a disk on sata or ide cannot be one that is only read",
        "attach it to virtio or scsi, or let `access` be snapshot",
    ),
)


def checked(media: Media) -> Bus:
    """What a disk or CD-ROM is attached to.

    Raises:
        JobFault: if it cannot be had on this hypervisor.
    """
    bus = _bus(media)
    for is_wrong, what, hint in _WRONG:
        if is_wrong(media, bus):
            raise _refusal(media, what, hint)
    for is_unfit, what, hint in _WRONG_DISKS:
        if isinstance(media, MachineDisk) and is_unfit(media, bus):
            raise _refusal(media, what, hint)
    return bus


def _refusal(media: Media, what: str, hint: str) -> JobFault:
    return JobFault(f"{naming.called(media)}: {what}", code=HoldCode.MACHINE_INVALID, hint=hint)
