from __future__ import annotations

import os
import struct
import subprocess

import pytest

from vmf.errors import HoldCode, JobFault
from vmf.model import DiskFormat, Slice
from vmf_kvm.overlays import Overlay, disk_size
from vmf_libvirt.account import Account

SIZE = 3 * 2**20
STREAM = ("-o", "subformat=streamOptimized")
FORMATS = {
    "qcow2": (DiskFormat.QCOW2, ()),
    "vmdk": (DiskFormat.VMDK, ()),
    "stream": (DiskFormat.VMDK, STREAM),
    "raw": (DiskFormat.RAW, ()),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_disk_is_as_big_as_the_guest_sees_it(tmp_path, kind):
    layout, options = FORMATS[kind]
    raw, path = tmp_path / "raw", tmp_path / "disk"
    raw.write_bytes(bytes(SIZE))
    subprocess.run(("qemu-img", "convert", "-f", "raw", "-O", layout, *options, raw, path), check=True)
    assert disk_size(path, layout, None) == SIZE
    inside = tmp_path / "inside"
    inside.write_bytes(b"x" * 700 + path.read_bytes() + b"y" * 100)
    assert disk_size(inside, layout, Slice(offset=700, size=path.stat().st_size)) == SIZE


@pytest.mark.parametrize("layout", [DiskFormat.QCOW2, DiskFormat.VMDK])
@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"KDMV", b"#!/bin/sh\n" * 100])
def test_a_file_of_another_format_is_the_jobs_fault(tmp_path, layout, content):
    path = tmp_path / "disk"
    path.write_bytes(content)
    with pytest.raises(JobFault, match=r"it is no|it ends within") as caught:
        disk_size(path, layout, None)
    assert caught.value.code is HoldCode.IMAGE_INVALID


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JobFault, match="named pipe") as caught:
        disk_size(tmp_path / "pipe", DiskFormat.RAW, None)
    assert caught.value.code is HoldCode.IMAGE_INVALID


def test_a_file_that_has_gone_is_the_jobs_fault(tmp_path):
    with pytest.raises(JobFault) as caught:
        disk_size(tmp_path / "gone", DiskFormat.RAW, None)
    assert caught.value.code is HoldCode.IMAGE_MISSING


def test_what_lies_beneath_is_not_opened_when_the_overlay_is_made(tmp_path):
    me = Account(name="me", uid=os.geteuid(), gid=os.getegid(), groups=(os.getegid(),))
    base = tmp_path / "base"
    base.write_bytes(struct.pack(">4s20xQ", b"QFI\xfb", 2**20 + 1).ljust(4096, b"\xff"))  # QEMU would not open it
    overlay = Overlay(file=str(tmp_path / "disk0"), base=str(base), format=DiskFormat.QCOW2)
    with overlay.start(me, "qemu-img") as process:
        assert process.communicate() == (None, b"")
    made = (tmp_path / "disk0").read_bytes()
    assert made.startswith(b"QFI\xfb")
    assert struct.unpack_from(">Q", made, 24) == (2**20 + 512,)
    assert str(base).encode() in made
