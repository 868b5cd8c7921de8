from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmf.disks.reading import Unfit
from vmf_xen.saved import MAGIC, header, room

XML = "<domain type='xen'><name>ä</name></domain>"
MEMORY = b"Xen's own stream"


def starting(xml, *, magic=MAGIC, version=2, said=None):
    """The beginning of a file as libvirt writes it; what it says of itself can be something else."""
    length = len(xml) if said is None else said
    return struct.pack("<16sII40x", magic, version, length) + xml


@pytest.mark.parametrize("version", [1, 2])
def test_the_memory_begins_behind_what_libvirt_has_written(version):
    start = starting(b"<domain/>\0", version=version)
    assert room(start, len(start + MEMORY)) == len(start)


def test_what_vmf_writes_takes_the_room_that_there_is():
    start = header(XML, 1000)
    assert (len(start), room(start, 1001)) == (1000, 1000)
    assert start[64:].decode().rstrip() == XML


def test_what_is_longer_takes_more():
    start = header(XML, 70)
    assert start[64:].decode() == XML
    assert room(start, len(start + MEMORY)) == len(start)


HOSTILE = {
    "nothing": b"",
    "another file": b"\x7fELF" + bytes(200),
    "one of QEMU's": starting(b"<domain/>", magic=b"LibvirtQemudSave"),
    "one that is not complete": starting(b"<domain/>", magic=b"LibvirtQemudPart"),
    "one of a version that is not known": starting(b"<domain/>", version=3),
    "one that ends before its memory": starting(b"<domain/>", said=2**20),
    "one without memory": starting(b"<domain/>"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_memory_is_refused(name):
    with pytest.raises(Unfit, match="not a guest's memory"):
        room(HOSTILE[name], len(HOSTILE[name]))


def test_what_says_of_its_xml_that_it_is_huge_is_refused_however_long_it_is():
    with pytest.raises(Unfit):
        room(starting(b"<domain/>", said=2**25), 2**40)


@given(st.binary(max_size=100), st.integers(0, 2**40))
def test_whatever_it_says_the_memory_is_in_the_file(start, size):
    try:
        assert 64 <= room(MAGIC + start, size) < size
    except Unfit:
        return
