from __future__ import annotations

import os

import pytest

from vmf.errors import HostLost, SetupError
from vmf_kvm import system
from vmf_kvm.place import Socket
from vmf_libvirt import account, client


@pytest.fixture
def daemon(tmp_path):
    tmp_path.chmod(0o711)
    return system.system(tmp_path / "h", account.find())


def lost(_uri):
    raise HostLost("nobody answers")


def test_each_folder_has_names_of_its_own(daemon, tmp_path):
    assert daemon.prefix == system.system(tmp_path / "h", account.find()).prefix
    assert daemon.prefix != system.system(tmp_path / "i", account.find()).prefix


def test_only_root_can_use_it(daemon, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="needs root") as caught:
        daemon.link()
    assert "leave `daemon` out" in caught.value.hint


def test_one_that_does_not_answer_is_a_lost_host_with_a_remedy(monkeypatch, new_home):
    monkeypatch.setattr(client, "dial", lost)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(HostLost, match="nobody answers") as caught:
        system.system(new_home(), account.find()).link()
    assert "systemctl start libvirtd" in caught.value.hint


@pytest.mark.parametrize("unfit", ["x" * 90, "a,b"])
def test_a_folder_that_will_not_do_is_refused_before_anything_is_made(daemon, monkeypatch, unfit):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    folder = daemon.folder.parent / unfit
    with pytest.raises(SetupError, match=r"too long|','") as caught:
        system.system(folder, daemon.account).link()
    assert "VMF_HOME" in caught.value.hint
    assert not folder.exists()


def test_the_longest_socket_is_reckoned_with():
    assert max(len(use) for use in Socket) == len(system.DEEPEST.rpartition("x")[2])


def test_qemus_user_owns_the_folder_in_which_it_makes_sockets_and_no_other(monkeypatch, new_home):
    monkeypatch.setattr(client, "dial", lambda _uri: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    before, daemon = os.umask(0o077), system.system(new_home(), account.find())
    try:
        daemon.link()
    finally:
        os.umask(before)
    sockets = daemon.folder / "run" / "console"
    assert (sockets.stat().st_uid, sockets.stat().st_mode & 0o777) == (daemon.account.uid, 0o700)
    for passed in (daemon.folder, daemon.machines, sockets.parent):
        assert (passed.stat().st_uid, passed.stat().st_mode & 0o777) == (os.getuid(), 0o711)
