from __future__ import annotations

from vmf.run.follower import CHUNKS, Follower


def follower(console: bytes, piece: int, heard: list[bytes] | None = None):
    told = []
    hear = [] if heard is None else heard

    def read(offset):
        return console[offset : offset + piece]

    return Follower(read, told.append, told.append, hear=hear.append, before=bytes), told


def test_it_passes_on_what_is_new_and_once_only():
    following, told = follower(b"one two", 3)
    assert not following.follow()
    assert not following.follow()
    assert told == [b"one", b" tw", b"o"]
    assert following.contents() == b"one two"


def test_a_flood_is_followed_in_bounded_steps_and_finished_at_the_end():
    following, told = follower(b"x" * 3 * CHUNKS, 1)
    assert following.follow()
    assert len(told) == CHUNKS
    following.finish()
    assert len(told) == 3 * CHUNKS


def test_what_the_host_no_longer_keeps_is_not_shown():
    following, told = follower(b"first\n" + bytes(100) + b"last\n", 20)
    following.finish()
    assert told == [b"first\n", b"last\n"]
    assert following.contents() == b"first\n" + bytes(100) + b"last\n"


def test_what_the_host_no_longer_keeps_is_heard_as_it_is_so_that_no_two_halves_make_a_line():
    console, heard = b"X = 1" + bytes(100) + b"23\n", []
    following, _ = follower(console, 20, heard)
    following.finish()
    assert b"".join(heard) == console


def test_what_had_been_said_by_an_instant_is_told_whoever_has_read_how_far():
    for read in (0, 1, 5):
        following, _ = follower(b"one two three", 2)
        for _ in range(read):
            following._log.feed(following._next())
            following._offset += 2
        assert following.until(7) == b"one two"
        assert following.until(None)[:7] == b"one two"
