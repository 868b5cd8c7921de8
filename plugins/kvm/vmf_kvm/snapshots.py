"""A snapshot of a machine in libvirt's words: what is taken, what it is called, what lies on what. Pure.

A disk of a machine is a chain of files. Those that hold what the guest has changed are the machine's own: a snapshot
freezes them, and puts a new one on top. `disk0` is the lowest of the first disk's own, `disk0-7` the one that snapshot
7 put on it. Of the results volume all are the machine's own: `results` is the lowest, and lies on nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, JobFault
from vmf.model import DiskFormat
from vmf_kvm.disks import chain
from vmf_kvm.overlays import Overlay
from vmf_kvm.place import MEMORY, NVRAM, WAKING
from vmf_libvirt.described import Disk, Layer, disks, tree

RESULTS = "results"
FROZEN = re.compile(r"volume-([0-9]+)")
"""What the results volume is called as it was when the snapshot of this number was taken."""
STRAY = re.compile(r"(?:disk[0-9]{1,3}[.-]|(?:results|memory|nvram)-)[0-9]+")
"""What files of snapshots are called, here and where a machine has come from; those that are in no chain are left."""
OVERLAID = re.compile(r"(disk([0-9]{1,3}))")
"""What the lowest file is called that lies on a disk with this number."""
OVERLAYS = re.compile(r"(disk[0-9]{1,3})(?:[.-][0-9]+)?")
"""What all of them are called, one upon the other."""
WRITTEN = re.compile(rf"(?:disk[0-9]{{1,3}}|{RESULTS})(?:[.-][0-9]+)?|{NVRAM}")
"""What those files of a machine's folder are called that change when its guest writes to a disk, or its firmware."""
MEMORIES = re.compile(rf"memory-[0-9]+|{MEMORY}|{WAKING}")
"""What files with a guest's memory are called that libvirt has written, of snapshots and of guests that are saved."""
NODE = re.compile(r"libvirt-([0-9]+)-[a-z-]+")
"""What libvirt calls files that QEMU has open: the number is its own, see `indexes`."""

HEADER = struct.Struct("<16s5I56x")
"""Of libvirt's files with a guest's memory: magic, version, bytes of XML that follow, whether it runs, compression,
and where in that a cookie begins."""
SAVED = b"LibvirtQemudSave"
VERSION = 2
PLAIN = 0
"""The compression that is none: a libvirt of the computer's own may be set to another one."""
XML_MOST = 2**24
"""Bytes of XML that a file with a guest's memory may have."""
RETAKE = "let libvirt not compress what it saves, and go on from another checkpoint"


class Own(Struct, frozen=True, kw_only=True):
    """What a guest has changed of one disk."""

    disk: str
    """libvirt's name for the disk, such as `vda`."""
    number: int | None
    """The disk's among the machine's; None: the results volume."""
    layers: tuple[Layer, ...]
    """Topmost first."""
    beneath: tuple[Layer, ...] = ()
    """What they lie on, which stays as it is."""

    @property
    def stem(self) -> str:
        """What its files' names begin with."""
        return RESULTS if self.number is None else f"disk{self.number}"

    @property
    def names(self) -> tuple[str, ...]:
        """The layers' files, the lowest first, as a snapshot names them."""
        return tuple(Path(layer.file).name for layer in reversed(self.layers))

    def overlay(self, number: int) -> Overlay:
        """What a snapshot puts on top."""
        top = self.layers[0]
        return Overlay(
            file=str(Path(top.file).with_name(f"{self.stem}-{number}")),
            base=top.file,
            format=top.format,
            room=top.part.size if top.part else None,
        )


def is_memory(name: str) -> bool:
    """Whether it is a file with a guest's memory."""
    return MEMORIES.fullmatch(name) is not None


def summed(taken: Mapping[str, int]) -> dict[str, int]:
    """The bytes of each disk's overlays together."""
    found: dict[str, int] = {}
    for name, size in taken.items():
        if match := OVERLAYS.fullmatch(name):
            found[match[1]] = found.get(match[1], 0) + size
    return found


def owned(description: str, folder: Path) -> tuple[Own, ...]:
    """The disks that a machine changes in its folder, in libvirt's order."""
    return tuple(own for disk in disks(description) if (own := _own(disk, folder)))


def results(description: str, folder: Path, name: str) -> tuple[str, ...]:
    """The files that make the results volume, the lowest first: as it is, or as a snapshot named it."""
    names = next((own.names for own in owned(description, folder) if own.number is None), (RESULTS,))
    if frozen := FROZEN.fullmatch(name):
        above = f"{RESULTS}-{frozen[1]}"
        return names[: names.index(above)] if above in names else ()
    return names


def elsewhere(description: str, folder: Path) -> tuple[Path, ...]:
    """The files that a machine writes to in place, which are not in its folder."""
    tops = (Path(disk.layers[0].file) for disk in disks(description) if disk.writable and disk.layers)
    return tuple(top for top in tops if top.parent != folder)


def check(description: str, folder: Path) -> None:
    """See that a snapshot has all that the guest changes.

    Raises:
        JobFault: if a disk is written elsewhere, where it would go on changing.
    """
    kept = {own.disk for own in owned(description, folder)}
    for disk in disks(description):
        if disk.writable and disk.name not in kept:
            raise JobFault(
                f"{disk.layers[0].file if disk.layers else disk.name} is written in place, and cannot be kept",
                code=HoldCode.REFUSED,
                hint="let its `access` be snapshot",
            )


def left(description: str, names: Collection[str]) -> tuple[str, ...]:
    """Those of a machine's files that snapshots have left, and that it has no use for."""
    used = {Path(layer.file).name for disk in disks(description) for layer in disk.layers}
    return tuple(name for name in names if STRAY.fullmatch(name) and name not in used)


def snapshot(description: str, overlays: Mapping[str, Overlay], memory: str) -> str:
    """What libvirt is to take: memory into a file, and new layers, which are there, for disks by libvirt's names."""
    root = ET.Element("domainsnapshot")
    ET.SubElement(root, "memory", snapshot="external", file=memory)
    several = ET.SubElement(root, "disks")
    for disk in disks(description):
        overlay = overlays.get(disk.name)
        if overlay is None:
            ET.SubElement(several, "disk", name=disk.name, snapshot="no")
            continue
        element = ET.SubElement(several, "disk", name=disk.name, snapshot="external", type="file")
        ET.SubElement(element, "driver", type=DiskFormat.QCOW2)
        source = ET.SubElement(element, "source", file=overlay.file)
        if overlay.room is not None:
            slices = ET.SubElement(source, "slices")
            ET.SubElement(slices, "slice", type="storage", offset="0", size=str(overlay.room))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def rechained(definition: str, chains: Mapping[str, tuple[Layer, ...]]) -> str:
    """A machine's definition with other chains for disks, by libvirt's names; empty if they are what it has."""
    if all(disk.layers == chains.get(disk.name, disk.layers) for disk in disks(definition)):
        return ""
    root = tree(definition)
    devices = {each.get("dev", "") for each in root.iter("source")}
    for element in root.iterfind("devices/disk"):
        target, driver = element.find("target"), element.find("driver")
        if target is not None and driver is not None and (layers := chains.get(target.get("dev", ""))):
            for old in [each for each in element if each.tag in {"source", "backingStore", "mirror"}]:
                element.remove(old)
            driver.set("type", layers[0].format)
            chain(element, layers, devices)
    return ET.tostring(root, encoding="unicode")


def nvram(description: str) -> str:
    """The file of what a machine's firmware keeps; empty: there is none."""
    return Path(tree(description).findtext("os/nvram", "")).name


def node(description: str, file: str) -> str:
    """What QEMU calls a file that it has open, as libvirt told it to; empty if it has not."""
    numbers = (each.get("index", "") for each in tree(description).iter("source") if each.get("file") == file)
    return next((f"libvirt-{number}-format" for number in numbers if number), "")


def indexes(description: str) -> frozenset[str]:
    """The numbers of all files that a machine has open, which are parts of QEMU's names for them."""
    return frozenset(each.get("index", "") for each in tree(description).iter())


def unused(nodes: Collection[str], description: str) -> tuple[str, ...]:
    """Those of QEMU's names for files that the machine has no use for, in the order in which they can be let go."""
    used = indexes(description)
    found = [node for node in nodes if (match := NODE.fullmatch(node)) and match[1] not in used]
    return tuple(sorted(found, key=lambda node: node.endswith("-storage")))


def saved(definition: str, room: int = 0) -> bytes:
    """What comes before QEMU's own stream in a file of libvirt's with a guest's memory: `room` bytes, or more."""
    xml = (definition.encode() + b"\0").ljust(room - HEADER.size, b"\0")
    return HEADER.pack(SAVED, VERSION, len(xml), 1, PLAIN, 0) + xml


def room(start: bytes, size: int) -> int:
    """The bytes before QEMU's own stream in such a file, which starts so and has so many bytes.

    Raises:
        Unfit: if it is none, or not complete.
    """
    if len(start) >= HEADER.size:
        magic, version, xml, _, compression, _ = HEADER.unpack_from(start)
        before = int(HEADER.size + xml)
        if (magic, version, compression) == (SAVED, VERSION, PLAIN) and xml <= XML_MOST and before <= size:
            return before
    raise Unfit("it is not a guest's memory, complete and not compressed", hint=RETAKE)


def _own(disk: Disk, folder: Path) -> Own | None:
    if not disk.writable or not disk.layers:
        return None
    names = [Path(layer.file).name if Path(layer.file).parent == folder else "" for layer in disk.layers]
    for at, name in enumerate(names):
        if match := OVERLAID.fullmatch(name):
            upper, beneath = disk.layers[: at + 1], disk.layers[at + 1 :]
            return Own(disk=disk.name, number=int(match[2]), layers=upper, beneath=beneath)
    return Own(disk=disk.name, number=None, layers=disk.layers) if all(names) else None
