"""What is in the way of a connection, as far as that shows without a daemon; see `test_bed.py` for the rest."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from vmf.errors import HostLost, SetupError
from vmf.files import programs
from vmf.model import Connection, Transport
from vmf_libvirt import client, connecting
from vmf_libvirt.connecting import connect


@pytest.fixture
def silent(monkeypatch):
    """A port of somebody who never says anything."""
    monkeypatch.setattr(connecting, "SSH_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def children():
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()


def test_an_ssh_that_waits_for_ever_is_ended_and_told(silent, tmp_path):
    there = Connection(transport=Transport.SSH, address="127.0.0.1", port=silent, user="ana", key=tmp_path / "my key")
    there.key.touch(0o600)
    before = children()
    with pytest.raises(HostLost, match=r"127\.0\.0\.1 has let ssh wait") as caught:
        connect("qemu", there, tmp_path)
    assert f"`ssh -i '{there.key}' -p {silent} ana@127.0.0.1 true`" in caught.value.hint
    deadline = time.monotonic() + 10
    while children() != before:  # libvirt reaps it by and by
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("transport", [Transport.SSH, Transport.TCP])
def test_a_port_where_nobody_listens_is_a_lost_host(transport, tmp_path):
    with pytest.raises(HostLost, match="refused") as caught:
        connect("xen", Connection(transport=transport, address="127.0.0.1", port=1), tmp_path)
    assert "`port:`" in caught.value.hint


@pytest.mark.parametrize("transport", [Transport.SSH, Transport.TLS])
def test_a_file_that_is_not_there_is_said_before_anything_is_asked(transport, tmp_path):
    there = Connection(transport=transport, address="127.0.0.1", key=tmp_path / "no", ca=tmp_path / "no")
    with pytest.raises(SetupError, match="no: No such file"):
        connect("qemu", there, tmp_path)


def test_without_ssh_its_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "find", lambda _name: None)
    with pytest.raises(SetupError, match="ssh is not installed") as caught:
        connect("qemu", Connection(transport=Transport.SSH, address="127.0.0.1"), tmp_path)
    assert "openssh-client" in caught.value.hint


@pytest.fixture
def told(monkeypatch, tmp_path):
    """What is told of a connection that libvirt does not make, with these words."""

    def told(connection, words):
        def dial(uri):
            raise HostLost(f"libvirt does not answer at {uri}: {words}")

        monkeypatch.setattr(client, "dial", dial)
        with pytest.raises(HostLost) as caught:
            connect("xen", connection, tmp_path)
        return caught.value

    return told


def test_a_daemon_of_this_computer_that_does_not_run_is_told_of(told):
    error = told(Connection(), "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory")
    assert error.brief == "this computer: no libvirt daemon answers"
    assert "systemctl start libvirtd" in error.hint


def test_whatever_else_is_in_the_way_on_this_computer_is_told_in_libvirts_words(told):
    error = told(Connection(), "Permission denied")
    assert error.brief == "libvirt does not answer at xen:///system: Permission denied"
    assert error.hint == ""


@pytest.mark.parametrize("transport", [Transport.LOCAL, Transport.SSH, Transport.TLS, Transport.TCP])
def test_a_daemon_without_the_hypervisors_driver_is_told_of(told, transport):
    there = Connection(transport=transport, address=None if transport is Transport.LOCAL else "127.0.0.1")
    error = told(there, "no connection driver available for xen:///system")
    assert error.brief.endswith(": its libvirt daemon drives no xen")
    assert "libvirt-daemon-driver-xen" in error.hint


def test_without_certificates_to_trust_the_field_is_named(told):
    error = told(
        Connection(transport=Transport.TLS, address="h"), "Cannot read CA certificate '/etc/pki/CA/cacert.pem'"
    )
    assert error.brief == "h: nothing says whose certificates to trust"
    assert "`ca:`" in error.hint


def test_the_key_of_a_host_without_a_port_is_called_by_the_address(told):
    error = told(Connection(transport=Transport.SSH, address="h"), "REMOTE HOST IDENTIFICATION HAS CHANGED")
    assert error.hint.endswith("`ssh-keygen -R h`")


def test_what_libvirt_has_not_heard_of_ssh_is_asked_again(told):
    there = Connection(transport=Transport.SSH, address="127.0.0.1", port=1, user="ana")
    assert "127.0.0.1 port 1: Connection refused" in told(there, "Cannot write data: Broken pipe").brief


def test_an_ssh_that_is_asked_again_may_not_wait_for_ever_either(told, silent):
    there = Connection(transport=Transport.SSH, address="127.0.0.1", port=silent)
    assert "has let ssh wait" in told(there, "Cannot write data: Broken pipe").brief
