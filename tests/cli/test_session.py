"""The state folder is private, but for what a hypervisor's user must reach; where nothing is done, none is made."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from shell import Shell
from vmf.cli.session import prepare
from vmf.model import Home


def modes(home: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in (home, *home.iterdir()) if each.is_dir()}


@pytest.mark.parametrize("umask", [0, 0o77])
@pytest.mark.parametrize(("user", "passable"), [(0, 0o711), (1000, 0o700)])
def test_each_folder_is_as_open_as_it_must_be(
    tmp_path: Path, monkeypatch, umask: int, user: int, passable: int
) -> None:
    """Root's guests run as another user, who passes through; nobody else's do."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    before = os.umask(umask)
    try:
        prepare(Home(root=tmp_path / "home"))
    finally:
        os.umask(before)
    assert modes(tmp_path / "home") == {"home": passable, "jobs": 0o700, "hosts": passable, "images": 0o755}


def test_a_root_that_was_there_before_keeps_its_mode(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o750)
    prepare(Home(root=home))
    assert modes(home)["home"] == 0o750


def test_what_was_loosened_by_hand_is_private_after_the_next_command(shell: Shell) -> None:
    shell.vmf("ps")
    (shell.home / "jobs").chmod(0o755)
    shell.vmf("ps")
    assert modes(shell.home)["jobs"] == 0o700


def test_to_list_plugins_takes_no_state_folder(shell: Shell) -> None:
    assert shell.vmf("plugin", "ls").returncode == 0
    assert not shell.home.exists()
