"""The discs in a machine's CD-ROM drives, as libvirt describes them. Pure."""

from __future__ import annotations

from xml.etree import ElementTree as ET


def drive(number: int) -> str:
    """What a CD-ROM drive is known by, in the order of the machine's drives: libvirt lists them in one of its own."""
    return f"ua-cdrom{number}"


def changed(description: str, number: int, file: str) -> str:
    """A drive of a machine with another disc in it, as XML; empty if the machine has no such drive.

    Args:
        description: libvirt's, of the machine.
        number: the drive's, from 0.
        file: the disc's path; empty: there is none in it.
    """
    for element in ET.fromstring(description).iterfind("devices/disk"):  # noqa: S314  # libvirt's own
        alias = element.find("alias")
        if alias is not None and alias.get("name") == drive(number):
            for old in [each for each in element if each.tag in {"source", "backingStore"}]:
                element.remove(old)
            if file:
                ET.SubElement(element, "source", file=file)
            return ET.tostring(element, encoding="unicode")
    return ""
