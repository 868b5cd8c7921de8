"""Holes are neither read nor filled, whatever is copied or summed."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest

from vmf.disks.reading import SliceReader
from vmf.files import sparse
from vmf.files.sparse import GRAIN, PIECE, Extent
from vmf.model import Slice

SIZE = 64 * 2**20
WHOLE = Slice(offset=0, size=PIECE)
PARTS = {0: b"start", 8 * 2**20: b"middle" * 10_000, 40 * 2**20 - 3: b"across"}


@pytest.fixture
def holed(tmp_path):
    """A file with three stretches of data, and what is in it."""
    path = tmp_path / "holed"
    content = bytearray(SIZE)
    with path.open("wb") as file:
        for at, data in PARTS.items():
            file.seek(at)
            file.write(data)
            content[at : at + len(data)] = data
        file.truncate(SIZE)
    return path, bytes(content)


def taken(path):
    return path.stat().st_blocks * 512


def ignore(_done, _size):
    """Whoever waits has nothing to say."""


def test_the_stretches_of_a_file_are_all_of_it(holed):
    path, content = holed
    with path.open("rb") as file:
        file.seek(7)
        found = list(sparse.extents(file.fileno(), 0, SIZE))
        assert file.read(3) == content[7:10]
    assert [each.hole for each in found] == [False, True, False, True, False, True]
    assert [found[0].start, *(each.end for each in found)] == [*(each.start for each in found), SIZE]
    assert not any(any(content[each.start : each.end]) for each in found if each.hole)
    assert sum(each.end - each.start for each in found if not each.hole) < 2**20


def test_a_stretch_can_begin_and_end_anywhere(holed):
    path, _ = holed
    with path.open("rb") as file:
        assert list(sparse.extents(file.fileno(), 2**20, 3 * 2**20)) == [Extent(2**20, 3 * 2**20, hole=True)]
        assert list(sparse.extents(file.fileno(), 1, 4)) == [Extent(1, 4, hole=False)]
        assert list(sparse.extents(file.fileno(), SIZE, SIZE)) == []


@pytest.mark.parametrize("part", [None, Slice(offset=3, size=9 * 2**20), Slice(offset=2**20, size=1)])
@pytest.mark.parametrize("wrap", [lambda file: file, lambda file: io.BytesIO(file.read())])
def test_a_sum_is_that_of_the_content(holed, part, wrap):
    path, content = holed
    meant = content[part.offset : part.offset + part.size] if part else content
    with path.open("rb") as file:
        assert sparse.sha256(wrap(file), part, check=ignore) == hashlib.sha256(meant).hexdigest()


@pytest.mark.parametrize("wrap", [lambda file: file, lambda file: io.BufferedReader(SliceReader(file, WHOLE))])
def test_of_a_file_that_is_cut_off_meanwhile_there_is_no_sum(tmp_path, wrap):
    path = tmp_path / "cut"
    path.write_bytes(b"x" * PIECE)
    with path.open("rb") as file, pytest.raises(OSError, match="became shorter"):
        sparse.sha256(wrap(file), check=lambda _done, _size: os.truncate(path, PIECE // 2))


def test_holes_are_summed_without_being_read(tmp_path, monkeypatch):
    path = tmp_path / "hole"
    with path.open("wb") as file:
        file.truncate(3 * PIECE)
    with path.open("rb", buffering=0) as file:
        monkeypatch.setattr(sparse, "_ZEROS", b"1" * PIECE)  # it is seen whether they are taken for the hole
        assert sparse.sha256(file, check=ignore) == hashlib.sha256(b"1" * 3 * PIECE).hexdigest()


def test_a_sum_says_how_far_it_is_and_can_be_broken_off(holed):
    path, _ = holed
    told = []
    with path.open("rb") as file:
        sparse.sha256(file, check=lambda done, size: told.append((done, size)))
        assert told == sorted(told)
        assert {size for _, size in told} == {SIZE}
        assert told[-1][0] > SIZE - 2 * PIECE
        with pytest.raises(ZeroDivisionError):
            sparse.sha256(file, check=lambda _done, _size: 1 / 0)


def copied(source, target, report=ignore):
    with target.open("x+b") as out:
        sparse.copy(source, out, report)


@pytest.mark.parametrize("range_", [os.copy_file_range, None])
def test_a_copy_of_a_file_has_its_holes(holed, tmp_path, monkeypatch, range_):
    path, content = holed

    def refused(*_):
        raise OSError(errno.EXDEV, "across two file systems")

    monkeypatch.setattr(os, "copy_file_range", range_ or refused)
    told = []
    with path.open("rb") as source:
        copied(source, tmp_path / "copy", lambda done, size: told.append((done, size)))
    assert (tmp_path / "copy").read_bytes() == content
    assert taken(tmp_path / "copy") == taken(path)
    assert told[-1] == (SIZE, SIZE)
    assert told == sorted(told)


def test_zeros_of_a_stream_become_holes(holed, tmp_path):
    _, content = holed
    copied(io.BytesIO(content), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert taken(tmp_path / "copy") <= (len(PARTS) + 2) * GRAIN


def test_what_unpacks_is_read_and_not_copied_as_it_lies(tmp_path):
    import gzip  # noqa: PLC0415  # here only

    with gzip.open(tmp_path / "packed", "wb") as packed:
        packed.write(b"content")
    with gzip.open(tmp_path / "packed", "rb") as packed:
        copied(packed, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"content"


class Failing(io.FileIO):
    """A file of a host whose disk fails."""

    def readinto(self, _buffer):
        raise ZeroDivisionError


def test_the_error_of_a_disk_is_told_by_the_one_whose_it_is(holed, tmp_path, monkeypatch):
    path, _ = holed

    def failed(*_):
        raise OSError(errno.EIO, "somewhere")

    monkeypatch.setattr(os, "copy_file_range", failed)
    with io.BufferedReader(Failing(path)) as source, pytest.raises(ZeroDivisionError):
        copied(source, tmp_path / "copy")
    full = Path("/dev/full")
    with path.open("rb") as source, full.open("r+b", buffering=0) as out, pytest.raises(OSError, match="No space"):
        sparse._copy_piece(source, out, 0, 5)


def test_a_copy_can_be_broken_off(holed, tmp_path):
    path, _ = holed
    for number, source in enumerate((path.open("rb"), io.BytesIO(b"1"))):
        with source, pytest.raises(ZeroDivisionError):
            copied(source, tmp_path / str(number), lambda _done, _size: 1 / 0)


def test_what_is_punched_takes_no_room_and_moves_nothing(tmp_path):
    path = tmp_path / "console.log"
    path.write_bytes(b"x" * 8 * GRAIN)
    before = taken(path)
    with path.open("ab", buffering=0) as file:
        sparse.punch(file.fileno(), GRAIN, 7 * GRAIN)
        sparse.punch(file.fileno(), 7 * GRAIN, 6 * GRAIN)
        sparse.punch(file.fileno(), 7 * GRAIN, 7 * GRAIN)
        file.write(b"end")
    assert path.read_bytes() == b"x" * GRAIN + bytes(6 * GRAIN) + b"x" * GRAIN + b"end"
    assert taken(path) <= before - 5 * GRAIN
