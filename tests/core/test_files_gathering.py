"""What a job names is on its disc as `cp -rL` would put it there, or is refused by its name."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from vmf.errors import HoldCode, JobFault
from vmf.files import gathering
from vmf.files.access import open_file
from vmf.files.gathering import collect, gather
from vmf.model import File


def nowhere(path):
    raise AssertionError(f"{path} was looked for on the host")


def names(*paths):
    return {name: content and content.name for name, content in gather([File(path=p) for p in paths], nowhere).items()}


def read(content):
    with content.open() as file:
        return file.read()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "b").write_bytes(b"b")
    (folder / "sub" / "a").write_bytes(b"a")
    (folder / "sub" / "a").chmod(0o755)
    return folder


def test_a_folder_is_there_with_all_that_is_in_it_under_its_own_name(folder):
    found = gather([File(path=folder)], nowhere)
    assert {name: content and read(content) for name, content in found.items()} == {
        "data": None,
        "data/b": b"b",
        "data/sub": None,
        "data/sub/a": b"a",
        "data/sub/empty": None,
    }
    assert (found["data/b"].executable, found["data/sub/a"].executable) == (False, True)


def test_files_and_folders_lie_side_by_side(folder):
    (folder.parent / "one").write_bytes(b"1")
    assert {"one", "data", "data/b"} <= names(folder, folder.parent / "one").keys()


def test_a_link_to_a_file_is_that_file_under_the_links_name(folder):
    (folder.parent / "outside").write_bytes(b"far")
    (folder / "link").symlink_to("../outside")
    (folder.parent / "top").symlink_to("outside")
    found = gather([File(path=folder), File(path=folder.parent / "top")], nowhere)
    assert read(found["data/link"]) == read(found["top"]) == b"far"


def test_a_folder_may_be_named_by_a_link(folder):
    (folder.parent / "current").symlink_to("data")
    assert "current/sub/a" in names(folder.parent / "current")


def make_socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("dangling", lambda path: path.symlink_to("none"), "a link that leads nowhere"),
        ("circle", lambda path: path.symlink_to("circle"), "a link that leads nowhere"),
        ("up", lambda path: path.symlink_to(".."), "a link to a folder"),
        ("pipe", os.mkfifo, "a named pipe"),
        ("link to a device", lambda path: path.symlink_to("/dev/zero"), "a character device"),
        ("socket", make_socket, "a socket"),
        ("half\udcff", lambda path: path.write_bytes(b""), "not UTF-8"),
        ("x" * 254, lambda path: path.write_bytes(b""), "254 bytes"),
        ("half\udcff folder", Path.mkdir, "not UTF-8"),
        ("\x01", lambda path: path.write_bytes(b""), "which Linux takes for the folder above"),
        ("\x01", Path.mkdir, "which Linux takes for the folder above"),
    ],
)
def test_what_cannot_travel_is_refused_by_name(folder, name, make, reason):
    make(folder / "sub" / name)
    with pytest.raises(JobFault, match=reason) as caught:
        names(folder)
    assert name.replace("\udcff", r"\udcff").replace("\x01", r"\x01") in caught.value.brief
    assert caught.value.code is HoldCode.IMAGE_INVALID
    assert caught.value.hint


def test_a_folder_with_a_long_name_where_discs_keep_folders_elsewhere_is_refused(tmp_path):
    top = tmp_path / "1"
    (top / "2/3/4/5/6/7" / ("x" * 200)).mkdir(parents=True)
    with pytest.raises(JobFault, match="8 levels deep"):
        names(top)


@pytest.mark.parametrize("name", ["..", "/"])
def test_what_has_no_name_is_refused(folder, name):
    with pytest.raises(JobFault, match="no name of its own"):
        names(folder / name)


def test_the_name_by_which_guests_know_their_disc_is_kept_for_it(folder):
    (folder / "vmf-end").touch()
    names(folder)
    with pytest.raises(JobFault, match="vmf-end cannot be on a CD-ROM: guests know"):
        names(folder / "vmf-end")


def test_what_is_not_there_is_told(folder):
    with pytest.raises(JobFault, match="none: there is no such file") as caught:
        names(folder / "none")
    assert caught.value.code is HoldCode.IMAGE_MISSING


@pytest.mark.parametrize("name", ["half \ud800", "nul\0"])
def test_what_cannot_be_a_name_is_not_there(folder, name):
    with pytest.raises(JobFault):
        names(folder / name)


def test_two_of_one_name_are_refused_with_both_paths(folder):
    (folder.parent / "b").write_bytes(b"other")
    with pytest.raises(JobFault, match="data/b has the same name") as caught:
        names(folder / "b", folder.parent / "b")
    assert str(folder.parent / "b") in caught.value.brief


def test_there_is_an_end_to_how_many(folder, monkeypatch):
    monkeypatch.setattr(gathering, "MOST", 5)
    names(folder)
    with pytest.raises(JobFault, match="more than 5"):
        names(folder, folder / "b")
    (folder / "c").touch()
    with pytest.raises(JobFault, match="more than 5"):
        collect(File(path=folder), nowhere)


def test_a_file_of_the_host_is_read_there(tmp_path):
    (tmp_path / "there").write_bytes(b"from the host")
    opened = []

    def look(path):
        opened.append(path)
        return (tmp_path / path.name).open("rb")

    given = File(path=Path("/srv/there"), on_host=True)
    (content,) = gather([given], look).values()
    assert (content.size, read(content)) == (13, b"from the host")
    assert set(opened) == {given.path}


def test_a_file_that_is_not_on_the_host_is_told(tmp_path):
    given = File(path=Path("/srv/none"), on_host=True)
    with pytest.raises(JobFault, match="/srv/none of the host: there is no such file") as caught:
        gather([given], lambda path: (tmp_path / path.name).open("rb"))
    assert caught.value.code is HoldCode.IMAGE_MISSING


def test_a_folder_of_the_host_is_called_one(tmp_path):
    with pytest.raises(JobFault, match="there of the host: it is a folder") as caught:
        gather([File(path=Path("/srv/there"), on_host=True)], lambda _: open_file(tmp_path))
    assert (caught.value.code, caught.value.hint) == (HoldCode.IMAGE_INVALID, "name a file")
