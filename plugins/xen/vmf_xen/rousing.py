"""Having a host's libvirt look at all guests: another guest ends, which has been made for that alone.

It is one page of a kernel, whose first words to Xen are that it powers off. So it ends by itself, whoever is killed
meanwhile, and nothing is done to any other guest.
"""

from __future__ import annotations

import struct
from xml.etree import ElementTree as ET

from vmf_libvirt.volumes import Volumes

NAME = "rousing"
"""The guest's, and that of the file with its kernel."""
MEMORY_MIB = 8
"""The first tables of such a guest's memory alone take more than four."""
PLACE = 2**20
"""Where the kernel lies in the guest's memory."""
_CODE = bytes.fromhex(
    "bf 02 00 00 00"  # mov edi, SCHEDOP_shutdown
    "48 8d 35 09 00 00 00"  # lea rsi, [rip + 9], which is the reason
    "b8 1d 00 00 00"  # mov eax, __HYPERVISOR_sched_op
    "0f 05"  # syscall
    "eb fe"  # jmp $
    "00 00 00 00"  # the reason: SHUTDOWN_poweroff
)
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_NOTE = struct.Struct("<III4s")
_NOTES = {5: b"xen-3.0", 8: b"generic"}
"""By Xen's numbers of them: its interface, and who may load it."""
_X86_64, _EXECUTABLE, _LOADED, _NOTED, _ALL_ALLOWED = 62, 2, 1, 4, 7
"""ELF's numbers."""


def rouse(volumes: Volumes, prefix: str) -> None:
    """Have such a guest end; its kernel lies among a machine's files. `prefix` is what its name begins with.

    Raises:
        LibvirtFault: if Xen cannot make it: it has no memory left, or none of its guests are of mode PV.
    """
    client = volumes.client
    client.force_off(NAME)  # one that libvirt has overlooked, too: that it is removed does as well
    volumes.write(NAME, kernel())
    machine = description(prefix + NAME, str(volumes.path / NAME))
    client.call(lambda link: link.createXML(machine))


def description(name: str, file: str) -> str:
    """The guest as libvirt's XML."""
    domain = ET.Element("domain", type="xen")
    ET.SubElement(domain, "name").text = name
    ET.SubElement(domain, "memory", unit="MiB").text = str(MEMORY_MIB)
    ET.SubElement(domain, "vcpu").text = "1"
    system = ET.SubElement(domain, "os")
    ET.SubElement(system, "type", arch="x86_64", machine="xenpv").text = "linux"
    ET.SubElement(system, "kernel").text = file
    return ET.tostring(domain, encoding="unicode")


def kernel() -> bytes:
    """Its kernel: an ELF file for Xen's mode PV, whose code follows its notes."""
    notes = b"".join(_note(number, word) for number, word in _NOTES.items())
    before = _HEADER.size + 2 * _SEGMENT.size
    code = before + len(notes)
    size = code + len(_CODE)
    header = _HEADER.pack(
        b"\x7fELF\x02\x01\x01", _EXECUTABLE, _X86_64, 1, PLACE + code, _HEADER.size, 0, 0,
        _HEADER.size, _SEGMENT.size, 2, 0, 0, 0,
    )  # fmt: skip
    loaded = _SEGMENT.pack(_LOADED, _ALL_ALLOWED, 0, PLACE, PLACE, size, size, 4096)
    noted = _SEGMENT.pack(_NOTED, 4, before, PLACE + before, PLACE + before, len(notes), len(notes), 4)
    return header + loaded + noted + notes + _CODE


def _note(number: int, word: bytes) -> bytes:
    padded = word + bytes(4 - len(word) % 4)  # a text ends by a zero
    return _NOTE.pack(4, len(word) + 1, number, b"Xen") + padded
