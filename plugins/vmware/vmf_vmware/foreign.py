"""A machine as VMware keeps it, that somebody brings along: what of its .vmx file counts, and what it needs. Pure.

Little of such a file is believed. What describes the computer counts; devices that would lead out of the machine's
folder, and those that vmf gives every machine itself (its card, its console), are left out. Its files get other names.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from typing import Final

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf_vmware import descriptor, naming
from vmf_vmware.lines import is_lent

SUFFIXES: Final = (".vmx", ".vmtx")
"""How the names of such files end, of a machine or a template."""
_DRIVE: Final = re.compile(r"((?:scsi|sata|ide|nvme)[0-9]:[0-9]{1,2})\.[a-z]+")
_KEPT: Final = re.compile(
    r"config\.version|virtualhw\.version|guestos|firmware|uefi\.secureboot\.enabled|bios\.bootorder"
    r"|(scsi|sata|nvme)[0-9]\.(present|virtualdev)|pcibridge[0-9]\.(present|virtualdev|functions)"
    r"|(vmci0|hpet0|usb|ehci|usb_xhci)\.present|cpuid\.corespersocket"
)
_DISCS: Final = frozenset({"cdrom-image"})
_DISKS: Final = frozenset({"", "disk", "scsi-harddisk", "ata-harddisk", "sata-harddisk", "nvme-harddisk"})
_FALSE: Final = "false"
_COPY: Final = "put all files of the machine into the folder, and name them without a path"


class Foreign(Struct, frozen=True, kw_only=True):
    """What counts of such a machine."""

    lines: Mapping[str, str]
    """Of its .vmx file."""
    disks: Mapping[str, str]
    """The descriptors of its disks, by their new names."""
    files: Mapping[str, str]
    """What else it needs, likewise."""


def described(names: Iterable[str]) -> str:
    """Which of the files of a folder describes its machine.

    Raises:
        JobFault: if not exactly one does.
    """
    several = sorted(name for name in names if name.lower().endswith(SUFFIXES))
    if len(several) != 1:
        what = f"there are several .vmx files, such as {several[0]}" if several else "there is no .vmx file in it"
        raise _unfit(f"`vmware.folder`: {what}", "name the folder of one machine")
    return several[0]


def taken(said: Mapping[str, str], present: Container[str], called: str) -> Foreign:
    """What counts of what a .vmx file says.

    Args:
        said: its lines, by keys in small letters.
        present: the files beside it.
        called: what the new machine is called in the inventory.

    Raises:
        JobFault: if it needs a file that is not beside it, or is suspended.
    """
    if said.get("checkpoint.vmstate"):
        raise _unfit("the machine in `vmware.folder` is suspended", "power it off before it is copied")
    lines = {key: value for key, value in said.items() if _KEPT.fullmatch(key) or is_lent(key)}
    disks: dict[str, str] = {}
    files: dict[str, str] = {}
    for drive in sorted({found[1] for key in said if (found := _DRIVE.fullmatch(key))}):
        file, type_ = said.get(f"{drive}.filename", ""), said.get(f"{drive}.devicetype", "").lower()
        if said.get(f"{drive}.present", "true").lower() == _FALSE or type_ not in _DISKS | _DISCS:
            continue
        is_disk = type_ in _DISKS
        _check(file, drive, present, is_disk=is_disk)
        name = naming.descriptor(naming.foreign(len(disks))) if is_disk else f"{naming.foreign(len(files))}.iso"
        (disks if is_disk else files)[name] = file
        lines |= {f"{drive}.present": "TRUE", f"{drive}.filename": name, f"{drive}.devicetype": type_ or "disk"}
    if (nvram := said.get("nvram", "")) and descriptor.is_plain(nvram) and nvram in present:
        files[naming.firmware(called)] = nvram
    return Foreign(lines={**lines, "nvram": naming.firmware(called)}, disks=disks, files=files)


def _check(file: str, drive: str, present: Container[str], *, is_disk: bool) -> None:
    """See that a drive's file is one beside the .vmx file."""
    if not descriptor.is_plain(file) or file not in present:
        raise _unfit(f"{drive} of the machine in `vmware.folder` is {file!r}, which is not in that folder", _COPY)
    if is_disk and not file.lower().endswith(".vmdk"):
        raise _unfit(f"{drive} of the machine in `vmware.folder` is no .vmdk: {file!r}", _COPY)


def _unfit(what: str, hint: str) -> JobFault:
    return JobFault(what, code=HoldCode.IMAGE_INVALID, hint=hint)
