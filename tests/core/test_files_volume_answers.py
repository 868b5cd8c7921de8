"""Answers that a guest writes on its results volume while its script runs: never taken for results, nor half of one."""

from __future__ import annotations

import io
import tarfile

import pytest

from vmf.files import volume
from vmf.files.volume import Answer
from vmf.result import Said, Word
from volumes import LIMITS, member, read, refusals, tar

ASKED = "a5ed" * 8
DONE = f"0 {ASKED}\n".encode()


def answer(*members, said=DONE, end=ASKED):
    return tar(*members, begin=("answer", said), end=("vmf-end", f"{end}\n".encode()))


def look(data):
    return volume.look(io.BytesIO(data), nonce=ASKED)


def unpack(data, folder):
    return volume.unpack_answer(io.BytesIO(data), nonce=ASKED, folder=folder, limits=LIMITS)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (DONE, Answer(code=0, words="")),
        (f"busy {ASKED}\n".encode(), Answer(code=None, words="")),
        (f"2 {ASKED}\nls: \x1b[2J\nno\n".encode(), Answer(code=2, words=r"ls: \x1b[2J; no")),
        (f"0 {'0' * 32}\n".encode(), None),
        (ASKED.encode(), None),
        (b"", None),
        (DONE + bytes(600), None),
    ],
)
def test_how_far_the_guest_is(said, told):
    assert look(answer(said=said)) == told


@pytest.mark.parametrize("data", [b"", bytes(2048), volume.magic(ASKED), b"x" * 2048, tar(), answer()[:520]])
def test_what_is_no_answer_is_none(data):
    assert look(data) is None


def test_what_is_handed_out_is_unpacked(folder):
    files = (member("at/folder", type=tarfile.DIRTYPE), member("at/folder/x", b"x"))
    assert unpack(answer(*files) + b"of an older answer", folder) == Word(said=Said.ALL, files=("at/folder/x",))
    assert (folder / "at/folder/x").read_bytes() == b"x"


@pytest.mark.parametrize("data", [answer(end="0" * 32), answer(member("at/x", b"x" * 3000))[:3000], b"", tar()])
def test_without_its_end_it_is_cut_short(folder, data):
    assert unpack(data, folder).said is Said.PART


def test_a_hostile_answer_stays_in_its_folder(folder):
    names = ("../x", "/x", "at/../../x", "answer")
    link = member("at/link", type=tarfile.SYMTYPE, linkname="/etc")
    word = unpack(answer(*(member(name, b"x") for name in names), link), folder)
    assert (word.said, word.files) == (Said.ALL, ())
    assert refusals(word).keys() == {*names, "at/link"}
    assert list(folder.iterdir()) in ([], [folder / "at"])
    assert [*folder.parent.glob("x")] == []


def test_an_answer_is_no_word_about_the_results(folder):
    """Whoever asked, the job ends as it would have ended."""
    assert read(answer(member("at/x", b"x")), folder, wanted=["x"]) == Word(said=Said.NOTHING, missing=("x",))
    assert list(folder.iterdir()) == []


def test_results_over_an_answer_are_the_results(folder):
    before, results = answer(member("at/long", b"x" * 9000)), tar(member("a", b"y"), end=None)
    assert read(tar(member("a", b"y")) + before[len(tar()) :], folder).said is Said.ALL
    cut = results[:2048] + before[2048:]
    assert read(cut, folder).said is Said.PART
