"""A job's own pair of keys is made once, and is its owner's alone."""

from __future__ import annotations

import os
import subprocess

import pytest

from vmf.errors import SetupError
from vmf.files import programs, sshkey


def test_a_pair_is_made_once_and_its_halves_belong_together(tmp_path):
    folder = tmp_path / "ssh"
    public = sshkey.make(folder)
    assert public.startswith("ssh-ed25519 ")
    private = folder / "id_ed25519"
    derived = subprocess.run(["ssh-keygen", "-y", "-f", private], check=True, capture_output=True, text=True).stdout
    assert derived.split()[:2] == public.split()[:2]
    assert (folder.stat().st_mode & 0o777, private.stat().st_mode & 0o777) == (0o700, 0o600)
    assert sshkey.make(folder) == public
    assert sorted(each.name for each in folder.iterdir()) == ["id_ed25519", "id_ed25519.pub"]


def test_what_a_killed_one_left_behind_is_no_hindrance(tmp_path):
    for name in ("new", "new.pub", "id_ed25519"):
        (tmp_path / name).write_text("half")
    public = sshkey.make(tmp_path)
    assert public.startswith("ssh-ed25519 ")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["id_ed25519", "id_ed25519.pub"]


def test_without_ssh_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "PATH", os.devnull)
    with pytest.raises(SetupError, match="ssh-keygen is not installed") as caught:
        sshkey.make(tmp_path / "ssh")
    assert "install" in caught.value.hint


def test_what_ssh_keygen_objects_to_is_told(tmp_path, monkeypatch):
    (tmp_path / "ssh-keygen").write_text("#!/bin/sh\necho no entropy >&2\nexit 1\n")
    (tmp_path / "ssh-keygen").chmod(0o755)
    monkeypatch.setattr(programs, "PATH", str(tmp_path))
    with pytest.raises(SetupError, match="ssh-keygen failed: no entropy"):
        sshkey.make(tmp_path / "ssh")
