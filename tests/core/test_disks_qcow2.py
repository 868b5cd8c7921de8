"""Overlays as QEMU makes them are cut where they end."""

from __future__ import annotations

import io
import json
import os
import subprocess

import pytest

from qemu import qemu_img, qemu_io
from vmf.disks import qcow2
from vmf.disks.reading import Unfit
from vmf.model import DiskFormat
from vmf.testing import samples

LIMIT = 2**30


def trim(path):
    with path.open("r+b") as file:
        qcow2.trim(file)
    return path.stat().st_size


def extend(path, size=LIMIT):
    with path.open("r+b") as file:
        file.truncate(size)


def test_the_room_that_an_overlay_may_grow_into_does_not_come_back(changed):
    before = changed.stat().st_size
    extend(changed)
    assert trim(changed) == before
    assert "No errors" in qemu_img("check", changed)


def test_an_overlay_without_a_change_keeps_its_tables(base):
    path = base.with_name("new.qcow2")
    qemu_img("create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, path)
    extend(path)
    assert trim(path) <= 2**19
    assert "No errors" in qemu_img("check", path)
    with path.open("rb") as file:
        assert qcow2.check_overlay(file).size == base.stat().st_size


@pytest.mark.parametrize("cluster", [512, 65536, 2**21])
@pytest.mark.parametrize("bits", [1, 16, 64])
def test_zeros_that_the_tables_name_stay_though_they_are_a_hole_now(base, cluster, bits):
    path = base.with_name("zeros.qcow2")
    options = f"cluster_size={cluster},refcount_bits={bits}"
    qemu_img("create", "-q", "-f", "qcow2", "-o", options, "-F", "raw", "-b", base, path)
    qemu_io(path, "write -P 0 2M 6M")
    size = path.stat().st_size
    holed = base.with_name("holed.qcow2")
    subprocess.run(("cp", "--sparse=always", path, holed), check=True)
    extend(holed)
    assert size - cluster < trim(holed) <= size + 16 * cluster
    assert "No errors" in qemu_img("check", holed)


def test_what_is_no_overlay_is_not_cut(base):
    with base.open("r+b") as file:
        file.truncate(LIMIT)
    alone = base.with_name("alone.qcow2")
    qemu_img("create", "-q", "-f", "qcow2", alone, "1M")
    extend(alone)
    assert [trim(base), trim(alone)] == [LIMIT, LIMIT]


@pytest.mark.parametrize("at", [0, 2**63, 2**64 - 2**16])
def test_counts_that_lie_nowhere_cut_nothing(changed, at):
    extend(changed)
    with changed.open("rb") as file:
        table = qcow2.check_overlay(file).refcount_offset
    with changed.open("r+b") as file:
        file.seek(table)
        file.write(at.to_bytes(8, "big") * 100)
    assert trim(changed) == LIMIT


def test_a_header_of_the_guests_making_is_refused(changed):
    with changed.open("r+b") as file:
        file.seek(79)
        file.write(b"\4")  # its data is in another file
    with changed.open("rb") as file, pytest.raises(Unfit, match="in another file"):
        qcow2.check_overlay(file)
    with pytest.raises(Unfit, match="no qcow2 image"):
        qcow2.check_overlay(io.BytesIO(b"disk"))


def named(overlay, name):
    """An overlay's bytes when it calls the file beneath so."""
    file = io.BytesIO(overlay)
    qcow2.name_backing(file, name)
    return file.getvalue()


@pytest.mark.parametrize("name", ["b", "disk0.0", "disk127.15"])
def test_the_file_beneath_is_called_otherwise_and_nothing_else_changes(name):
    overlay = samples.overlay(b"content")
    assert overlay[256:266] == b"below\0\0\0\0\0"
    changed = named(overlay, name)
    assert changed[256:512] == name.encode().ljust(256, b"\0")
    assert changed[8:20] == (256).to_bytes(8, "big") + len(name).to_bytes(4, "big")
    assert (changed[:8], changed[20:256], changed[512:]) == (overlay[:8], overlay[20:256], overlay[512:])
    assert named(changed, "below") == overlay


@pytest.mark.parametrize(
    ("offset", "size"), [(8, 5), (256, 2**32 - 1), (508, 4), (508, 5), (2**63, 5), (2**64 - 1, 2**32 - 1)]
)
def test_a_name_is_written_nowhere_but_where_there_is_room_for_it(offset, size):
    overlay = bytearray(samples.overlay(b"content"))
    overlay[8:20] = offset.to_bytes(8, "big") + size.to_bytes(4, "big")
    with pytest.raises(Unfit, match=r"no room for the name disk0\.0"):
        named(bytes(overlay), "disk0.0")


def test_a_name_is_not_written_over_what_is_behind_the_old_one():
    overlay = bytearray(samples.overlay(b"content"))
    overlay[263] = 1
    assert named(bytes(overlay), "disk0.0")[256:264] == b"disk0.0\1"
    with pytest.raises(Unfit, match="no room"):
        named(bytes(overlay), "disk10.0")


def test_what_lies_on_nothing_is_given_no_name():
    with pytest.raises(Unfit, match="stands alone"):
        named(samples.qcow2(b"content"), "disk0.0")


def backing(path):
    """What QEMU says that an overlay lies on: name and format."""
    told = json.loads(qemu_img("info", "--output=json", path))
    return told["backing-filename"], told["backing-filename-format"]


@pytest.mark.parametrize("layout", DiskFormat)
def test_an_overlay_that_holds_nothing_is_one_to_qemu_too(base, layout):
    below, path = base.with_name("image0"), base.with_name("new")
    qemu_img("convert", "-O", layout, base, below)
    path.write_bytes(qcow2.empty(base.stat().st_size, "image0", layout))
    with path.open("rb") as file:
        assert qcow2.check_overlay(file).size == base.stat().st_size
    assert backing(path) == ("image0", layout)
    assert "No errors" in qemu_img("check", path)
    assert not any(each["depth"] == 0 for each in json.loads(qemu_img("map", "--output=json", path)))
    qemu_io(path, "read -P 0x62 0 1", "write -P 7 3M 5M", f"write -P 8 {base.stat().st_size - 512} 512")
    assert "No errors" in qemu_img("check", path)
    qemu_io(path, "read -P 7 3M 5M", "read -P 0x62 8M 1")


@pytest.mark.parametrize("size", [512, 2**29, 2**29 + 512, 2**40, 2**51])
def test_an_overlay_that_holds_nothing_is_as_short_as_qemu_makes_it(tmp_path, size):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(qcow2.empty(size, "below", DiskFormat.RAW))
    qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "below", theirs, size)
    assert ours.stat().st_size == theirs.stat().st_size
    (tmp_path / "below").touch()
    os.truncate(tmp_path / "below", 2**40)
    assert "No errors" in qemu_img("check", ours)


@pytest.mark.parametrize(
    ("size", "name"), [(0, "b"), (-1, "b"), (2**52, "b"), (2**90, "b"), (512, ""), (512, "é" * 512)]
)
def test_an_overlay_that_cannot_be_is_not_made(size, name):
    with pytest.raises(Unfit):
        qcow2.empty(size, name, DiskFormat.RAW)


@pytest.mark.parametrize("options", ["compat=0.10", "compat=1.1", "lazy_refcounts=on,cluster_size=512"])
def test_an_overlay_is_laid_over_another_file_by_its_first_cluster(base, options):
    elsewhere, path = base.with_name("x" * 80), base.with_name("overlay")
    qemu_img("convert", "-O", "vmdk", base, elsewhere)
    qemu_img("create", "-q", "-f", "qcow2", "-o", options, "-F", "raw", "-b", base, path)
    qemu_io(path, "write -P 7 3M 5M")
    with path.open("r+b") as file:
        first = file.read(65536 if "512" not in options else 512)
        new = qcow2.relaid(first, elsewhere.name, DiskFormat.VMDK)
        file.seek(0)
        file.write(new)
    assert len(new) == len(first)
    assert backing(path) == (elsewhere.name, "vmdk")
    assert "No errors" in qemu_img("check", path)
    qemu_io(path, "read -P 7 3M 5M", "read -P 0x62 8M 1")
    assert qcow2.relaid(new, elsewhere.name, DiskFormat.VMDK) == new


def test_what_an_overlay_says_beside_the_file_beneath_stays(changed):
    first = changed.read_bytes()[:65536]
    at = first.index(b"dirty bit")  # the names of features, an extension of the header
    new = qcow2.relaid(first, "b", DiskFormat.QCOW2)
    assert first[at : at + 9] in new
    assert (new[:8], new[20:72]) == (first[:8], first[20:72])
    assert str(changed.with_name("base.raw")).encode() not in new


def test_only_overlays_with_room_are_laid_over_another_file(changed):
    first = changed.read_bytes()[:65536]
    for part, name in ((first[:65535], "b"), (first, "b" * 1024), (samples.qcow2(b"content"), "b"), (b"disk", "b")):
        with pytest.raises(Unfit):
            qcow2.relaid(part, name, DiskFormat.RAW)
    external = bytearray(first)
    external[79] = 4  # its data is in another file
    with pytest.raises(Unfit, match="in another file"):
        qcow2.relaid(bytes(external), "b", DiskFormat.RAW)
