from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, JobFault
from vmf.model import DiskFormat, Slice
from vmf_kvm import snapshots
from vmf_libvirt.described import Layer, disks

GOLDEN = Path(__file__).with_name("golden")
FOLDER = Path("/host/machines/job")
LIVE = (GOLDEN / "live.xml").read_text()
"""How libvirt 9.0 described a machine of which snapshots 1 and 2 had been taken, and nothing folded."""
ROOM = Slice(offset=0, size=400 * 2**20)


def layer(name, layout=DiskFormat.QCOW2, part=None):
    return Layer(file=str(FOLDER / name), format=layout, part=part)


def test_what_a_guest_changes_is_told_with_what_it_lies_on():
    disk, results = snapshots.owned(LIVE, FOLDER)
    assert (disk.disk, disk.number, disk.names) == ("vda", 0, ("disk0", "disk0-1", "disk0-2"))
    assert {each.part for each in disk.layers} == {ROOM}
    assert [each.file for each in disk.beneath] == ["/images/big.raw"]
    assert (results.disk, results.number, results.names) == ("vdb", None, ("results", "results-1", "results-2"))
    assert results.beneath == ()


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("results", ("results", "results-1", "results-2")),
        ("volume-1", ("results",)),
        ("volume-2", ("results", "results-1")),
        ("volume-3", ()),
    ],
)
def test_the_results_volume_is_found_as_it_was_at_each_snapshot(name, files):
    assert snapshots.results(LIVE, FOLDER, name) == files


def test_a_machine_that_is_not_there_has_the_results_volume_that_was_put_there():
    assert snapshots.results("", FOLDER, "results") == ("results",)
    assert snapshots.results("", FOLDER, "volume-1") == ()


def test_qemus_name_of_a_file_is_found():
    assert re.fullmatch("libvirt-[0-9]+-format", snapshots.node(LIVE, str(FOLDER / "results-2")))
    assert snapshots.node(LIVE, str(FOLDER / "results-3")) == ""
    assert snapshots.node("", str(FOLDER / "results")) == ""


def test_a_snapshot_puts_layers_on_what_the_guest_changes_and_on_nothing_else():
    overlays = {own.disk: own.overlay(3) for own in snapshots.owned(LIVE, FOLDER)}
    assert [(Path(each.file).name, Path(each.base).name, each.room) for each in overlays.values()] == [
        ("disk0-3", "disk0-2", ROOM.size),
        ("results-3", "results-2", None),
    ]
    taken = snapshots.snapshot(LIVE, overlays, "/host/machines/job/memory-3")
    assert taken == (GOLDEN / "snapshot.xml").read_text()


def test_a_disk_that_is_written_elsewhere_keeps_its_machine_from_being_taken():
    elsewhere = LIVE.replace("<source file='/host/machines/job/cdrom'", "<source file='/data/kept'")
    snapshots.check(elsewhere, FOLDER)
    written = elsewhere.replace("device='cdrom'", "device='disk'", 1).replace("<readonly/>", "", 1)
    with pytest.raises(JobFault, match="/data/kept is written in place") as caught:
        snapshots.check(written, FOLDER)
    assert caught.value.code is HoldCode.REFUSED


def test_layers_that_are_merged_are_in_the_definition_no_more():
    disk, results = snapshots.owned(LIVE, FOLDER)
    chains = {own.disk: (own.layers[-1], *own.beneath) for own in (disk, results)}
    changed = snapshots.rechained(LIVE, chains)
    assert [each.layers for each in disks(changed)[:2]] == [
        (layer("disk0", part=ROOM), Layer(file="/images/big.raw", format=DiskFormat.RAW)),
        (layer("results", DiskFormat.RAW),),
    ]
    assert disks(changed)[2:] == disks(LIVE)[2:]
    assert snapshots.rechained(changed, chains) == ""
    found = ET.fromstring(changed).find("devices/disk")  # noqa: S314  # our own
    assert found.find("driver").attrib == {
        "name": "qemu", "type": "qcow2", "cache": "writeback", "discard": "unmap",
    }  # fmt: skip


def test_a_chain_of_another_disk_changes_nothing():
    assert snapshots.rechained(LIVE, {"vdz": (layer("disk9"),)}) == ""


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (("disk0", "disk0-1", "disk0-2", "results", "results-2", "cdrom", "console.log"), ()),
        (("disk0-3", "disk0.1", "memory-2", "nvram-2"), ("disk0-3", "disk0.1", "memory-2", "nvram-2")),
        (("memory", "nvram", "restore", "disk1", "memory-x", "results-", "disk-1"), ()),
    ],
)
def test_what_snapshots_have_left_is_told_from_what_is_used(names, left):
    assert snapshots.left(LIVE, names) == left


def test_nothing_is_let_go_that_the_machine_has_open():
    nodes = ("libvirt-6-storage", "libvirt-99-storage", "libvirt-99-format", "#block123", "libvirt-pflash0-storage")
    assert snapshots.unused(nodes, LIVE) == ("libvirt-99-format", "libvirt-99-storage")


def test_layers_are_counted_with_their_disk():
    assert snapshots.summed({"disk0": 1, "disk0-7": 2, "disk0.1": 4, "disk10": 8, "results": 16}) == {
        "disk0": 7,
        "disk10": 8,
    }


def test_qemus_stream_is_found_behind_what_is_written_before_it():
    for room, whole in ((0, 92 + len("<domain/>\0")), (200, 200)):
        start = snapshots.saved("<domain/>", room)
        assert start[:16] == b"LibvirtQemudSave"
        assert start[92:].rstrip(b"\0") == b"<domain/>"
        assert len(start) == snapshots.room(start, len(start) + 5) == whole


@pytest.mark.parametrize(
    "start",
    [
        b"",
        snapshots.saved("<domain/>")[:50],
        snapshots.saved("<domain/>").replace(b"Save", b"Part", 1),
        snapshots.HEADER.pack(snapshots.SAVED, 2, 2**32 - 1, 1, 0, 0),
        snapshots.HEADER.pack(snapshots.SAVED, 3, 1, 1, 0, 0),
        snapshots.HEADER.pack(snapshots.SAVED, 2, 1, 1, 1, 0),
    ],
)
def test_a_memory_file_that_is_none_is_not_read(start):
    with pytest.raises(Unfit, match="complete"):
        snapshots.room(start, 2**33)
