"""Overlays as QEMU makes them are cut where they end."""

from __future__ import annotations

import io
import subprocess

import pytest

from qemu import qemu_img, qemu_io
from vmf.disks import qcow2
from vmf.disks.reading import Unfit

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
