"""The socket of a console; a real one is in the contract suite."""

from __future__ import annotations

import os
import socket

import pytest

from vmf.errors import JobFault
from vmf_kvm.folder import Folder
from vmf_kvm.terminal import Terminal
from vmf_libvirt import account


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "m").mkdir()
    return Folder(machines=tmp_path, name="m", account=account.find())


@pytest.fixture
def qemu(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen(1)
        yield listening


def test_it_is_joined_to_the_machine_and_sees_its_end(folder, qemu, tmp_path):
    terminal = Terminal(folder, tmp_path / "s")
    peer, _ = qemu.accept()
    terminal.write(b"typed")
    peer.sendall(b"said")
    assert (peer.recv(99), terminal.read()) == (b"typed", b"said")
    terminal.write(b"never read")
    peer.close()
    assert terminal.read() == b""
    terminal.write(b"nobody hears it")
    terminal.close()


@pytest.mark.usefixtures("qemu")
def test_a_second_one_is_told_until_the_first_has_gone(folder, tmp_path):
    first = Terminal(folder, tmp_path / "s")
    with pytest.raises(JobFault, match="somebody else is at the console"):
        Terminal(folder, tmp_path / "s")
    first.close()
    Terminal(folder, tmp_path / "s").close()


@pytest.mark.usefixtures("qemu")
def test_a_link_in_the_socket_s_place_is_not_followed(folder, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "s")
    with pytest.raises(JobFault, match="the console does not answer"):
        Terminal(folder, tmp_path / "link")


def test_what_is_no_socket_or_has_nobody_behind_it(folder, tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    os.mkfifo(tmp_path / "pipe")
    for name in ("dead", "pipe", "none"):
        with pytest.raises(JobFault, match="the console does not answer"):
            Terminal(folder, tmp_path / name)
    with pytest.raises(JobFault, match="the machine is not there"):
        Terminal(Folder(machines=tmp_path, name="n", account=folder.account), tmp_path / "dead")
