"""What has come of a file: whoever reads gets the file's bytes, whatever is in the cache already."""

from __future__ import annotations

import hashlib
import io
import random
import threading
from contextlib import ExitStack, closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.blocks import sums
from vmf.blocks.cache import Cache, Wrong
from vmf.blocks.sums import BLOCK, Sums

SIZE = 5 * BLOCK + 1234
NOISE = random.Random(7).randbytes(SIZE)  # noqa: S311  # the same in every process
FILE = NOISE[: 2 * BLOCK] + bytes(BLOCK) + NOISE[3 * BLOCK :]
"""There is a hole in it."""
LISTED, SHA256 = sums.listed(io.BytesIO(FILE), SIZE)

places = st.integers(0, SIZE - 1).flatmap(lambda at: st.tuples(st.just(at), st.integers(1, min(SIZE - at, 3 * BLOCK))))


class Source:
    """Has the file elsewhere, and counts what is asked."""

    def __init__(self, file=FILE):
        self.file = file
        self.asked = []

    def __call__(self, start, size):
        self.asked.append((start, size))
        return self.file[start : start + size]


@pytest.fixture
def path(tmp_path):
    return tmp_path / SHA256


@pytest.fixture
def cache():
    with ExitStack() as opened:
        yield lambda path, source: opened.enter_context(closing(begun(path, source)))


def begun(path, source):
    return Cache(path, Sums(LISTED, SIZE), source)


def test_the_sums_are_those_of_the_blocks():
    assert hashlib.sha256(FILE).hexdigest() == SHA256
    assert LISTED[:32] == hashlib.sha256(FILE[:BLOCK]).digest()
    assert LISTED[-32:] == hashlib.sha256(FILE[5 * BLOCK :]).digest()


def test_a_list_of_another_length_is_refused():
    with pytest.raises(ValueError, match="no list of the sums of 6 blocks"):
        Sums(LISTED[:-32], SIZE)


@settings(max_examples=25)
@given(
    reads=st.lists(places, min_size=1, max_size=6),
    spoilt=st.lists(st.tuples(st.integers(0, SIZE - 1), st.binary(min_size=1, max_size=BLOCK)), max_size=4),
)
def test_any_reads_give_the_file_s_bytes_whatever_was_left_before(reads, spoilt, tmp_path_factory):
    path = tmp_path_factory.mktemp("cache") / SHA256
    with path.with_name(f"{SHA256}.part").open("wb") as left:  # of a computer that lost its power
        for at, data in spoilt:
            left.seek(at)
            left.write(data)
    opened = begun(path, Source())
    for at, size in reads:
        assert opened.read(at, size) == FILE[at : at + size]
    opened.close()
    again, source = begun(path, Source()), Source()
    for at, size in reads:
        assert again.read(at, size) == FILE[at : at + size]
    assert source.asked == []
    again.close()


def test_what_is_there_is_not_fetched_again_and_zeros_are_not_fetched_at_all(cache, path):
    first, source = cache(path, Source()), Source()
    first.read(0, SIZE)
    first.close()
    again = cache(path, source)
    assert again.read(0, SIZE) == FILE
    assert source.asked == []
    empty = cache(path.with_name("other"), source)
    assert empty.read(2 * BLOCK, BLOCK) == bytes(BLOCK)
    assert source.asked == []


def test_a_run_of_blocks_is_fetched_at_once(cache, path):
    source = Source()
    cache(path, source).read(3 * BLOCK + 5, 2 * BLOCK)
    assert source.asked == [(3 * BLOCK, SIZE - 3 * BLOCK)]


def test_what_several_want_at_once_is_fetched_once(cache, path):
    began, go_on, asked = threading.Event(), threading.Event(), []

    def slow(start, size):
        asked.append((start, size))
        began.set()
        assert go_on.wait(30)
        return FILE[start : start + size]

    opened, read = cache(path, slow), []
    several = [threading.Thread(target=lambda: read.append(opened.read(10, 100))) for _ in range(5)]
    for each in several:
        each.start()
    assert began.wait(30)
    go_on.set()
    for each in several:
        each.join(30)
    assert read == [FILE[10:110]] * 5
    assert asked == [(0, BLOCK)]


@pytest.mark.parametrize("sent", [bytes(SIZE), FILE[1:] + b"x", FILE[: BLOCK // 2]])
def test_what_is_of_another_file_never_comes_to_be_read(cache, path, sent):
    opened = cache(path, Source(sent))
    with pytest.raises(Wrong):
        opened.read(0, 10)
    assert not opened.has(0, 10)
    opened.close()
    assert cache(path, Source()).read(0, 10) == FILE[:10]


def test_who_waits_for_what_fails_tries_for_himself(cache, path):
    calls = iter([OSError("gone"), None])

    def once_broken(start, size):
        if fault := next(calls, None):
            raise fault
        return FILE[start : start + size]

    opened = cache(path, once_broken)
    with pytest.raises(OSError, match="gone"):
        opened.read(0, 10)
    assert opened.read(0, 10) == FILE[:10]


def test_a_file_gets_its_name_once_it_is_whole(cache, path):
    opened = cache(path, Source())
    opened.read(0, SIZE)
    assert not path.exists()
    opened.settle(SHA256)
    assert path.read_bytes() == FILE
    assert [*path.parent.iterdir()] == [path]


def test_blocks_that_make_another_file_do_not_get_its_name(cache, path):
    opened = cache(path, Source())
    opened.read(0, SIZE)
    with pytest.raises(Wrong, match="are not those of the file"):
        opened.settle("0" * 64)
    assert not path.exists()


def test_a_whole_file_that_was_damaged_since_is_mended(cache, path):
    path.write_bytes(FILE)
    with path.open("r+b") as file:
        file.seek(BLOCK)
        file.write(b"damage")
    source = Source()
    assert cache(path, source).read(0, SIZE) == FILE
    assert source.asked == [(BLOCK, BLOCK)]
    assert path.read_bytes() == FILE
