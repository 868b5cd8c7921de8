from __future__ import annotations

import os
import pwd
import subprocess
from types import SimpleNamespace

import pytest

from vmf.errors import SetupError
from vmf_libvirt import account


def as_user(monkeypatch, uid, users=()):
    known = {name: SimpleNamespace(pw_name=name, pw_uid=400 + n, pw_gid=500 + n) for n, name in enumerate(users)}
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [gid, 999])
    monkeypatch.setattr(pwd, "getpwnam", known.__getitem__)


def test_a_user_runs_its_guests_itself(monkeypatch):
    as_user(monkeypatch, 12345)
    found = account.find()
    assert (found.uid, found.foreign, found.name) == (12345, False, "12345")
    assert "user" not in found.process()


@pytest.mark.parametrize(("users", "name"), [(("libvirt-qemu", "qemu"), "libvirt-qemu"), (("nobody", "qemu"), "qemu")])
def test_roots_guests_run_as_the_distributions_user_with_all_its_groups(monkeypatch, users, name):
    as_user(monkeypatch, 0, users)
    found = account.find()
    assert (found.name, found.foreign) == (name, True)
    assert found.groups == (found.gid, 999)
    assert found.process()["extra_groups"] == found.groups


def test_root_without_such_a_user_is_told_what_to_install(monkeypatch):
    as_user(monkeypatch, 0)
    with pytest.raises(SetupError, match="never run as root") as caught:
        account.find()
    assert "libvirt-daemon-system" in caught.value.hint


def test_files_of_a_process_are_its_users_own(tmp_path):
    tmp_path.chmod(0o711)
    process = account.find().process()
    made = subprocess.run(("sh", "-c", "umask; pwd; id -u"), check=True, capture_output=True, text=True, **process)
    assert made.stdout.split() == ["0077", "/", str(account.find().uid)]


def test_a_key_pressed_on_the_terminal_is_not_for_a_process_of_it():
    """Ctrl-C goes to every process of the terminal's session; only vmf knows which of its own are to end."""
    session = ("python3", "-c", "import os; print(os.getsid(0))")
    made = subprocess.run(session, check=True, capture_output=True, text=True, **account.find().process())
    assert int(made.stdout) != os.getsid(0)
