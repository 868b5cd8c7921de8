"""What libvirt's description of a machine says: of its disks, its cards, its firmware. Pure."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.model import DiskFormat, Slice

KIBIBYTE = 1024
FIRMWARE = "libvirt-pflash0-storage"
"""What libvirt calls the file with a machine's firmware, when it tells QEMU of it."""
NOTHING = "<domain/>"
"""The description of a machine that is not there."""


class Layer(Struct, frozen=True, kw_only=True):
    """One file of the chain that a disk is made of."""

    file: str
    format: DiskFormat
    part: Slice | None = None
    """The stretch of the file that counts; None: all of it."""
    served: bool = False
    """Whether it is a socket, at which the file is served by NBD."""


class Disk(Struct, frozen=True, kw_only=True):
    """A disk or a CD-ROM drive."""

    name: str
    """`vda`, `sdb`, …: unique in the machine."""
    layers: tuple[Layer, ...]
    """Topmost first; none: a drive without a disc."""
    writable: bool = True


def tree(description: str) -> ET.Element:
    """The description, empty if there is no machine, as a tree that is the caller's to change."""
    return ET.fromstring(description or NOTHING)  # noqa: S314  # libvirt's own


def version(packed: int) -> str:
    """A version as libvirt packs it: 7002022 is 7.2.22."""
    return f"{packed // 1_000_000}.{packed // 1000 % 1000}.{packed % 1000}"


def disks(description: str) -> tuple[Disk, ...]:
    """The disks and drives, in libvirt's order."""
    return tuple(
        Disk(
            name=_get(element, "target", "dev"),
            layers=tuple(_layers(element, _get(element, "driver", "type"))),
            writable=element.get("device") == "disk" and element.find("readonly") is None,
        )
        for element in tree(description).iterfind("devices/disk")
    )


def machine_types(capabilities: str) -> frozenset[str]:
    """The types of machine that a hypervisor knows, as it says what it can: its exact words, and short ones."""
    found = list(tree(capabilities).iterfind("guest/arch/machine"))
    return frozenset({*(each.text or "" for each in found), *(each.get("canonical", "") for each in found)})


def exact_machine_type(capabilities: str, name: str) -> str:
    """What a hypervisor calls a type of machine by now that it knows by a short name."""
    found = (each for each in tree(capabilities).iterfind("guest/arch/machine") if each.text == name)
    return next((each.get("canonical", name) for each in found), name)


def files(description: str) -> tuple[str, ...]:
    """The files of its disks and drives, with what they lie on, and what it boots from."""
    booted = (tree(description).findtext(f"os/{name}", "") for name in ("kernel", "initrd"))
    return (*(layer.file for disk in disks(description) for layer in disk.layers), *filter(None, booted))


def leaves_firmware(definition: str) -> bool:
    """Whether libvirt has yet to choose the file of a machine's firmware: one before 9.2 does at each new start."""
    os = tree(definition).find("os")
    return os is not None and os.get("firmware") is not None and os.find("loader") is None


def with_firmware(definition: str, command: str) -> str:
    """The definition with the file of the firmware in it that QEMU would be started with by this command line."""
    root = tree(definition)
    os = root.find("os")
    file = next((found["filename"] for found in _nodes(command) if found.get("node-name") == FIRMWARE), None)
    if os is None or file is None:
        return definition
    del os.attrib["firmware"]
    for old in os.findall("firmware"):
        os.remove(old)
    ET.SubElement(os, "loader", readonly="yes", type="pflash").text = file
    return ET.tostring(root, encoding="unicode")


def has_generation(definition: str) -> bool:
    """Whether a machine tells its guest by a number that it is another one by now."""
    return tree(definition).find("genid") is not None


def with_generation(definition: str, saved: str) -> str:
    """The definition with the number that is in the description of a machine that was saved.

    libvirt takes a new number whenever it reads memory, and sees before that the old ones agree.
    """
    root = tree(definition)
    number, before = root.find("genid"), tree(saved).findtext("genid")
    if number is not None and before:
        number.text = before
    return ET.tostring(root, encoding="unicode")


def memory(description: str) -> int:
    """Bytes of the machine's memory; libvirt tells of KiB."""
    return int(tree(description).findtext("memory", "0")) * KIBIBYTE


def macs(description: str) -> tuple[str, ...]:
    """The MAC addresses of the cards, in lower case."""
    found = tree(description).iterfind("devices/interface/mac")
    return tuple(mac.get("address", "").lower() for mac in found)


def _layers(element: ET.Element, layout: str) -> Iterator[Layer]:
    """The file of a disk, or of what lies beneath another one, and those beneath it."""
    source, below = element.find("source"), element.find("backingStore")
    if source is None:
        return
    host = source.find("host[@socket]")
    file = source.get("file") or source.get("dev") or _get(source, "host", "socket")
    yield Layer(file=file, format=DiskFormat(layout), part=_part(source), served=host is not None)
    if below is not None:
        yield from _layers(below, _get(below, "format", "type"))


def _part(source: ET.Element) -> Slice | None:
    part = source.find("slices/slice")
    return None if part is None else Slice(offset=int(part.get("offset", "0")), size=int(part.get("size", "0")))


def _get(element: ET.Element, tag: str, attribute: str) -> str:
    found = element.find(tag)
    return "" if found is None else found.get(attribute, "")


def _nodes(command: str) -> Iterator[dict[str, str]]:
    """The files in a command line of QEMU's, as libvirt writes it."""
    for option, value in itertools.pairwise(shlex.split(command)):
        if option == "-blockdev":
            yield json.loads(value)
