from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from shell import until
from vmf.errors import HostLost, SetupError
from vmf.files import programs
from vmf_kvm import daemon
from vmf_kvm.daemon import PACKAGES, Daemon
from vmf_libvirt import account

CONNECT = """
import sys
from pathlib import Path
from vmf_kvm.connection import Connection

Connection(Path(sys.argv[1])).close()
"""


def fake_daemon(folder, script):
    """A program that is called libvirtd and does what the script says."""
    program = folder / "libvirtd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Daemon(folder=folder / "h", account=account.find(), program=str(program))


def test_a_path_is_data_whatever_is_in_it(tmp_path):
    folder = tmp_path / "a?socket=b&command=c #%2f"
    uri = daemon.daemon(folder, account.find()).uri
    parsed = urlsplit(uri)
    assert parse_qs(parsed.query, strict_parsing=True) == {"socket": [str(folder / "run/libvirt/libvirt-sock")]}
    assert not parsed.fragment


@pytest.mark.parametrize("missing", [["libvirtd", "virtqemud"], ["qemu-system-x86_64"], ["qemu-img"]])
def test_what_is_not_installed_is_named_with_its_package(monkeypatch, tmp_path, missing):
    find = programs.find
    monkeypatch.setattr(programs, "find", lambda name: None if name in missing else find(name))
    with pytest.raises(SetupError, match="not installed") as caught:
        daemon.daemon(tmp_path, account.find()).link()
    assert PACKAGES[missing[0]] in caught.value.hint


def test_a_path_that_is_too_long_for_sockets_names_the_remedy(new_home):
    folder = new_home() / ("x" * 40)
    with pytest.raises(SetupError, match="too long") as caught:
        daemon.daemon(folder, account.find()).link()
    assert "VMF_HOME" in caught.value.hint
    assert not folder.exists()


@pytest.mark.parametrize("unfit", [",", "=", "\n", "\x01", "\udcff"])
def test_a_path_that_the_daemon_cannot_bear_names_character_and_remedy(new_home, unfit):
    folder = new_home() / f"a{unfit}b"
    with pytest.raises(SetupError) as caught:
        daemon.daemon(folder, account.find()).link()
    assert f"with {unfit!r} in its path" in caught.value.brief
    assert "VMF_HOME" in caught.value.hint
    assert caught.value.brief.isprintable()
    assert not folder.exists()


def test_a_folder_that_the_daemons_user_cannot_pass_is_named(new_home):
    folder = new_home()
    folder.parent.chmod(0o600)
    with pytest.raises(SetupError, match=str(folder.parent)) as caught:
        daemon.daemon(folder, account.find()).link()
    assert "VMF_HOME" in caught.value.hint
    folder.parent.chmod(0o711)


@pytest.mark.parametrize("file", ["daemon.lock", "daemon.log"])
def test_a_folder_whose_files_are_not_ours_to_write_is_named(new_home, file):
    home = new_home()
    (home / file).mkdir(parents=True)
    with pytest.raises(SetupError, match=file) as caught:
        fake_daemon(home.parent, "exit 1").link()
    assert "VMF_HOME" in caught.value.hint


def test_a_daemon_that_ends_at_once_is_told_with_its_last_words(new_home, monkeypatch):
    home = new_home()
    dial = daemon.client.dial

    def spoken(uri):
        log = home / "daemon.log"
        if log.exists():
            until(lambda: "no room" in log.read_text(), "it has spoken")
        return dial(uri)

    monkeypatch.setattr(daemon.client, "dial", spoken)
    monkeypatch.setattr(daemon, "START_SECONDS", 0.5)
    with pytest.raises(HostLost, match="no room in the inn"):
        fake_daemon(home.parent, "echo no room in the inn >&2; exit 1").link()


def test_processes_that_come_at_once_share_one_daemon(new_home):
    home = new_home()
    others = [subprocess.Popen((sys.executable, "-c", CONNECT, home)) for _ in range(4)]
    assert [other.wait() for other in others] == [0] * 4
    launchers = [
        each for each in Path("/proc").glob("[0-9]*/cmdline") if str(home).encode() in environment(each.parent)
    ]
    assert len(launchers) == 2  # one launcher and one daemon


def environment(process):
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
