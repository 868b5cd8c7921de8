"""An appliance (OVA) from strangers: a tar archive of a description (OVF) and disks, which are used where they lie.

The description is DMTF's DSP0243, of version 1 or 2. Only its disks are taken, in the order of the virtual hardware;
memory, processors and networks are the job's to say. The manifest's checksums are not compared: that would read every
byte at each run.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote

from msgspec import Struct

from vmf.disks import images
from vmf.disks.reading import Unfit
from vmf.files import tar
from vmf.files.console import one_line
from vmf.model import FORMATS, Bus, Disk, DiskFormat, File, Slice

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_OVF = b".ovf"
_DESCRIPTION_MOST = 2**20
_MEMBERS_MOST = 1000
_DISKS_MOST = 64
_DEPTH_MOST = 64
_GET = "get a good copy of the appliance"
_EXPORT = "export it anew: one machine, its disks as streamOptimized vmdk, all files inside"

_DISK = "17"
_BUSES: Mapping[str, Bus] = MappingProxyType({"5": Bus.IDE, "6": Bus.SCSI, "20": Bus.SATA})
"""What the types of controllers are, by CIM's numbers of resources."""
_FORMATS: Mapping[str, DiskFormat] = MappingProxyType({"vmdk": DiskFormat.VMDK, "qcow": DiskFormat.QCOW2})
"""What stands in the address that names a disk's format."""
_NVME = "nvme"  # has SATA's number
_PLAIN = frozenset({"", "identity"})
_DISK_PREFIXES = ("ovf:/disk/", "/disk/")
_FILE_PREFIXES = ("ovf:/file/", "/file/")
_GZIP = b"\x1f\x8b"


class _Packed(Struct, frozen=True, kw_only=True):
    """A file of the archive."""

    kind: str
    part: Slice


class _Description(Struct, frozen=True, kw_only=True):
    """What of an OVF is used: elements by their ids, and the items of the machine's hardware."""

    files: Mapping[str, Element]
    disks: Mapping[str, Element]
    items: tuple[Element, ...]


def disks(path: Path) -> tuple[Disk, ...]:
    """The disks of an appliance, in the order in which its machine has them, each a stretch of the file.

    Raises:
        JobFault: if it is not there, unreadable, damaged, or describes what vmf cannot run.
    """
    with images.opened(File(path=path), "appliance") as file:
        if file.read(len(_GZIP)) == _GZIP:
            raise Unfit("it is compressed with gzip", "unpack it: `gunzip -c OLD >NEW.ova`")
        packed = dict(_members(file))
        description = _read(_tree(_text(file, packed)))
        found = tuple(
            Disk(file=File(path=path, part=part), format=format_, bus=bus)
            for disk, bus in _attached(description.items)
            for part, format_ in (_located(disk, description, packed, file),)
        )
        if not 0 < len(found) <= _DISKS_MOST:
            raise Unfit(f"its machine has {len(found)} disks, not 1 to {_DISKS_MOST}", _EXPORT)
        return found


def _members(file: IO[bytes]) -> Iterator[tuple[str, _Packed]]:
    """Each file of the archive by its name; the description is the first."""
    known = set()
    archive = tar.TarFile(file)
    try:
        for number, member in enumerate(archive):
            if not number and not member.name.lower().endswith(_OVF):
                raise Unfit(f"it is no appliance: it begins with {member.shown}, not with an .ovf file", _GET)
            if number == _MEMBERS_MOST or member.name in known:
                raise Unfit(f"it holds {member.shown} twice, or more than {_MEMBERS_MOST} files", _EXPORT)
            known.add(member.name)
            part = Slice(offset=archive.at, size=member.size)
            yield member.name.decode(errors="replace"), _Packed(kind=member.kind, part=part)
    except tar.Broken as error:
        raise Unfit(f"it is no tar archive, or a damaged one: {error.brief}", _GET) from error


def _text(file: IO[bytes], packed: Mapping[str, _Packed]) -> str:
    """The description's text."""
    part = next((each.part for each in packed.values()), Slice(offset=0, size=0))
    if not 0 < part.size <= _DESCRIPTION_MOST:
        raise Unfit(f"its description has {part.size} bytes, not 1 to {_DESCRIPTION_MOST}", _GET)
    file.seek(part.offset)
    try:
        text = file.read(part.size).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unfit("its description is no UTF-8 text", _EXPORT) from error
    if "<!DOCTYPE" in text:
        raise Unfit("its description has a DOCTYPE, which could name other files", _EXPORT)
    return text


def _tree(text: str) -> Element:
    """The description's root; a text, unlike bytes, is read in no other encoding than the one that was looked at."""
    from xml.etree.ElementTree import ParseError, iterparse  # noqa: PLC0415  # slow to import, and few images need it

    path: list[Element] = []
    root: Element | None = None
    try:
        for event, element in iterparse(io.StringIO(text), ("start", "end")):  # noqa: S314  # without DOCTYPE, no harm
            root = element if root is None else root
            path.append(element) if event == "start" else path.pop()
            if len(path) > _DEPTH_MOST:
                raise Unfit(f"its description is more than {_DEPTH_MOST} levels deep", _GET)
    except ParseError as error:
        raise Unfit(f"its description is no XML: {error}", _GET) from error
    if root is None:
        raise Unfit("its description is empty", _GET)
    return root


def _read(root: Element) -> _Description:
    systems = _below(root, "VirtualSystem")
    if len(systems) != 1:  # several are in a VirtualSystemCollection
        raise Unfit("it does not describe exactly one machine", _EXPORT)
    hardware = [item for section in _below(systems[0], "VirtualHardwareSection")[:1] for item in section]
    return _Description(
        files={_attribute(each, "id"): each for part in _below(root, "References") for each in _below(part, "File")},
        disks={
            _attribute(each, "diskId"): each for part in _below(root, "DiskSection") for each in _below(part, "Disk")
        },
        items=tuple(hardware),
    )


def _attached(items: Sequence[Element]) -> Iterator[tuple[str, Bus | None]]:
    """What each disk of the hardware is made of, and its bus, in the order of controllers and of places on them."""
    controllers = {_said(each, "InstanceID"): (place, each) for place, each in enumerate(items)}
    found = []
    for item in items:
        if _said(item, "ResourceType") != _DISK:
            continue
        place, bus = 0, None
        if parent := _said(item, "Parent"):
            place, controller = controllers.get(parent, (0, item))  # a disk is no controller
            bus = _bus(controller)
        found.append((place, _number(_said(item, "AddressOnParent")), _said(item, "HostResource"), bus))
    return ((resource, bus) for _, _, resource, bus in sorted(found, key=lambda each: each[:2]))


def _bus(controller: Element) -> Bus:
    bus = _BUSES.get(_said(controller, "ResourceType"))
    if bus is None or _NVME in _said(controller, "ResourceSubType").lower():
        raise Unfit("one of its disks is attached to something else than IDE, SCSI or SATA", _EXPORT)
    return bus


def _located(
    resource: str, description: _Description, packed: Mapping[str, _Packed], archive: IO[bytes]
) -> tuple[Slice, DiskFormat]:
    """Where in the archive a disk lies, and how it is laid out, as it has been looked at."""
    reference, layout = _described(resource, description)
    part = _part(description.files.get(reference), reference, packed)
    try:
        images.check(images.within(archive, part), layout)
    except Unfit as error:
        name = next(name for name, each in packed.items() if each.part == part)
        raise Unfit(f"its file {_shown(name)}: {error}", _EXPORT) from error
    return part, layout


def _described(resource: str, description: _Description) -> tuple[str, DiskFormat]:
    """The id of a disk's file, and its format; a file that is named without a disk tells that by its suffix."""
    if reference := _below_prefix(resource, _FILE_PREFIXES):
        file = description.files.get(reference)
        suffix = "" if file is None else PurePosixPath(_attribute(file, "href")).suffix.lower()
        if suffix not in FORMATS:
            raise Unfit(f"one of its disks is a file without a format: {_shown(resource)}", _EXPORT)
        return reference, FORMATS[suffix]
    name = _below_prefix(resource, _DISK_PREFIXES)
    disk = description.disks.get(name)
    if disk is None:
        raise Unfit(f"one of its disks is nowhere described: {_shown(resource)}", _EXPORT)
    reference = _attribute(disk, "fileRef")
    if not reference or _attribute(disk, "parentRef"):
        raise Unfit(f"its disk {_shown(name)} is empty, or a change of another one", _EXPORT)
    format_ = _attribute(disk, "format").lower()
    layout = next((layout for word, layout in _FORMATS.items() if word in format_), None)
    if layout is None:
        raise Unfit(f"its disk {_shown(name)} is in a format that vmf does not know: {_shown(format_)}", _EXPORT)
    return reference, layout


def _below_prefix(resource: str, prefixes: Sequence[str]) -> str:
    return next((resource.removeprefix(each) for each in prefixes if resource.startswith(each)), "")


def _part(file: Element | None, reference: str, packed: Mapping[str, _Packed]) -> Slice:
    """Where a file of the description lies in the archive."""
    href = "" if file is None else _attribute(file, "href")
    if file is not None and (_attribute(file, "chunkSize") or _attribute(file, "compression") not in _PLAIN):
        raise Unfit(f"its file {_shown(href)} is compressed or cut into pieces", _EXPORT)
    found = packed.get(href) or packed.get(unquote(href))
    if found is None:
        raise Unfit(f"its file {_shown(href or reference)} is not in the archive", _EXPORT)
    if found.kind != tar.FILE or not found.part.size:
        raise Unfit(f"its file {_shown(href)} is {'empty' if found.kind == tar.FILE else found.kind}", _EXPORT)
    return found.part


def _below(element: Element, name: str) -> list[Element]:
    """The elements directly below one, of whatever namespace: the versions differ in theirs."""
    return [each for each in element if _local(each.tag) == name]


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if _local(key) == name), "")


def _said(item: Element, name: str) -> str:
    return next(((each.text or "").strip() for each in item if _local(each.tag) == name), "")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def _shown(text: str) -> str:
    return one_line(text.encode())
