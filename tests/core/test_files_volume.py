"""The guest's word is read whatever it is, and nothing of it gets outside the folder."""

from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import tarfile

import pytest

from vmf.files import volume
from vmf.published import SIZE_MOST
from vmf.result import Refusal, Said, Word
from volumes import END, LIMITS, MAGIC, NONCE, member, read, refusals, tar


def test_a_volume_is_sparse_and_private(tmp_path):
    path = tmp_path / "results.raw"
    volume.make(path, size=2 * 2**20, magic=MAGIC)
    found = path.stat()
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (2 * 2**20, 0o600)
    assert found.st_blocks * 512 < 2**16
    assert path.read_bytes().rstrip(b"\0") == b"VMF-RESULTS-1 " + NONCE.encode() + b"\n"
    assert list(tmp_path.iterdir()) == [path]


def test_nonces_differ_and_the_magic_fills_a_sector():
    assert len({volume.new_nonce() for _ in range(10)}) == 10
    assert len(volume.magic(volume.new_nonce())) == 512
    assert volume.end_line(MAGIC) == NONCE.encode() + b"\n"


def test_an_untouched_volume_says_nothing(tmp_path, folder):
    volume.make(tmp_path / "v", size=2**20, magic=MAGIC)
    word = read((tmp_path / "v").read_bytes(), folder, wanted=["a"])
    assert word == Word(said=Said.NOTHING, missing=("a",))


def test_another_attempts_magic_is_no_word(folder):
    word = read(volume.magic(volume.new_nonce()) + bytes(2**20), folder)
    assert (word.said, word.exit_code, word.files) == (Said.PART, None, ())


@pytest.mark.parametrize("options", [["tar"], ["tar", "--format=pax"], ["tar", "--format=ustar"], ["busybox", "tar"]])
def test_what_real_tars_write_is_read(tmp_path, folder, options):
    guest = tmp_path / "guest"
    (guest / "out" / "deep").mkdir(parents=True)
    (guest / "exit-code").write_text("0\n")
    (guest / "vmf-end").write_bytes(END[1])
    (guest / "out" / "deep" / ("n" * 60 + "-ü")).write_bytes(b"x" * 70_000)
    (guest / "out" / "deep" / "tool").write_text("#!/bin/sh\n")
    (guest / "out" / "deep" / "tool").chmod(0o4751)
    (guest / "out" / "empty").mkdir()
    os.utime(guest / "out" / "deep" / "tool", (1_000_000_000, 1_000_000_000))
    long = f"out/{'d' * 90}/{'e' * 90}"
    (guest / long).mkdir(parents=True)
    (guest / long / "last").write_text("end")
    made = subprocess.run(
        [*options, "-c", "-C", guest, "./exit-code", "out", "vmf-end"], capture_output=True, check=True
    )
    word = read(made.stdout + bytes(4096), folder, wanted=["out/", "out/empty", f"{long}/last", "nothing"])
    assert word == Word(
        said=Said.ALL,
        exit_code=0,
        files=tuple(sorted((f"{long}/last", f"out/deep/{'n' * 60}-ü", "out/deep/tool"))),
        missing=("nothing",),
    )
    for name in word.files:
        assert (folder / name).read_bytes() == (guest / name).read_bytes()
    tool, plain = (folder / "out" / "deep" / name for name in ("tool", "n" * 60 + "-ü"))
    assert stat.S_IMODE(tool.stat().st_mode) == 0o755
    assert stat.S_IMODE(plain.stat().st_mode) == 0o644
    assert tool.stat().st_mtime == 1_000_000_000
    assert (folder / "out" / "empty").is_dir()


@pytest.mark.parametrize("options", [["--format=gnu"], ["--format=pax"]])
def test_a_real_sparse_file_is_refused_and_the_rest_kept(tmp_path, folder, options):
    (tmp_path / "exit-code").write_text("0\n")
    (tmp_path / "vmf-end").write_bytes(END[1])
    (tmp_path / "after").write_text("kept")
    with (tmp_path / "holes").open("wb") as file:
        for at in range(40):  # more pieces than one header can list
            file.seek(at * 2**20)
            file.write(b"x" * 4096)
    command = ["tar", "-cS", *options, "-C", tmp_path, "exit-code", "holes", "after", "vmf-end"]
    word = read(subprocess.run(command, capture_output=True, check=True).stdout, folder)
    assert (word.said, word.files) == (Said.ALL, ("after",))
    assert refusals(word) == {"holes": "it is a sparse file; only files and folders are taken"}


def test_the_contracts_own_entries_are_not_unpacked_and_vmfs_names_are_its_own(folder):
    mine = ("./exit-code", ".//vmf-end", "result.json", "console.log/x", "sub/result.json")
    word = read(tar(*(member(name, b"1\n") for name in mine)), folder)
    assert (word.said, word.exit_code, word.files) == (Said.ALL, 7, ("sub/result.json",))
    assert refusals(word) == dict.fromkeys(mine[:4], "that name is vmf's own")


@pytest.mark.parametrize("cut", [513, 1024, 1536, 2000, 2048])
def test_a_stream_cut_anywhere_says_part(folder, cut):
    word = read(tar(member("a", b"x" * 600), end=None)[:cut], folder)
    assert (word.said, word.files) == (Said.PART, ())
    assert list(folder.iterdir()) == []


def test_what_was_complete_before_the_cut_is_unpacked(folder):
    word = read(tar(member("a", b"x"), member("b", b"y" * 9000))[:4000], folder, wanted=["a", "b"])
    assert word == Word(
        said=Said.PART,
        exit_code=7,
        files=("a",),
        missing=("b",),
        refused=(Refusal(name="b", reason="the stream ends in the middle of it"),),
    )
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_without_the_nonce_at_its_end_nothing_is_proved(folder):
    assert read(tar(end=None), folder).said is Said.PART
    assert read(tar(end=("vmf-end", b"another\n")), folder).said is Said.PART
    assert read(tar(member("vmf-end", type=tarfile.DIRTYPE), end=None), folder).said is Said.PART
    assert read(tar(member("vmf-end", END[1], type=b"M"), end=None), folder).said is Said.PART


@pytest.mark.parametrize("code", [b"", b"256\n", b"-1\n", b"7", b"7\n\n", b"\xd9\xa7\n", b"1" * 4000])
def test_an_exit_code_that_is_none_ends_the_reading(folder, code):
    word = read(tar(member("a", b"x"), begin=("exit-code", code)), folder)
    assert (word.said, word.exit_code, word.files) == (Said.PART, None, ())
    assert refusals(word) == {"exit-code": "the first entry must be exit-code: 0 to 255 and a newline"}


def test_the_exit_code_comes_first(folder):
    word = read(tar(begin=("a", b"0\n")), folder)
    assert (word.said, word.exit_code, refusals(word).keys()) == (Said.PART, None, {"a"})


def test_no_space_left_is_our_fault_not_the_guests(folder, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "utime", full)
    with pytest.raises(OSError, match="No space left"):
        read(tar(member("a", b"x")), folder)
    assert list(folder.iterdir()) == []


def test_the_stream_is_read_forward_in_any_pieces_and_no_further_than_the_last_word(folder):
    data = tar(member("a", b"x" * 5000))

    class Trickle(io.RawIOBase):
        def __init__(self):
            self.at = 0

        def read(self, size=-1):
            assert size >= 0
            piece = data[self.at : self.at + min(size, 100)]
            self.at += len(piece)
            assert self.at <= data.index(END[1]) + 512
            return piece

    word = volume.read(Trickle(), magic=MAGIC, wanted=[], folder=folder, limits=LIMITS)
    assert (word.said, word.files) == (Said.ALL, ("a",))


def test_what_a_guest_publishes_is_read_and_not_unpacked(folder):
    word = read(tar(member("vmf-attributes", b"A = 1\n"), member("a", b"x")), folder)
    assert (word.said, word.attributes, word.files, word.refused) == (Said.ALL, b"A = 1\n", ("a",), ())


def test_of_what_is_too_long_to_be_published_little_is_kept(folder):
    word = read(tar(member("vmf-attributes", b"A = 1\n" * 2**16), member("a", b"x")), folder)
    assert SIZE_MOST < len(word.attributes) < 2 * SIZE_MOST
    assert word.files == ("a",)


def test_only_a_file_publishes(folder):
    word = read(tar(member("vmf-attributes/b", b"B = 1\n"), member("vmf-attributes", type=tarfile.SYMTYPE)), folder)
    assert (word.attributes, word.files) == (b"", ())
    assert len(word.refused) == 2
