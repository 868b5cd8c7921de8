"""A machine as the tree of libvirt's domain XML. Pure; tests/plugins/kvm/golden shows what comes out.

Devices sit on the PCI bus itself, at addresses of our own, not each behind a hot-plug port as libvirt would have it:
a guest boots 0.2 s sooner. The CD-ROM is a SCSI one because Debian's cloud kernel has no driver for q35's SATA.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf.model import Access, DiskFormat, Machine, MachineDisk
from vmf_kvm.folder import Overlay
from vmf_libvirt.mark import mark

CONSOLE = "console.log"
LAST_SLOT = 0x1E
"""The last free slot of q35's first bus; what finds no slot is left to libvirt."""
VIRT_TYPES: Mapping[str, tuple[str, str]] = MappingProxyType({
    "kvm": ("kvm", "host-model"),
    "tcg": ("qemu", "maximum"),  # as fast as the plainest model, and runs guests that are built for newer ones
})  # fmt: skip
"""Accelerator to libvirt's type of domain and its mode of CPU."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a machine's things are on the host."""

    folder: Path
    """The machine's own folder."""
    sockets: Path
    """A folder with a short path, for the socket of its console."""

    def file(self, name: str) -> str:
        """The path of a machine's file: in its folder if it has no slash, else as it is.

        Raises:
            JobFault: if the name could lead anywhere else.
        """
        if ("/" in name and not name.startswith("/")) or name in {"", ".", ".."}:
            raise JobFault(f"{name!r} is neither a file's name nor an absolute path", code=HoldCode.MACHINE_INVALID)
        return str(self.folder / name)

    def console_log(self) -> str:
        """What the guest has written to its serial console."""
        return str(self.folder / CONSOLE)

    def console_socket(self, machine: str) -> str:
        """The socket of the serial console: a machine's name may be longer than a socket's path can bear."""
        return str(self.sockets / hashlib.sha256(machine.encode()).hexdigest()[:16])


def in_place(machine: Machine) -> tuple[str, ...]:
    """The files that the machine uses where they are; all others have been put into its folder."""
    disks = (disk.file for disk in machine.disks)
    files = (machine.kernel, machine.initrd, *disks, *(drive.file for drive in machine.cdroms))
    return tuple(file for file in files if file and file.startswith("/"))


def overlays(machine: Machine, place: Place) -> tuple[Overlay, ...]:
    """The overlays that the description expects: `disk0`, …, in the machine's folder."""
    return tuple(
        Overlay(file=place.file(_overlay(number)), base=place.file(disk.file), format=disk.format)
        for number, disk in enumerate(machine.disks)
        if disk.access is Access.SNAPSHOT
    )


def xml(machine: Machine, place: Place) -> str:
    """The whole description.

    Raises:
        JobFault: if the machine is not one that this hypervisor can make.
    """
    if machine.accelerator not in VIRT_TYPES:
        raise JobFault(f"there is no accelerator {machine.accelerator!r}", code=HoldCode.MACHINE_INVALID)
    type_, cpu = VIRT_TYPES[machine.accelerator]
    domain = ET.Element("domain", type=type_)
    _text(domain, "name", machine.name)
    mark(domain)
    _text(domain, "memory", str(machine.memory), unit="b")
    _text(domain, "vcpu", str(machine.cpus))
    _boot(domain, machine, place)
    features = ET.SubElement(domain, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    ET.SubElement(domain, "cpu", mode=cpu)
    ET.SubElement(domain, "clock", offset="utc")
    reboot = "restart" if machine.reboots else "destroy"
    for event, action in (("poweroff", "destroy"), ("reboot", reboot), ("crash", "destroy")):
        _text(domain, f"on_{event}", action)
    _devices(ET.SubElement(domain, "devices"), machine, place)
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode") + "\n"


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def _boot(domain: ET.Element, machine: Machine, place: Place) -> None:
    os = ET.SubElement(domain, "os")
    _text(os, "type", "hvm", arch="x86_64", machine="q35")
    if machine.kernel is None:
        ET.SubElement(os, "boot", dev="hd")
        return
    _text(os, "kernel", place.file(machine.kernel))
    if machine.initrd is not None:
        _text(os, "initrd", place.file(machine.initrd))
    _text(os, "cmdline", machine.kernel_parameters)


def _devices(devices: ET.Element, machine: Machine, place: Place) -> None:
    slots = iter(range(1, LAST_SLOT + 1))
    ET.SubElement(devices, "controller", type="usb", model="none")
    for number, disk in enumerate(machine.disks):
        _address(_disk(devices, number, disk, place), next(slots, None))
    if machine.results is not None:
        _address(_disk(devices, len(machine.disks), machine.results, place), next(slots, None))
    if machine.cdroms:
        _address(ET.SubElement(devices, "controller", type="scsi", model="virtio-scsi", index="0"), next(slots, None))
        _cdrom(devices, place.file(machine.cdroms[0].file or ""))
    _serial(devices, machine, place)
    ET.SubElement(devices, "memballoon", model="none")


def _disk(devices: ET.Element, number: int, disk: MachineDisk, place: Place) -> ET.Element:
    element = ET.SubElement(devices, "disk", type="file", device="disk")
    overlay = disk.access is Access.SNAPSHOT
    written = DiskFormat.QCOW2 if overlay else disk.format
    ET.SubElement(element, "driver", name="qemu", type=written, cache="writeback", discard="unmap")
    ET.SubElement(element, "source", file=place.file(_overlay(number) if overlay else disk.file))
    chain = ET.SubElement(element, "backingStore")
    if overlay:
        chain.set("type", "file")
        ET.SubElement(chain, "format", type=disk.format)
        ET.SubElement(chain, "source", file=place.file(disk.file))
        ET.SubElement(chain, "backingStore")  # the chain ends here, whatever the file's header says
    ET.SubElement(element, "target", dev=f"vd{_letters(number)}", bus="virtio")
    return element


def _cdrom(devices: ET.Element, file: str) -> None:
    element = ET.SubElement(devices, "disk", type="file", device="cdrom")
    ET.SubElement(element, "driver", name="qemu", type="raw")
    ET.SubElement(element, "source", file=file)
    ET.SubElement(element, "backingStore")
    ET.SubElement(element, "target", dev="sda", bus="scsi")
    ET.SubElement(element, "readonly")


def _serial(devices: ET.Element, machine: Machine, place: Place) -> None:
    serial = ET.SubElement(devices, "serial", type="unix")
    ET.SubElement(serial, "source", mode="bind", path=place.console_socket(machine.name))
    ET.SubElement(serial, "log", file=place.console_log(), append="on")
    ET.SubElement(serial, "target", port="0")


def _address(device: ET.Element, slot: int | None) -> None:
    if slot is not None:
        ET.SubElement(device, "address", type="pci", domain="0x0000", bus="0x00", slot=f"0x{slot:02x}", function="0x0")


def _overlay(number: int) -> str:
    return f"disk{number}"


def _letters(number: int) -> str:
    """Count as Linux names disks: a … z, aa …."""
    more, last = divmod(number, 26)
    return (_letters(more - 1) if more else "") + chr(ord("a") + last)
