"""The discs in a machine's CD-ROM drives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from vmf.errors import HoldCode, JobFault
from vmf_libvirt.described import tree
from vmf_libvirt.errors import LibvirtFault

if TYPE_CHECKING:
    from vmf_libvirt.client import Client

TRAY = "waiting to open tray"
"""What libvirt was doing when the guest would not let go of a disc."""
CLOSED = "Tray of the device is not open"
"""What QEMU says when a guest that looks at its drive has closed the tray in between: nothing is in it then."""


DRIVE = re.compile(r"ua-cdrom([0-9]+)")


def drive(number: int) -> str:
    """What a CD-ROM drive is known by, in the order of the machine's drives: libvirt lists them in one of its own."""
    return f"ua-cdrom{number}"


def change(client: Client, machine: str, number: int, file: str) -> None:
    """Put another disc into a drive, also for when its guest is saved and goes on; empty: take out what is in it.

    Raises:
        JobFault: if there is no such drive, or (REFUSED) the guest holds on to what is in it.
    """
    device = changed(client.description(machine), number, file)
    if not device:
        raise JobFault(
            f"machine {machine} has no drive {number}",
            code=HoldCode.MACHINE_INVALID,
            hint="from 0, there are those of `run`, `cdrom` and `cloud_init`, if the job has them, and a spare one",
        )
    try:
        _update(client, machine, device)
    except LibvirtFault as fault:
        if TRAY not in fault.brief:
            raise
        raise JobFault(
            f"the guest of {machine} holds on to the disc in drive {number}",
            code=HoldCode.REFUSED,
            hint="let it unmount the disc first",
        ) from fault


def _update(client: Client, machine: str, device: str) -> None:
    try:
        client.update(machine, device)
    except LibvirtFault as fault:
        if CLOSED not in fault.brief:
            raise
        client.update(machine, device)


def changed(description: str, number: int, file: str) -> str:
    """A drive of a machine with another disc in it, as XML (pure); empty if the machine has no such drive.

    Args:
        description: libvirt's, of the machine; empty if there is none.
        number: the drive's, from 0.
        file: the disc's path; empty: there is none in it.
    """
    element = _drives(description).get(number)
    if element is None:
        return ""
    for old in [each for each in element if each.tag in {"source", "backingStore"}]:
        element.remove(old)
    if file:
        ET.SubElement(element, "source", file=file)
    return ET.tostring(element, encoding="unicode")


def discs(description: str, folder: Path) -> dict[int, str]:
    """The drives of a machine that have a disc in them, each with its file's name in the folder, or else its path."""
    sources = {number: element.find("source") for number, element in _drives(description).items()}
    files = {number: Path(source.get("file", "")) for number, source in sources.items() if source is not None}
    return {number: file.name if file.parent == folder else str(file) for number, file in files.items()}


def _drives(description: str) -> dict[int, ET.Element]:
    found = {}
    for element in tree(description).iterfind("devices/disk"):
        alias = element.find("alias")
        if alias is not None and (match := DRIVE.fullmatch(alias.get("name", ""))):
            found[int(match[1])] = element
    return found
