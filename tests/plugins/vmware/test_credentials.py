from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from vmf.errors import SetupError
from vmf.model import Connection, Host
from vmf_vmware.credentials import Credentials, find


def known(user, password):
    return Credentials(user=user, password=password)


def host(name="lab-1", user=None):
    return Host(name=name, type="vmware", connection=Connection(user=user))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "credentials"
    path.write_text("[DEFAULT]\nuser = everywhere\npassword = p%d=ft\n[lab-1]\nuser = ana\npassword = for ana\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def keyring(monkeypatch):
    """A keyring with what a test puts into it: service to user and password."""
    kept = {}
    module, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    module.errors = errors

    def get_credential(service, user):
        found = kept.get(service)
        if isinstance(found, Exception):
            raise found
        return found and SimpleNamespace(username=user or found[0], password=found[1])

    module.get_credential = get_credential
    monkeypatch.setitem(sys.modules, "keyring", module)
    return kept


@pytest.fixture(autouse=True)
def no_keyring(request, monkeypatch):
    if "keyring" not in request.fixturenames:
        monkeypatch.setitem(sys.modules, "keyring", None)


def test_the_hosts_own_variable_comes_before_that_for_all():
    environment = {"VMF_VMWARE_PASSWORD": "all", "VMF_VMWARE_PASSWORD_LAB_1": "own", "VMF_VMWARE_USER": "ana"}
    assert find(host(), environment) == known("ana", "own")
    assert find(host("lab-2"), environment) == known("ana", "all")


def test_the_specs_user_comes_before_any_other(file):
    assert find(host(user="bo"), {"VMF_VMWARE_CREDENTIALS": str(file)}).user == "bo"
    assert find(host(user="bo"), {"VMF_VMWARE_USER": "ana", "VMF_VMWARE_PASSWORD": "x"}).user == "bo"


def test_the_environment_comes_before_the_file(file):
    environment = {"VMF_VMWARE_CREDENTIALS": str(file), "VMF_VMWARE_PASSWORD": "x", "VMF_VMWARE_USER": "u"}
    assert find(host(), environment) == known("u", "x")


def test_a_file_has_a_section_for_each_host_and_one_for_all_others(file):
    environment = {"VMF_VMWARE_CREDENTIALS": str(file)}
    assert find(host(), environment) == known("ana", "for ana")
    assert find(host("other"), environment) == known("everywhere", "p%d=ft")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_use_is_refused_with_what_to_type(file, mode):
    file.chmod(mode)
    with pytest.raises(SetupError, match="others can read or change it") as caught:
        find(host(), {"VMF_VMWARE_CREDENTIALS": str(file)})
    assert caught.value.hint == f"chmod 600 {file}"


def test_a_file_that_only_its_owner_reads_will_do(file):
    file.chmod(0o400)
    assert find(host(), {"VMF_VMWARE_CREDENTIALS": str(file)}).user == "ana"


def test_a_file_that_cannot_be_understood_does_not_show_what_is_in_it(file):
    file.write_text("[lab-1]\nthe secret itself\n")
    with pytest.raises(SetupError, match="line 2") as caught:
        find(host(), {"VMF_VMWARE_CREDENTIALS": str(file)})
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(SetupError, match="No such file"):
        find(host(), {"VMF_VMWARE_CREDENTIALS": str(tmp_path / "gone")})


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(SetupError, match="it is a folder"):
        find(host(), {"VMF_VMWARE_CREDENTIALS": str(tmp_path)})


def test_the_keyring_comes_last(keyring, file):
    keyring["vmf-vmware/lab-1"] = ("kay", "in the ring")
    assert find(host(), {}) == known("kay", "in the ring")
    assert find(host(), {"VMF_VMWARE_CREDENTIALS": str(file)}).user == "ana"


def test_a_keyring_that_does_not_open_is_said_so(keyring):
    keyring["vmf-vmware/lab-1"] = sys.modules["keyring"].errors.KeyringError("locked")
    with pytest.raises(SetupError, match="the keyring does not open: locked"):
        find(host(), {})


def test_without_any_the_user_is_told_where_they_may_come_from():
    with pytest.raises(SetupError, match="no password for host lab-1") as caught:
        find(host(), {})
    assert "VMF_VMWARE_PASSWORD_LAB_1" in caught.value.hint


def test_a_password_of_nobody_is_not_tried():
    with pytest.raises(SetupError, match="whom to log in as"):
        find(host(), {"VMF_VMWARE_PASSWORD": "x"})


def test_a_password_is_not_shown():
    assert "hush" not in repr(known("ana", "hush"))
