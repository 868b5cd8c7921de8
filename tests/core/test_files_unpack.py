"""Whatever a guest's tar holds, nothing of it gets outside the folder, and what is refused is named."""

from __future__ import annotations

import stat
import tarfile
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.files.volume import Limits
from vmf.result import Said
from volumes import member, read, refusals, tar

FUZZ = settings(database=None, max_examples=300)
HOSTILE = [
    (member("../up", b"x"), "leads out of the folder"),
    (member("a/../../up", b"x"), "leads out of the folder"),
    (member("/abs", b"x"), "absolute"),
    (member("sym", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a symbolic link"),
    (member("hard", type=tarfile.LNKTYPE, linkname="exit-code"), "a hard link"),
    (member("chr", type=tarfile.CHRTYPE), "a character device"),
    (member("blk", type=tarfile.BLKTYPE), "a block device"),
    (member("pipe", type=tarfile.FIFOTYPE), "a named pipe"),
    (member("odd", b"x", type=b"M"), "something unknown"),
    (member("new\nline", b"x"), "control characters"),
    (member("esc\x1b[2J", b"x"), "control characters"),
    (member("\u202egnp.exe", b"x"), "control characters"),
    (member("c" * 256, b"x"), "part of its name exceeds 255"),
    (member("p/" * 600 + "q", b"x"), "longer than 1024"),
    (member("d/" * 65 + "e", b"x"), "more than 64 folders deep"),
    (member("big", b"x" * (2**20 + 1)), "more than 1 MiB in all"),
    (member("./", b"x"), "no name"),
    (member("out", b"again"), "came before"),
    (member("out/below", b"x"), "a file of that name came before"),
    (member("out", type=tarfile.DIRTYPE), "a file of that name came before"),
    (member("sub", b"x"), "came before"),
]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(("hostile", "reason"), HOSTILE, ids=[reason for _, reason in HOSTILE])
def test_each_hostile_entry_is_refused_by_name_and_the_rest_unpacked(folder, hostile, reason, format):  # noqa: A002  # as above
    before, after = member("out", b"first"), member("sub/after", b"kept")
    word = read(tar(before, member("sub", type=tarfile.DIRTYPE), hostile, after, format=format), folder)
    assert (word.said, word.exit_code, word.files) == (Said.ALL, 7, ("out", "sub/after"))
    assert len(word.refused) == 1
    assert reason in word.refused[0].reason
    assert word.refused[0].name.isprintable()
    assert (folder / "out").read_bytes() == b"first"
    assert sorted(path.name for path in folder.rglob("*")) == ["after", "out", "sub"]


def test_a_name_that_is_not_utf_8_is_refused(folder):
    data = tar(member("a\udcff", b"x"))
    assert b"a\xff" in data
    word = read(data, folder)
    assert (word.said, refusals(word)) == (Said.ALL, {"a\ufffd": "its name has control characters or is not UTF-8"})


def test_no_more_than_the_limits_is_unpacked(folder):
    members = [member(f"f{number}", b"xx") for number in range(300)]
    word = read(tar(*members, member("x/y/z")), folder, limits=Limits(bytes=100, files=10))
    assert (word.said, len(word.files), len(word.refused)) == (Said.ALL, 10, 101)
    assert word.refused[-1].reason == "191 more were refused"
    word = read(
        tar(member("g/1", b"x" * 60), member("2", b"x" * 60), member("3", b"x" * 40)), folder, limits=Limits(bytes=100)
    )
    assert (word.files, refusals(word)) == (("3", "g/1"), {"2": "it would make more than 100 bytes in all"})


def test_a_nest_of_folders_counts_as_files(folder):
    word = read(tar(member("a/" * 20 + "b")), folder, limits=Limits(bytes=1, files=10))
    assert "more than 10 files and folders" in word.refused[0].reason
    assert len(list(folder.rglob("*"))) == 10


@pytest.mark.parametrize("mtime", [-5, 2**40])
def test_a_time_that_cannot_be_is_not_kept(folder, mtime):
    assert read(tar(member("a", b"x", mtime=mtime)), folder).files == ("a",)
    assert 1_500_000_000 < (folder / "a").stat().st_mtime < 2**33


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_an_extended_header_of_a_huge_claimed_size_ends_the_reading(folder, kind):
    entry, _ = member("././@LongLink", type=kind)
    entry.size = 2**40
    word = read(tar(end=None)[:1024] + entry.tobuf(tarfile.GNU_FORMAT) + b"x" * 2**20, folder)
    assert word.said is Said.PART
    assert refusals(word) == {"byte 1024": "its extended header is larger than 64 KiB"}


@pytest.mark.parametrize(
    "record",
    [
        b"999 path=a\n",
        b"5 a=b",
        b"0 path=\n",
        b"14 size=-1000\n",
        b"13 mtime=nan\n",
        b"path=a\n",
        b"8 size=\n",
        b"6 a=b\n0 c=d\n",
    ],
)
def test_a_malformed_extended_header_ends_the_reading(folder, record):
    entry, _ = member("pax", record, type=b"x")
    word = read(tar(end=None)[:1024] + entry.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0"), folder)
    assert word.said is Said.PART
    assert word.refused[0].name == "byte 1024"


@pytest.mark.parametrize("size", [-1, -512, 2**63, 2**80])
def test_a_size_that_cannot_be_ends_the_reading(folder, size):
    entry, _ = member("a")
    entry.size = size
    word = read(tar(end=None)[:1024] + entry.tobuf(tarfile.GNU_FORMAT) + tar()[1024:], folder)
    assert (word.said, word.files, refusals(word)) == (Said.PART, (), {"byte 1024": "its size is no size"})


def test_a_damaged_header_ends_the_reading(folder):
    data = tar(member("a", b"x"), member("b", b"y"))
    word = read(data.replace(b"b\0\0", b"c\0\0", 1), folder)
    assert (word.said, word.files, refusals(word)) == (Said.PART, ("a",), {"byte 2048": "no tar header is here"})


def test_a_link_that_claims_a_size_has_no_content(folder):
    entry, _ = member("hard", type=tarfile.LNKTYPE, linkname="a")
    entry.size = 5000
    word = read(tar(end=None)[:1024] + entry.tobuf(tarfile.GNU_FORMAT) + tar(member("a", b"x"))[1024:], folder)
    assert (word.said, word.files, refusals(word).keys()) == (Said.ALL, ("a",), {"hard"})


def test_a_folder_of_the_oldest_kind_is_one(folder):
    word = read(tar(member("old/", type=tarfile.AREGTYPE)), folder, wanted=["old"])
    assert (word.said, word.files, word.missing, word.refused) == (Said.ALL, (), (), ())
    assert (folder / "old").is_dir()


def test_a_large_entry_under_a_small_ones_name_is_not_kept_in_memory(folder):
    data = tar(begin=("exit-code", b"1" * 2**25))
    tracemalloc.start()
    assert read(data, folder).exit_code is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


RICH = tar(
    member("out/a", b"x" * 700),
    member("l" * 150, b"y", mode=0o755),
    member("sym", type=tarfile.SYMTYPE, linkname="../../.."),
    member("sym/in", b"z"),
)
RICH_PAX = tar(member("ü" * 80, b"y", mtime=1.5), member("sub", type=tarfile.DIRTYPE), format=tarfile.PAX_FORMAT)


def judge(data):
    with TemporaryDirectory() as around:
        inside = Path(around) / "results"
        inside.mkdir()
        word = read(data, inside)
        assert list(Path(around).iterdir()) == [inside]
        for path in inside.rglob("*"):
            assert stat.S_IFMT(path.lstat().st_mode) in {stat.S_IFREG, stat.S_IFDIR}
        found = tuple(sorted(str(path.relative_to(inside)) for path in inside.rglob("*") if path.is_file()))
        assert found == word.files
        assert (word.said is Said.ALL) <= (word.exit_code is not None)


@FUZZ
@given(st.binary(max_size=3000))
def test_any_bytes_at_all_are_a_word(data):
    judge(data)


@FUZZ
@given(st.sampled_from([RICH, RICH_PAX]), st.data())
def test_a_tar_with_any_bytes_changed_stays_inside(data, draw):
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(data) - 1))
        new = draw.draw(st.binary(min_size=1, max_size=20))
        changed[at : at + len(new)] = new
    for start in range(512, len(changed) - 511, 512):
        if changed[start + 257 : start + 262] == b"ustar":  # mended, so that the change itself is what is read
            block = changed[start : start + 512]
            total = sum(block) - sum(block[148:156]) + 256
            changed[start + 148 : start + 156] = b"%06o\0 " % total
    judge(bytes(changed))
