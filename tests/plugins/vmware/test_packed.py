from __future__ import annotations

import io
import os
import tarfile

import pytest

from vmf.disks.reading import Unfit
from vmf_vmware.packed import pack, unpack

STATE, MEMORY = os.urandom(700), os.urandom(3 * 2**20)


def packed(**members):
    with pack({name: io.BytesIO(content) for name, content in members.items()}) as stream:
        return stream.read()


def test_what_is_packed_is_unpacked():
    file = io.BytesIO(packed(state=STATE, memory=MEMORY))
    found = unpack(file, ("state", "memory"))
    assert {name: stream.read() for name, stream in found.items()} == {"state": STATE, "memory": MEMORY}


def test_one_of_them_need_not_be_there():
    assert [*unpack(io.BytesIO(packed(state=STATE)), ("state", "memory"))] == ["state"]


def test_nothing_else_that_somebody_puts_in_is_looked_at():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writing:
        for name, type_ in (("../state", tarfile.REGTYPE), ("state", tarfile.SYMTYPE), ("memory", tarfile.DIRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = type_, "/etc/passwd"
            writing.addfile(member)
    assert unpack(archive, ("state", "memory")) == {}


def test_what_is_none_is_told():
    with pytest.raises(Unfit, match="no guest's memory"):
        unpack(io.BytesIO(os.urandom(4096)), ("state",))


def test_files_are_closed_with_the_stream():
    file = io.BytesIO(STATE)
    pack({"state": file}).close()
    assert file.closed
