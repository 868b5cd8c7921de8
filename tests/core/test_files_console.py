"""Text from guests is safe for a terminal, however it is cut, and bounded."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.files.console import BoundedLog, Escaper, Typescript, escape, one_line, rest

FUZZ = settings(database=None)
CONSOLE = st.lists(
    st.sampled_from([b"\r", b"\n", b"\t", b"\x1b[2J", b"\xc2\x9b", "é\u202e".encode(), b"\xff", b"login: "])
)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain \xc3\xa9\tok\n", "plain é\tok\n"),
        (b"\x1b[31mred\x07", r"\x1b[31mred\x07"),
        (b"nul\0 del\x7f", r"nul\x00 del\x7f"),
        (b"one\r\ntwo\r\r\nthree", "one\ntwo\nthree"),
        (b"10%\r20%\r", "10%\n20%\n"),
        (b"\xc2\x9b31m \xc2\x85", r"\x9b31m \x85"),
        ("\u202egnp.exe\u2066\u2028".encode(), r"\u202egnp.exe\u2066\u2028"),
        (b"cut \xe2\x82", "cut \ufffd"),
        (b"back\\slash", r"back\slash"),
    ],
)
def test_escape_shows_what_a_terminal_would_act_on(data, text):
    assert escape(data) == text


@FUZZ
@given(st.binary())
def test_nothing_but_newline_and_tab_can_steer_the_terminal(data):
    steering = {each for each in escape(data) if unicodedata.category(each) in {"Cc", "Zl", "Zp"}}
    assert steering <= {"\n", "\t"}
    assert all(unicodedata.bidirectional(each) not in {"RLO", "LRO", "RLE", "RLI", "FSI"} for each in escape(data))


@FUZZ
@given(CONSOLE.map(b"".join) | st.binary(), st.data())
def test_chunks_escape_as_the_whole(data, draw):
    escaper = Escaper()
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=5)))
    parts = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert "".join(map(escaper.feed, parts)) + escaper.close() == escape(data)


def test_a_chunk_is_not_kept_waiting_for_more_than_its_last_character():
    escaper = Escaper()
    assert escaper.feed(b"login: \xe2\x82") == "login: "
    assert escaper.feed(b"\xac\r") == "€"
    assert escaper.feed(b"\n") == "\n"
    assert escaper.close() == ""


def test_a_name_stays_within_its_line_and_its_length():
    assert one_line(b"a\nb\tc\x1b") == r"a\nb\tc\x1b"
    assert one_line(b"x" * 10_000, limit=10) == "xxxxxxxxxx…"


def test_a_short_log_is_kept_whole():
    log = BoundedLog(10)
    for piece in (b"0123", b"456", b"789"):
        log.feed(piece)
    assert log.contents() == b"0123456789"


def test_a_long_log_keeps_its_two_ends_and_says_what_is_left_out():
    log = BoundedLog(8)
    log.feed(b"head")
    for _ in range(1000):
        log.feed(b"...")
    log.feed(b"tail")
    assert log.contents() == b"head\n[vmf: 3000 bytes are left out here]\ntail"
    log.feed(b"!")
    assert log.contents() == b"head\n[vmf: 3001 bytes are left out here]\nail!"


@FUZZ
@given(st.lists(st.binary(max_size=40)), st.integers(0, 50))
def test_a_log_never_keeps_more_than_its_limit(pieces, limit):
    log, whole = BoundedLog(limit), b"".join(pieces)
    for piece in pieces:
        log.feed(piece)
    if len(whole) <= limit:
        assert log.contents() == whole
    else:
        head, _, rest = log.contents().partition(b"\n[vmf: %d bytes are left out here]\n" % (len(whole) - limit))
        assert len(head) + len(rest) == limit
        assert whole.startswith(head)
        assert whole.endswith(rest)


@FUZZ
@given(st.binary(max_size=60), st.integers(1, 20), st.integers(0, 70))
def test_what_a_log_kept_goes_on_where_a_reader_stopped(whole, limit, read):
    log = BoundedLog(limit)
    log.feed(whole)
    unread, last = whole[read:], limit // 2
    if len(whole) <= limit or len(unread) <= last:
        assert rest(log.contents(), read, limit=limit) == unread
    elif read <= limit - last:
        assert rest(log.contents(), read, limit=limit) == log.contents()[read:]
    else:
        assert rest(log.contents(), read, limit=limit) == whole[len(whole) - last :]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"one\r\ntwo\b\t3", "one\r\ntwo\b\t3"),
        (b"\x1b[1;31mred\x1b[m \x1b[2K\x1b[10;20H\x1b[J", "\x1b[1;31mred\x1b[m \x1b[2K\x1b[10;20H\x1b[J"),
        (b"bell\x07 \x1b[?2004h\x1b[6n\x1b[4h\x1b=$", "bell $"),
        (b"\x1b]0;title\x07", r"\x1b]0;title"),
        (b"\x1bP1$r\x1b\\ \x1b[99999A \x1b[3;4r \x1bc", r"\x1bP1$r\x1b\ \x1b[99999A \x1b[3;4r \x1bc"),
        ("\u202e\x9b31m\xff".encode(), "\\u202e\\x9b31m\xff"),
        (b"\x1b[" + b"1;" * 40 + b"m", r"\x1b[" + "1;" * 40 + "m"),
    ],
)
def test_at_a_console_the_cursor_moves_and_nothing_else_of_the_terminal_does(data, text):
    for size in (1, 3, len(data)):
        typescript = Typescript()
        pieces = (data[start : start + size] for start in range(0, len(data), size))
        assert "".join(map(typescript.feed, pieces)) == text


@FUZZ
@given(st.lists(st.binary(max_size=30) | CONSOLE.map(b"".join)))
def test_no_other_control_character_reaches_the_terminal(pieces):
    typescript = Typescript()
    shown = "".join(map(typescript.feed, pieces))
    bare = re.sub(r"\x1b\[[0-9;]{0,80}[@A-HJ-MPXdfm]|[\b\r\n\t]", "", shown)
    assert not {each for each in bare if unicodedata.category(each) == "Cc"}
