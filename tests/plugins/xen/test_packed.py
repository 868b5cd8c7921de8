from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmf_xen.packed import PIECE, Damaged, pieces

DATA = bytes(range(256)) * 20_000
HUNGRY = {"id": lzma.FILTER_LZMA2, "dict_size": 2**30, "nice_len": 8, "mode": 1, "mf": 3}


def by_program(*words):
    return lambda data: subprocess.run(words, input=data, check=True, capture_output=True).stdout


BY_PROGRAM = {"zstd": by_program("zstd", "-qc"), "lz4": by_program("lz4", "-lqc")}
"""Programs that unpack by themselves all that follows."""


PACKERS = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "bzip2": bz2.compress,
    **BY_PROGRAM,
}


@pytest.fixture
def unpacked(tmp_path):
    """What is in a file whose bytes these are, and what follows it there."""

    def unpacked(packed):
        (tmp_path / "file").write_bytes(packed)
        with (tmp_path / "file").open("rb") as file:
            found = list(pieces(file))
            assert all(len(piece) <= PIECE for piece in found)
            return b"".join(found), file.read()

    return unpacked


@pytest.mark.parametrize("name", PACKERS)
def test_it_comes_piece_by_piece_however_it_is_packed(name, unpacked):
    assert unpacked(PACKERS[name](DATA))[0] == DATA


@pytest.mark.parametrize("name", sorted(PACKERS.keys() - BY_PROGRAM.keys()))
def test_what_follows_is_left_to_whoever_reads(name, unpacked):
    assert unpacked(PACKERS[name](DATA) + b"what follows") == (DATA, b"what follows")


WRONG = {
    "nothing": b"",
    "zeros": bytes(1000),
    "lzo, which is not known here": b"\x89LZO\0\r\n\x1a\n" + bytes(100),
    **{f"{name}, cut off": PACKERS[name](DATA)[:-100] for name in sorted(PACKERS.keys() - BY_PROGRAM.keys())},
    **{f"{name}, damaged at once": PACKERS[name](DATA)[:4] + bytes(9) for name in BY_PROGRAM},
    "what wants too much memory": lzma.compress(DATA, filters=[HUNGRY]),
}


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_damaged(name, unpacked):
    with pytest.raises(Damaged):
        unpacked(WRONG[name])


@pytest.mark.parametrize("name", BY_PROGRAM)
def test_without_the_program_for_it_that_is_said(monkeypatch, unpacked, name):
    packed = PACKERS[name](DATA)
    monkeypatch.setattr("vmf.files.programs.find", lambda _: None)
    with pytest.raises(Damaged, match=f"there is no {name} here"):
        unpacked(packed)


@given(st.sampled_from([b"\x1f\x8b", b"\xfd7zXZ\0", b"\x5d\0\0", b"BZh"]), st.binary(max_size=300))
def test_whatever_follows_a_magic_nothing_else_goes_wrong(magic, rest):
    with suppress(Damaged):
        list(pieces(io.BytesIO(magic + rest)))
