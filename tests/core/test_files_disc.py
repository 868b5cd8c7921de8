"""Discs hold every name that Linux allows, or none of a disc is made; they are read back before they count."""

from __future__ import annotations

import os
import resource
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycdlib import PyCdlib

from vmf.errors import JobFault, VmfError
from vmf.files import disc, iso9660, source

FUZZ = settings(database=None, max_examples=50)
NAMES = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in {".", "..", "\x01"} and len(name.encode()) <= 253
)
STRANGE = (
    "x" * 253, "ä" * 126, "new\nline", "\x01\x1b[31m", "-rf", "'", '"', "back\\slash", "a;1", "dots...", " ", "*?:",
    "😀", "e\u0301", "é", "case", "CASE", "RR_MOVED", "rr_moved", "con", "~", "$(id)", "tab\t",
)  # fmt: skip

NOT_JOLIET = {"x" * 253, "ä" * 126, "new\nline", "\x01\x1b[31m", "back\\slash", "a;1", "*?:", "😀", "tab\t"}


@contextmanager
def reading(path):
    iso = PyCdlib()
    iso.open(str(path))
    yield iso
    iso.close()


def contents(path):
    """What the library finds by Rock Ridge, path by path; None for a folder."""
    found = {}
    with reading(path) as iso:
        for folder, _, names in iso.walk(rr_path="/"):
            if folder != "/":
                found[folder[1:]] = None
            for name in names:
                where = f"{folder.rstrip('/')}/{name}"
                with iso.open_file_from_iso(rr_path=where) as file:
                    found[where[1:]] = file.read()
    return found


@FUZZ
@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.binary(max_size=3000), max_size=8))
def test_any_names_come_back(given):
    folders = {path[:end] for path in given for end in range(1, len(path))}
    files = {"/".join(path): data for path, data in given.items() if path not in folders}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "disc.iso"
        disc.write(path, files, label="VMF")
        assert {name: data for name, data in contents(path).items() if data is not None} == files


def test_strange_names_and_deep_folders_come_back_and_joliet_has_what_it_can_hold(tmp_path):
    files = {name: name.encode() for name in STRANGE}
    files["/".join(map(str, range(20))) + "/deep"] = b"down here"
    files["y" * 250 + "/" + "z" * 253] = b"long"
    disc.write(tmp_path / "disc.iso", {**files, "empty": None}, label="VMF")
    found = contents(tmp_path / "disc.iso")
    assert {name: data for name, data in found.items() if data is not None} == files
    assert found["empty"] is None
    with reading(tmp_path / "disc.iso") as iso:
        children = [each for each in iso.list_children(joliet_path="/") if each.is_file()]
        joliet = {each.file_identifier().decode("utf-16-be") for each in children}
    assert joliet == set(STRANGE) - NOT_JOLIET


def test_the_deepest_folders_are_not_found_under_a_name_of_the_users(tmp_path):
    disc.write(tmp_path / "disc.iso", {"rr_moved/mine": b"1", "/".join("abcdefghij"): b"2"}, label="VMF")
    found = contents(tmp_path / "disc.iso")
    assert (found["rr_moved/mine"], found["a/b/c/d/e/f/g/h/i/j"]) == (b"1", b"2")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "no name"),
        ("a//b", "no name"),
        ("../a", "no name"),
        ("nul\0", "no name"),
        ("\udcff", "not UTF-8"),
        ("x" * 254, "254 bytes"),
        ("ä" * 127, "254 bytes"),
        ("a/" * 7 + "f" * 151 + "/x", "8 levels deep"),
        ("a/" * 15 + "f" * 151 + "/x", "16 levels deep"),
    ],
)
def test_what_no_disc_can_hold_is_told_and_nothing_is_written(tmp_path, path, reason):
    assert reason in iso9660.objection(path)
    with pytest.raises(VmfError, match=reason):
        disc.write(tmp_path / "disc.iso", {path: b""}, label="VMF")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["a/" * 7 + "f" * 150 + "/x", "a/" * 8 + "f" * 253 + "/x", "a/" * 6 + "f" * 253 + "/x"]
)
def test_what_is_just_allowed_can_be_read_back(tmp_path, path):
    assert not iso9660.objection(path)
    disc.write(tmp_path / "disc.iso", {path: b"here"}, label="VMF")
    assert contents(tmp_path / "disc.iso")[path] == b"here"


@pytest.mark.parametrize("paths", [("a", "a/b"), ("a/b/c", "a/b")])
def test_a_file_is_no_folder(tmp_path, paths):
    with pytest.raises(VmfError, match="a file and a folder"):
        disc.write(tmp_path / "disc.iso", dict.fromkeys(paths, b""), label="VMF")


def test_files_travel_with_their_content_and_whether_they_can_be_run(tmp_path):
    plain, program = tmp_path / "plain", tmp_path / "program"
    plain.write_bytes(os.urandom(3 * disc.PIECE + 1))
    program.write_bytes(b"#!/bin/sh\n")
    program.chmod(0o710)
    disc.write(tmp_path / "disc.iso", {"p": source.here(plain), "x": source.here(program)}, label="VMF")
    assert contents(tmp_path / "disc.iso") == {"p": plain.read_bytes(), "x": program.read_bytes()}
    with reading(tmp_path / "disc.iso") as iso:
        assert [iso.file_mode(rr_path=f"/{name}") & 0o777 for name in "px"] == [0o444, 0o555]


def test_more_files_than_a_process_may_have_open(tmp_path):
    (tmp_path / "one").write_bytes(b"1")
    one = source.here(tmp_path / "one")
    limit = len(list(Path("/proc/self/fd").iterdir())) + 5
    with few_files(limit):
        disc.write(tmp_path / "disc.iso", {str(number): one for number in range(50)}, label="VMF")
    assert set(contents(tmp_path / "disc.iso").values()) == {b"1"}


@contextmanager
def few_files(most):
    """This process may have so many files open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("now", [b"", b"abc", b"abcdefgh", b"ABCDEF"])
def test_a_source_that_changes_is_noticed(tmp_path, now):
    path = tmp_path / "growing"
    path.write_bytes(b"abcdef")
    given = source.here(path)
    changed = []

    def report(done, total):
        if done == total and not changed:  # all is written, nothing compared
            changed.append(path.write_bytes(now))

    with pytest.raises(JobFault, match="growing changed while it was read"):
        disc.write(tmp_path / "disc.iso", {"f": given}, label="VMF", report=report)
    assert [each.name for each in tmp_path.iterdir()] == ["growing"]


def test_a_source_that_shrank_before_it_was_written_is_noticed(tmp_path):
    path = tmp_path / "shrinking"
    path.write_bytes(b"abcdef")
    given = source.here(path)
    path.write_bytes(b"abc")
    with pytest.raises(JobFault, match="changed while it was read"):
        disc.write(tmp_path / "disc.iso", {"f": given}, label="VMF")


def test_a_source_that_is_gone_is_told(tmp_path):
    path = tmp_path / "gone"
    path.write_bytes(b"abcdef")
    given = source.here(path)
    path.unlink()
    with pytest.raises(JobFault, match="gone: there is no such file"):
        disc.write(tmp_path / "disc.iso", {"f": given}, label="VMF")


def test_a_small_disc_is_long_enough_for_those_who_look_for_labels_and_takes_no_more_room(tmp_path):
    disc.write(tmp_path / "disc.iso", {"a": b"1"}, label="cidata")
    found = (tmp_path / "disc.iso").stat()
    assert found.st_size > 2**18
    assert found.st_blocks * 512 < 2**17


def test_how_far_it_is_can_be_followed_and_broken_off(tmp_path):
    (tmp_path / "big").write_bytes(bytes(4 * disc.PIECE))
    told = []
    given = {"big": source.here(tmp_path / "big")}
    disc.write(tmp_path / "disc.iso", given, label="VMF", report=lambda *far: told.append(far))
    assert told == sorted(told)
    assert len(told) > 4
    assert told[-1][0] == told[-1][1] > 4 * disc.PIECE
    (tmp_path / "disc.iso").unlink()

    def stop(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        disc.write(tmp_path / "disc.iso", given, label="VMF", report=stop)
    assert [each.name for each in tmp_path.iterdir()] == ["big"]


def test_a_disc_that_reads_back_otherwise_is_not_kept(tmp_path, monkeypatch):
    path = tmp_path / "disc.iso"
    path.write_bytes(b"as before")
    written = PyCdlib.write_fp

    def failing(self, file, **options):
        written(self, file, **options)
        file.seek(0)
        at = file.read().index(b"content")
        file.seek(at)
        file.write(b"CONTENT")

    monkeypatch.setattr(PyCdlib, "write_fp", failing)
    with pytest.raises(VmfError, match="holds env otherwise"):
        disc.write(path, {"env": b"content"}, label="VMF")
    assert path.read_bytes() == b"as before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disc_whose_trees_differ_is_not_kept(tmp_path, monkeypatch):
    added = PyCdlib.add_fp

    def failing(self, *arguments, joliet_path, **names):
        added(self, *arguments, joliet_path=joliet_path + "x", **names)

    monkeypatch.setattr(PyCdlib, "add_fp", failing)
    with pytest.raises(VmfError, match="does not hold the files"):
        disc.write(tmp_path / "disc.iso", {"run": b"true"}, label="VMF")
    assert list(tmp_path.iterdir()) == []
