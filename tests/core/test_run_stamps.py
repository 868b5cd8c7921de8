"""Whether files are as they were, and whether two are the same."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.model import Access, Disk, DiskFormat, File
from vmf.run import stamps
from vmf.state import State


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "box.raw"
    path.write_bytes(bytes(512))
    return Disk(file=File(path=path), format=DiskFormat.RAW, access=Access.IN_PLACE)


def read(path):
    return path.open("rb")


def job(number, *disks, state=State.STARTING, host="farm"):
    """What is known of a job, as far as it matters here."""
    return SimpleNamespace(
        id=number,
        state=state,
        placement=SimpleNamespace(host=SimpleNamespace(name=host)),
        job=SimpleNamespace(name=f"j{number}", bundle=SimpleNamespace(disks=disks)),
    )


def write(path):
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(0, 0))


def move(path):
    path.rename(path.with_name("away"))


def put_another(path):
    move(path)
    path.write_bytes(bytes(512))


@pytest.mark.parametrize("change", [write, move, put_another])
def test_a_file_that_is_not_as_it_was_is_found(disk, change):
    before = stamps.stamps([disk], read)
    assert stamps.changed([disk], before, read) is None
    change(disk.file.path)
    assert stamps.changed([disk], before, read) is disk.file


def test_permissions_are_not_what_is_compared(disk):
    before = stamps.stamps([disk], read)
    disk.file.path.chmod(0o400)
    assert stamps.changed([disk], before, read) is None


def test_nothing_is_found_of_a_file_of_which_nothing_was_known(disk):
    before = stamps.stamps([replace(disk, file=File(path=disk.file.path.with_name("absent")))], read)
    assert before == {}
    write(disk.file.path)
    assert stamps.changed([disk], before, read) is None


@pytest.mark.parametrize("state", sorted(stamps.LOCKED))
def test_what_a_saved_guest_uses_is_nobody_elses_whatever_it_is_called(disk, state):
    link = disk.file.path.with_name("link.raw")
    link.hardlink_to(disk.file.path)
    other = replace(disk, file=File(path=link), access=Access.SNAPSHOT)
    with pytest.raises(JobFault, match=r"link\.raw is used by j1 \(job 1\), whose guest is saved") as raised:
        stamps.check_unlocked(job(2, other), [job(1, disk, state=state)], read)
    assert raised.value.code is HoldCode.DISK_IN_USE


def test_everything_else_may_be_used(disk):
    another = replace(disk, file=File(path=disk.file.path.with_name("another.raw")))
    another.file.path.write_bytes(bytes(512))
    shared = replace(disk, access=Access.READ)
    for mine, saved in (
        (disk, job(2, disk)),
        (disk, job(1, disk, host="elsewhere")),
        (disk, job(1, disk, state=State.IDLE)),
        (disk, job(1, another)),
        (shared, job(1, shared)),
    ):
        stamps.check_unlocked(job(2, mine), [saved], read)
