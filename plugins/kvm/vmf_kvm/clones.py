"""What templates, and the machines that wake from them, have beside what every machine has. Pure.

    memory          a file that a template shares, and that each machine maps for itself: what it changes is its own
    a port          the card is plugged into it, as the incoming state would give it the template's address
    results volume  a SCSI disk, plugged in likewise
    generation      a number in ACPI by which the guest's kernel hears that it has been copied

Their discs need no plugging: what is in a drive is no part of a guest's state.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree as ET

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Access, Bus, Firmware, Machine, NetworkType, Platform
from vmf_kvm import nics
from vmf_kvm.pci import PORT, Q35
from vmf_kvm.place import GOLDEN, Place
from vmf_libvirt.described import tree

OBJECT = "golden"
"""What QEMU calls the memory. libvirt has one as well, which the machine is not told to use, and so takes no room."""
TAG = "vmf-template"
"""The asset tag of a template's case: its guest reads it, however it boots."""
_SEATED = frozenset({None, Bus.VIRTIO, Bus.SCSI})
"""Buses that need no controller of a kind that the port, and the results volume, do not get along with."""

_WRONG: tuple[tuple[Callable[[Machine], bool], str, str], ...] = (
    (
        lambda machine: machine.template and not (machine.nic is None and machine.results is None),
        "a template has neither a network card nor a results volume",
        "they are given to those who wake from it",
    ),
    (
        lambda machine: machine.template and any(drive.file for drive in machine.cdroms),
        "the CD-ROM drives of a template are empty",
        "their discs are given to those who wake from it",
    ),
    (
        lambda machine: machine.template and not machine.cdroms,
        "a template has a CD-ROM drive, for the disc that its guest waits for",
        "let the job have a script",
    ),
    (
        lambda machine: bool(machine.shares),
        "shared folders cannot be plugged in",
        "let the job boot: without `shares` its guest can wake",
    ),
    (
        lambda machine: any(seat.bus not in _SEATED for seat in (*machine.equipment.disks, *machine.equipment.cdroms)),
        "only machines whose drives are on virtio or scsi can wake",
        "let the job boot, or attach its disks to virtio or scsi",
    ),
    (
        lambda machine: any(disk.access is Access.IN_PLACE for disk in machine.disks),
        "a disk that is written in place is not what a guest knows it as that wakes",
        "let its `access` be snapshot",
    ),
    (
        lambda machine: machine.firmware is Firmware.UEFI,
        "a machine that starts by UEFI does not wake",
        "let the job boot, or start by BIOS",
    ),
    (
        lambda machine: machine.nic is not None and machine.nic.type is not NetworkType.USER,
        "only cards of network type user are plugged in",
        "let the job boot, or ask for network type user",
    ),
    (
        lambda machine: machine.wakes is not None and machine.wakes.equipment != machine.equipment,
        "it does not have the devices of the template that it is to wake from",
        "make a template of the like",
    ),
)


class Asleep(Struct, frozen=True, kw_only=True):
    """A machine as it is before it wakes."""

    description: str
    """Its own, without what is plugged in later."""
    volume: str
    """The results volume, in libvirt's words; empty: there is none."""


def concerns(machine: Machine) -> bool:
    """Whether it is a template, or wakes, or has woken."""
    return machine.template or machine.wakes is not None


def check(machine: Machine, place: Place) -> None:
    """Refuse what can be no template, and what cannot wake.

    Raises:
        JobFault: saying why.
    """
    if concerns(machine):
        if place.sockets is None:
            words, hint = "nobody wakes on another computer", "use a host of this computer, or let the job boot"
            raise JobFault(words, code=HoldCode.MACHINE_INVALID, hint=hint)
        for is_wrong, what, hint in _WRONG:
            if is_wrong(machine):
                raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint=hint)


def seated(machine: Machine) -> Machine:
    """The machine, with its results volume where one can be plugged in, if that is how it gets it."""
    if machine.wakes is None or machine.results is None:
        return machine
    return replace(machine, results=replace(machine.results, bus=Bus.SCSI, device=None))


def platform(machine: Machine) -> Platform | None:
    """What the memory that it begins with was made on; None: it begins with none."""
    begins = machine.restored or machine.wakes
    return begins.platform if begins else None


def add(domain: ET.Element, machine: Machine, place: Place) -> None:
    """Add to a domain what such a machine has; that it has memory already, `asleep` says."""
    if not concerns(machine):
        return
    ET.SubElement(domain, "genid")  # libvirt chooses the number
    inside = _found(domain, "devices")
    port = ET.SubElement(inside, "controller", type="pci", index=str(PORT), model="pcie-root-port")
    ET.SubElement(port, "address", type="pci", domain="0x0000", bus="0x00", slot=f"0x{Q35.card:02x}", function="0x0")
    if machine.template:
        ET.SubElement(_found(domain, "os"), "smbios", mode="sysinfo")
        case = ET.SubElement(ET.SubElement(domain, "sysinfo", type="smbios"), "chassis")
        ET.SubElement(case, "entry", name="asset").text = TAG
        nics.words(domain, *_memory(machine, place.file(GOLDEN), share=True))
        return
    nics.words(domain, *_memory(machine))
    if machine.results and (volume := _disk(inside, place.file(machine.results.file))) is not None:
        inside.remove(volume)  # libvirt puts what is plugged in before the drives, and compares them one by one
        discs = (at for at, each in enumerate(inside) if each.get("device") == "cdrom")
        inside.insert(next(discs, len(inside)), volume)


def asleep(definition: str, machine: Machine, memory: str, place: Place) -> Asleep:
    """What libvirt is to start of a machine that it has defined so, to wake from the memory in a file."""
    domain = tree(definition)
    inside, line = _found(domain, "devices"), _found(domain, f"{{{nics.NAMESPACE}}}commandline")
    volume = _disk(inside, place.file(machine.results.file)) if machine.results else None
    if volume is not None:
        inside.remove(volume)
    for argument in list(line):
        line.remove(argument)
    for word in (*nics.network(machine.nic), *_memory(machine, memory, share=False), "-incoming", "defer"):
        ET.SubElement(line, nics.ARGUMENT, value=word)
    return Asleep(
        description=ET.tostring(domain, encoding="unicode"),
        volume="" if volume is None else ET.tostring(volume, encoding="unicode"),
    )


def _memory(machine: Machine, file: str = "", *, share: bool = False) -> tuple[str, ...]:
    """What QEMU is told of a machine's memory, which is a file's or nobody else's."""
    kind = (
        {"qom-type": "memory-backend-file", "mem-path": file, "share": share}
        if file
        else {"qom-type": "memory-backend-ram"}
    )
    return "-object", json.dumps({**kind, "id": OBJECT, "size": machine.memory}), "-machine", f"memory-backend={OBJECT}"


def _disk(inside: ET.Element, file: str) -> ET.Element | None:
    """The drive with this file on top."""
    for disk in inside.iterfind("disk"):
        source = disk.find("source")
        if source is not None and source.get("file") == file:
            return disk
    return None


def _found(parent: ET.Element, tag: str) -> ET.Element:
    """What vmf's descriptions always have."""
    found = parent.find(tag)
    if found is None:
        raise HostFault(f"libvirt's description of the machine has no {tag}")
    return found
