"""A file is whole or not there."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from vmf.files.beside import creating, filling, replacing, rewrite


def test_the_new_file_appears_once_it_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:  # noqa: PT012  # the failure comes after the write
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_disk_does_not_take_does_not_get_the_name(tmp_path, monkeypatch):
    def failing(_file):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output"), replacing(tmp_path / "file") as file:
        file.write(b"new")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_beside_goes_with_all_that_was_not_moved_out(tmp_path):
    with filling(tmp_path / "it") as part:
        assert (part.parent, stat.S_IMODE(part.stat().st_mode)) == (tmp_path, 0o700)
        (part / "one").write_text("wanted")
        (part / "two").write_text("not wanted")
        (part / "one").replace(tmp_path / "it")
    assert [each.name for each in tmp_path.iterdir()] == ["it"]


@pytest.fixture(params=[None, errno.EOPNOTSUPP, errno.EISDIR], ids=["nameless", "nfs", "old"])
def named(request, monkeypatch):
    """Whether the file system wants a name from the beginning."""
    work = os.open

    def refusing(path, flags, **more):
        if request.param and flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(request.param, os.strerror(request.param))
        return work(path, flags, **more)

    monkeypatch.setattr(os, "open", refusing)
    return bool(request.param)


def test_a_new_file_has_its_name_once_it_is_whole_and_none_before(tmp_path, named):
    path = tmp_path / "file"
    with creating(path) as file:
        file.write(b"new")
        assert [each.name for each in tmp_path.iterdir()] == [".file.vmf.part"] * named
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("make", [replacing, creating])
def test_what_is_in_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch, make):
    """A loss of power between the two would leave the name and nothing in it."""
    work, synced = os.fsync, []

    def seeing(number):
        synced.append((stat.S_ISREG(os.fstat(number).st_mode), (tmp_path / "file").exists(), os.fstat(number).st_size))
        work(number)

    monkeypatch.setattr(os, "fsync", seeing)
    with make(tmp_path / "file") as file:
        file.write(b"new")
    assert (synced[0], synced[-1][:2]) == ((True, False, 3), (False, True))


@pytest.mark.usefixtures("named")
def test_nothing_comes_of_a_new_file_that_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), creating(tmp_path / "file"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_has_come_to_have_the_name_stays(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(FileExistsError), creating(path):
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_rewritten_file_keeps_its_permissions(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"old")
    file.chmod(0o640)
    rewrite(file, b"new")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o640)


def test_what_cannot_be_rewritten_is_named_and_stays(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "a"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        rewrite(file, b"new")
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"old"
