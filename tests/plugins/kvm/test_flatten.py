"""Whole disks, made by the real qemu-img of overlays of machines that libvirt describes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import pytest

from vmf.disks import qcow2
from vmf.disks.flatten import QemuImg, commit
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import programs
from vmf.hookspecs import unreported
from vmf.model import Access, DiskFormat, Machine, MachineDisk, Slice
from vmf_kvm.domain import xml
from vmf_kvm.flatten import beneath, whole
from vmf_kvm.folder import Folder
from vmf_kvm.place import Place
from vmf_libvirt import account
from vmf_libvirt.described import Layer

SIZE = 4 * 2**20
CHANGED = b"\7" * 2**16


@pytest.fixture
def folder(tmp_path):
    machines = tmp_path / "machines"
    machines.mkdir()
    folder = Folder(machines=machines, name="m1", account=account.find())
    folder.make()
    return folder


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.raw"
    path.write_bytes(b"base" * (SIZE // 4))
    path.chmod(0o644)
    return path


@pytest.fixture
def instead(new_home):
    """Makes a program that everybody may run."""

    def make(script):
        program = new_home().with_name("program")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return str(program)

    return make


def described(folder, *disks):
    """What libvirt keeps of a machine with these disks."""
    machine = Machine(name="m1", memory=2**28, cpus=1, accelerator="tcg", disks=disks)
    return xml(machine, Place(folder=folder.path, sockets=Path("/run"), devices=frozenset({"/dev/sda"})))


def changed(folder, number=0):
    """An overlay over what is not there any more, in which the guest has written."""
    path, gone = folder.path / f"disk{number}", folder.machines / "gone"
    gone.write_bytes(bytes(SIZE))
    subprocess.run(("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", gone, path), check=True)
    subprocess.run(("qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 64k", path), check=True, stdout=subprocess.DEVNULL)
    gone.unlink()
    os.chown(path, folder.account.uid, folder.account.gid)
    path.chmod(0o600)


def content(stream, tmp_path):
    """What is on the disk in a qcow2 that is read as the engine does."""
    with (tmp_path / "copy").open("wb") as copy:
        shutil.copyfileobj(stream, copy)
    with (tmp_path / "copy").open("rb") as copy:
        qcow2.check(copy)
    subprocess.run(("qemu-img", "convert", "-O", "raw", tmp_path / "copy", tmp_path / "raw"), check=True)
    return (tmp_path / "raw").read_bytes()


PART = Slice(offset=512, size=1024)


@pytest.mark.parametrize(
    ("disk", "expected"),
    [
        (MachineDisk(file="/a b.raw", format=DiskFormat.RAW), (Layer(file="/a b.raw", format=DiskFormat.RAW),)),
        (
            MachineDisk(file="/a.qcow2", format=DiskFormat.QCOW2, growth=2**30),
            (Layer(file="/a.qcow2", format=DiskFormat.QCOW2),),
        ),
        (MachineDisk(file="/dev/sda", format=DiskFormat.RAW), (Layer(file="/dev/sda", format=DiskFormat.RAW),)),
        (
            MachineDisk(file="/a.ova", format=DiskFormat.VMDK, part=PART),
            (Layer(file="/a.ova", format=DiskFormat.VMDK, part=PART),),
        ),
        (
            MachineDisk(file="/a.raw", format=DiskFormat.RAW, part=PART, layers=("/1.qcow2", "/2.qcow2")),
            (
                Layer(file="/2.qcow2", format=DiskFormat.QCOW2),
                Layer(file="/1.qcow2", format=DiskFormat.QCOW2),
                Layer(file="/a.raw", format=DiskFormat.RAW, part=PART),
            ),
        ),
        (MachineDisk(file="/a.raw", format=DiskFormat.RAW, access=Access.IN_PLACE), ()),
        (MachineDisk(file="/a.raw", format=DiskFormat.RAW, access=Access.READ), ()),
    ],
)
def test_what_lies_beneath_is_what_the_machine_was_made_of(folder, disk, expected):
    other = MachineDisk(file="/other.raw", format=DiskFormat.RAW)
    description = described(folder, other, disk)
    assert beneath(description, folder.path / "disk1") == expected
    assert [layer.file for layer in beneath(description, folder.path / "disk0")] == ["/other.raw"]
    assert not beneath(description, folder.path / "disk2")
    assert not beneath("", folder.path / "disk0")


def flattened(folder, base, number=0, program=None, **more):
    disk = MachineDisk(file=str(base), format=DiskFormat.RAW, **more)
    return whole(
        folder, f"disk{number}", described(folder, disk), program or programs.find(programs.QEMU_IMG), unreported
    )


@pytest.mark.parametrize("again", [False, True])
def test_a_whole_disk_holds_its_base_and_the_change(folder, base, tmp_path, again):
    changed(folder)
    if again:
        flattened(folder, base).close()
    with flattened(folder, base) as stream:
        assert [each.name for each in folder.path.iterdir()] == ["disk0"]
        assert os.fstat(stream.fileno()).st_uid == folder.account.uid
        made = content(stream, tmp_path)
    original = base.read_bytes()
    assert made == original[: 2**20] + CHANGED + original[2**20 + len(CHANGED) :]
    assert base.read_bytes() == b"base" * (SIZE // 4)


def test_it_is_the_user_of_the_guests_who_makes_it(folder, base, instead):
    """What that user may not read ends in no disk, whoever asks."""
    changed(folder)
    program = instead("id -u >&2; exit 1")
    with pytest.raises(HostFault, match=rf"one disk: {folder.account.uid}\b"):
        flattened(folder, base, program=program)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder, _: (folder.path / "disk0").unlink(), "No such file"),
        (lambda folder, _: (folder.path / "disk0").write_bytes(b"no disk"), "no qcow2 image"),
        (lambda folder, _: os.truncate(folder.path / "disk0", 2**17), "lies outside the file"),
    ],
)
def test_what_cannot_be_made_whole_is_the_hosts_fault_and_leaves_nothing(folder, base, damage, words):
    changed(folder)
    damage(folder, base)
    with pytest.raises(HostFault, match=words):
        flattened(folder, base)
    assert {each.name for each in folder.path.iterdir()} <= {"disk0"}


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        (lambda base: base.unlink(), HoldCode.IMAGE_MISSING, "No such file"),
        (lambda base: os.truncate(base, 0), HoldCode.IMAGE_INVALID, "it is empty"),
    ],
)
def test_an_original_that_is_not_what_it_was_is_the_jobs_fault(folder, base, damage, code, words):
    """So the host is not asked again and again."""
    changed(folder)
    damage(base)
    with pytest.raises(JobFault, match=f"{base}: .*{words}") as caught:
        flattened(folder, base)
    assert caught.value.code is code
    assert [each.name for each in folder.path.iterdir()] == ["disk0"]


def test_a_disk_without_an_overlay_is_not_made(folder, base):
    changed(folder)
    with pytest.raises(HostFault, match="machine m1 has no overlay disk0"):
        flattened(folder, base, access=Access.IN_PLACE)


def test_a_full_host_is_told(folder, base, instead):
    """As many bytes as a file may have stand for those that are left."""
    changed(folder)
    limited = instead(f'ulimit -f 512; trap "" XFSZ; exec {programs.find(programs.QEMU_IMG)} "$@"')
    with pytest.raises(HostFault, match="File too large") as caught:
        flattened(folder, base, program=limited)
    assert "check the space" in caught.value.hint
    assert [each.name for each in folder.path.iterdir()] == ["disk0"]


@pytest.mark.parametrize("layout", [DiskFormat.QCOW2, DiskFormat.RAW])
def test_an_overlay_is_merged_into_what_it_lies_on_and_nothing_else_is_opened(tmp_path, layout):
    base, bottom, top = (tmp_path / name for name in ("base", "bottom", "top"))
    base.write_bytes(b"b" * SIZE)
    lowest = base if layout is DiskFormat.RAW else bottom
    run = partial(subprocess.run, check=True)
    if layout is DiskFormat.QCOW2:
        run(("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, bottom))
    run(("qemu-img", "create", "-q", "-f", "qcow2", "-F", layout, "-b", lowest, top))
    run(("qemu-io", "-f", "qcow2", "-c", "write -P 1 65536 1000", "-c", "write -z 131072 65536", top))
    run(("qemu-img", "convert", "-O", "raw", top, tmp_path / "wanted"))
    if layout is DiskFormat.QCOW2:
        base.rename(tmp_path / "gone")
    tool = QemuImg(program="qemu-img", scratch=tempfile.TemporaryFile)
    for _ in range(2):
        with top.open("rb") as upper, lowest.open("rb") as lower:
            commit(tool, upper, lower, layout)
    if layout is DiskFormat.QCOW2:
        (tmp_path / "gone").rename(base)
        assert base.read_bytes() == b"b" * SIZE
    run(("qemu-img", "convert", "-f", layout, "-O", "raw", lowest, tmp_path / "found"))
    assert (tmp_path / "found").read_bytes() == (tmp_path / "wanted").read_bytes()
