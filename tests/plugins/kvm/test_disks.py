from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.model import MEBIBYTE, Access, Bus, DiskFormat, Ending, Limits, MachineDisk, Slice

pytestmark = pytest.mark.real

STREAM = ("-o", "subformat=streamOptimized")
TELLS = """
for disk in /dev/vd[a-d] /dev/sda; do
  word=$(head -c 9 $disk | tr -d '\\0')
  echo changed | dd of=$disk conv=notrunc,fsync 2>/dev/null && wrote=yes || wrote=no
  echo "$word of $(blockdev --getsize64 $disk), written: $wrote"
done 2>/dev/null
echo ready
while :; do sleep 1; done
"""
FINDS = "for disk in /dev/sd*; do head -c 6 $disk; echo; done"


@pytest.fixture
def make(new_home):
    """Makes disks that the daemon's user may read and write, each with a word at its beginning."""
    folder = new_home().with_name("disks")
    folder.mkdir()

    def make(word, *, layout=DiskFormat.RAW, size=MEBIBYTE, offset=None, options=()):
        plain, made = folder / "plain", folder / word
        plain.write_text(word)
        os.truncate(plain, size)
        subprocess.run(("qemu-img", "convert", "-f", "raw", "-O", layout, *options, plain, made), check=True)
        part = None
        if offset is not None:
            part = Slice(offset=offset, size=made.stat().st_size)
            made.write_bytes(b"x" * offset + made.read_bytes() + b"y" * 512)
        made.chmod(0o666)
        return MachineDisk(file=str(made), format=layout, part=part)

    return make


def content(disks):
    return [Path(disk.file).read_bytes() for disk in disks]


def test_disks_are_read_and_written_as_the_job_says(connection, host, put, make):
    kept, shared = make("kept"), make("reference", layout=DiskFormat.QCOW2)
    disks = (
        make("original"),
        replace(kept, access=Access.IN_PLACE),
        replace(shared, access=Access.READ),
        make("packed", layout=DiskFormat.VMDK, offset=1536, options=STREAM),
        replace(make("partition", offset=MEBIBYTE), bus=Bus.SCSI),
    )
    before = content(disks)
    machine, _ = put(connection, TELLS, disks=disks, limits=Limits(disk_rate=50 * MEBIBYTE))
    other, _ = put(connection, TELLS, disks=(disks[2],))
    for each in (machine, other):
        connection.create(each)
        host.until(lambda each=each: connection.console(each.name, 0), lambda text: b"ready" in text)
    told = connection.console(machine.name, 0).decode().splitlines()
    words = ("original", "kept", "reference", "packed", "partition")
    assert [line for line in told if "written" in line] == [
        f"{word} of {MEBIBYTE}, written: {'no' if word == 'reference' else 'yes'}" for word in words
    ]
    assert f"reference of {MEBIBYTE}, written: no" in connection.console(other.name, 0).decode()
    now = content(disks)
    assert now[1].startswith(b"changed")
    assert now[:1] + now[2:] == before[:1] + before[2:]
    assert rates(connection, machine) == {(50 * MEBIBYTE, "machine")}
    for disk, access in (
        *((kept, each) for each in Access),
        (disks[0], Access.IN_PLACE),
        (shared, Access.IN_PLACE),
    ):
        third, _ = put(connection, TELLS, disks=(replace(disk, access=access),))
        with pytest.raises(JobFault, match=f"{disk.file} is used by another machine") as caught:
            connection.create(third)
        assert caught.value.code is HoldCode.DISK_IN_USE


def test_a_guest_finds_its_disc_and_all_of_many_disks(connection, host, put, make):
    scsi = tuple(replace(make(f"scsi{number:02}"), bus=Bus.SCSI) for number in range(16))
    sata = tuple(replace(scsi[0], bus=Bus.SATA) for _ in range(8))  # this guest has no driver for them
    machine, _ = put(connection, FINDS, disks=(*sata, *scsi))
    connection.create(machine)
    assert host.until_off(connection, machine.name).ending is Ending.SHUTDOWN
    told = connection.console(machine.name, 0).decode().split()
    assert sorted(word for word in told if word.startswith("scsi")) == [f"scsi{number:02}" for number in range(16)]


def rates(connection, machine):
    """The bytes that a second may bring to and from each disk, and from which others they are taken, as QEMU has it."""
    drives = "vda", "vdb", "vdc", "vdd", "sda", "vde"
    told = connection.client.on(machine.name, lambda domain: [domain.blockIoTune(drive) for drive in drives])
    return {(each["total_bytes_sec"], each["group_name"]) for each in told}


def test_an_overlay_that_begins_with_more_than_it_may_grow_to_is_refused(connection, put, make):
    huge = make("huge", layout=DiskFormat.QCOW2)
    subprocess.run(("qemu-img", "create", "-q", "-f", "qcow2", huge.file, "100T"), check=True)
    machine, _ = put(connection, TELLS, disks=(replace(huge, growth=MEBIBYTE),))
    with pytest.raises(JobFault, match="disk0 may grow to 1 MiB, and begins with") as caught:
        connection.create(machine)
    assert "disk_space" in caught.value.hint
