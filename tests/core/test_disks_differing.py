from __future__ import annotations

import io
import os
import shutil
import subprocess

import pytest

from vmf.disks import differing
from vmf.disks.layered import Layered
from vmf.errors import Refused
from vmf.files.sparse import GRAIN
from vmf.hookspecs import unreported
from vmf.model import DiskFormat
from vmf.testing.bench import break_off

BEYOND_A_TABLE = 8192 * GRAIN
"""Bytes that the first table of an overlay tells of."""


@pytest.fixture
def overlaid(tmp_path):
    """Makes an overlay of what a disk has become; its path."""

    def overlaid(was, now):
        (tmp_path / "was").write_bytes(was)
        before = differing.digests(io.BytesIO(was), unreported)
        with (tmp_path / "changed.qcow2").open("w+b") as target:
            grains = differing.changed(io.BytesIO(now), before, bytearray(), unreported)
            differing.write(target, grains, size=len(now), name="was", layout=DiskFormat.RAW)
        return tmp_path / "changed.qcow2"

    return overlaid


def read(overlay):
    """The disk as QEMU makes it of the overlay and what lies beneath."""
    raw = overlay.with_name("raw")
    subprocess.run((shutil.which("qemu-img"), "check", "-q", overlay), check=True)
    subprocess.run((shutil.which("qemu-img"), "convert", "-O", "raw", overlay, raw), check=True)
    return raw.read_bytes()


def test_what_was_changed_comes_back_and_no_more_is_kept(overlaid):
    was = os.urandom(20 * GRAIN)
    now = bytearray(was)
    now[5 * GRAIN + 7] ^= 1
    now[9 * GRAIN : 11 * GRAIN] = bytes(2 * GRAIN)
    overlay = overlaid(was, bytes(now))
    assert read(overlay) == now
    assert overlay.stat().st_size < 8 * GRAIN
    with Layered(io.BytesIO(was), [overlay.open("rb")]) as layered:
        assert io.BufferedReader(layered).read() == now


def test_nothing_was_changed(overlaid):
    was = os.urandom(3 * GRAIN)
    assert read(overlaid(was, was)) == was


def test_a_disk_may_end_within_a_grain(overlaid):
    was = os.urandom(GRAIN + 512)
    now = was[:-1] + bytes([was[-1] ^ 1])
    assert read(overlaid(was, now)) == now


def test_a_large_disk_has_several_tables_and_blocks_of_counts(tmp_path):
    size = 5 * BEYOND_A_TABLE + GRAIN
    numbers = [0, *range(8190, 8194), 5 * 8192]
    with (tmp_path / "was").open("wb") as was, (tmp_path / "changed.qcow2").open("w+b") as target:
        was.truncate(size)
        grains = ((number, bytes([number % 251]) * GRAIN) for number in numbers)
        differing.write(target, grains, size=size, name="was", layout=DiskFormat.RAW)
    subprocess.run((shutil.which("qemu-img"), "check", "-q", tmp_path / "changed.qcow2"), check=True)
    with Layered((tmp_path / "was").open("rb"), [(tmp_path / "changed.qcow2").open("rb")]) as layered:
        for number in numbers:
            layered.seek(number * GRAIN)
            assert set(layered.read(512)) == {number % 251}
        layered.seek(8194 * GRAIN)
        assert set(layered.read(512)) == {0}


def test_more_clusters_than_one_block_counts(tmp_path):
    with (tmp_path / "changed.qcow2").open("w+b") as target:
        grains = ((number, b"x" * 512) for number in range(32768))
        differing.write(target, grains, size=32768 * GRAIN, name="was", layout=DiskFormat.RAW)
        (tmp_path / "was").touch()
        subprocess.run((shutil.which("qemu-img"), "check", "-q", target.name), check=True)


def test_what_is_becomes_what_was_for_the_next():
    was, now = bytes(4 * GRAIN), bytes(GRAIN) + b"x" * GRAIN + bytes(2 * GRAIN)
    after = bytearray()
    [*differing.changed(io.BytesIO(now), differing.digests(io.BytesIO(was), unreported), after, unreported)]
    assert [*differing.changed(io.BytesIO(now), bytes(after), bytearray(), unreported)] == []
    assert [number for number, _ in differing.changed(io.BytesIO(was), bytes(after), bytearray(), unreported)] == [1]


def test_it_can_be_broken_off():
    with pytest.raises(Refused):
        differing.digests(io.BytesIO(bytes(GRAIN)), break_off)
