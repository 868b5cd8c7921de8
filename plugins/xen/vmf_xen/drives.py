"""What each disk and CD-ROM of a machine is attached to, and what it is called. Pure.

A whole computer (mode hvm) starts from IDE only, and guests without Xen's drivers see nothing else; so its first drives
are IDE ones. All other drives are on Xen's own bus.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from itertools import chain, islice
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf.model import PREFIXES, Access, Bus, DiskFormat, Machine, MachineCdrom, MachineDisk, bus_of
from vmf_libvirt import naming
from vmf_xen.settings import Mode

Media: TypeAlias = MachineDisk | MachineCdrom

BUSES: Mapping[Mode, tuple[Bus, ...]] = MappingProxyType({
    Mode.PV: (Bus.XEN,),
    Mode.PVH: (Bus.XEN,),
    Mode.HVM: (Bus.IDE, Bus.XEN),
})  # fmt: skip
"""What a machine's drives can be attached to."""
IDE: Mapping[type[Media], tuple[str, ...]] = MappingProxyType({
    MachineDisk: ("hda", "hdb", "hdd", "hdc"),
    MachineCdrom: ("hdc", "hdd", "hdb", "hda"),
})  # fmt: skip
"""The places of that bus, in the order in which disks and CD-ROMs take them."""
_SHARED = 2
"""So many of them are taken by drives of which nobody said that they are IDE ones: there is room for both kinds."""
_NAMES: Mapping[Bus, re.Pattern[str]] = MappingProxyType({
    Bus.XEN: re.compile("xvd([a-z]{1,2})[0-9]{0,3}"),
    Bus.IDE: re.compile("hd([a-d])"),
})  # fmt: skip
"""A drive's names by its bus; Xen can attach a file as a partition."""


class Drive(Struct, frozen=True, kw_only=True):
    """A disk or CD-ROM where it is attached."""

    media: Media
    bus: Bus
    device: str
    """`xvda`, `hdc`, …: unique in the machine."""
    overlay: str | None = None
    """The name of the file that the guest writes to in place of the disk's; None: there is none."""


def drives(machine: Machine, mode: Mode) -> tuple[Drive, ...]:
    """Every drive, in the order in which the machine has them: disks, results volume, CD-ROMs.

    Raises:
        JobFault: if one cannot be had on this hypervisor.
    """
    results = () if machine.results is None else (machine.results,)
    several: tuple[Media, ...] = (*machine.disks, *results, *machine.cdroms)
    for media in several:
        checked(media, mode)
    spots = (_spot(media.device) for media in several if media.device)
    taken = {letters: bus for bus, letters in spots}
    found = []
    for number, media in enumerate(several):
        device = media.device or _free(media, mode, taken)
        bus, letters = _spot(device)
        if taken.setdefault(letters, bus) is not bus:
            raise _refusal(media, f"a guest sees hd{letters} as xvd{letters}", "give one of them another `device`")
        if isinstance(media, MachineCdrom) and media.file is None and bus is Bus.XEN:
            raise _refusal(media, "Xen's own bus has no empty drives", "use mode hvm, where CD-ROM drives are IDE ones")
        is_overlaid = isinstance(media, MachineDisk) and media.access is Access.SNAPSHOT
        overlay = naming.overlays(machine, number)[0] if is_overlaid else None
        found.append(Drive(media=media, bus=bus, device=device, overlay=overlay))
    return tuple(found)


def checked(media: Media, mode: Mode) -> None:
    """See that a disk or CD-ROM can be had on this hypervisor.

    Raises:
        JobFault: if it cannot.
    """
    bus = media.bus or bus_of(media.device)
    for is_wrong, what, hint in _WRONG:
        if is_wrong(media, bus, mode):
            raise _refusal(media, what.format(mode=mode), hint)
    for is_unfit, what, hint in _WRONG_DISKS:
        if isinstance(media, MachineDisk) and is_unfit(media, bus):
            raise _refusal(media, what, hint)


def _free(media: Media, mode: Mode, taken: Container[str]) -> str:
    """The first name that nobody has. A guest with Xen's drivers calls hda xvda: no letters are used twice."""
    ide = IDE[type(media)] if Bus.IDE in BUSES[mode] else ()
    xen = islice(naming.names(PREFIXES[Bus.XEN]), len(ide), None)
    is_read = isinstance(media, MachineDisk) and media.access is Access.READ  # no IDE disk is
    wanted = {Bus.IDE: ide, Bus.XEN: xen, None: xen if is_read else chain(ide[:_SHARED], xen)}[media.bus]
    device = next((name for name in wanted if _spot(name)[1] not in taken), None)
    if device is None:
        hint = "attach some drives to the bus xen, or leave out `bus` and `device`"
        raise _refusal(media, "IDE has four places, and they are taken", hint)
    return device


def _spot(device: str) -> tuple[Bus, str]:
    """The bus of a drive that is called so, and the letters that count it there."""
    matches = ((bus, name.fullmatch(device)) for bus, name in _NAMES.items())
    return next((bus, found[1]) for bus, found in matches if found)


def _is_misnamed(media: Media, bus: Bus | None, _: Mode) -> bool:
    return media.device is not None and (bus is None or not _NAMES[bus].fullmatch(media.device))


# In this order: a row may count on those before it.
_WRONG: tuple[tuple[Callable[[Media, Bus | None, Mode], bool], str, str], ...] = (
    (
        lambda _, bus, mode: bus is not None and bus not in BUSES[mode],
        "a machine of mode {mode} has no such bus",
        "leave out `bus` and `device`, or attach it to xen (xvda, …); mode hvm has ide (hda, …), too",
    ),
    (
        _is_misnamed,
        "its `device` is none of its bus",
        "drives are called xvda, xvdb, … on xen, and hda to hdd on ide",
    ),
)
_WRONG_DISKS: tuple[tuple[Callable[[MachineDisk, Bus | None], bool], str, str], ...] = (
    (
        lambda disk, _: disk.format is DiskFormat.VMDK,
        "Xen has no vmdk",
        "convert it: `qemu-img convert -O qcow2 OLD NEW`",
    ),
    (
        lambda disk, _: disk.part is not None,
        "Xen attaches whole files, and this is a part of one",
        "take it out of the file first",
    ),
    (
        lambda disk, _: disk.access is Access.READ and disk.format is not DiskFormat.RAW,
        "on Xen only a raw disk can be one that is only read",
        "let `access` be snapshot, or convert it: `qemu-img convert -O raw OLD NEW`",
    ),
    (
        lambda disk, bus: disk.access is Access.READ and bus is Bus.IDE,
        "a disk on ide cannot be one that is only read",
        "attach it to xen, or let `access` be snapshot",
    ),
)


def _refusal(media: Media, what: str, hint: str) -> JobFault:
    return JobFault(f"{naming.called(media)}: {what}", code=HoldCode.MACHINE_INVALID, hint=hint)
