"""A file is whole or not there."""

from __future__ import annotations

import errno
import os

import pytest

from vmf.files.beside import replacing


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


def test_what_a_killed_process_left_is_replaced_and_a_link_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / ".file.part").symlink_to("elsewhere")
    with replacing(tmp_path / "file") as file:
        file.write(b"new")
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "file"]
