"""Overlays as QEMU makes them are cut where they end."""

from __future__ import annotations

import io
import subprocess

import pytest

from qemu import qemu_img, qemu_io
from vmf.disks import qcow2
from vmf.disks.reading import Unfit
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
