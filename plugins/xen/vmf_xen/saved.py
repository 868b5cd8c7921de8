"""What comes before a guest's memory in the files that libvirt's xen driver writes. Pure."""

from __future__ import annotations

import struct

from vmf.disks.reading import Unfit

HEADER = struct.Struct("<16s2I40x")
"""Magic, version, and bytes of XML that follow; then comes Xen's own stream."""
MAGIC = b"libvirt-xml\n \0 \r"
VERSIONS = frozenset({1, 2})
XML_MOST = 2**24
"""Bytes of XML that such a file may have."""


def header(description: str, room: int) -> bytes:
    """What comes before the memory of a machine with this XML: `room` bytes, or more."""
    xml = description.encode().ljust(room - HEADER.size)
    return HEADER.pack(MAGIC, max(VERSIONS), len(xml)) + xml


def room(start: bytes, size: int) -> int:
    """The bytes before the memory in a file that starts so and has so many bytes.

    Raises:
        Unfit: if it is none, or not complete.
    """
    if len(start) >= HEADER.size:
        magic, version, xml = HEADER.unpack_from(start)
        before = int(HEADER.size + xml)
        if magic == MAGIC and version in VERSIONS and xml <= XML_MOST and before < size:
            return before
    raise Unfit("it is not a guest's memory, as Xen writes it", hint="go on from another checkpoint")
