"""What keeps this computer, or this user, from making machines of Xen's."""

from __future__ import annotations

import pytest

from vmf.errors import SetupError
from vmf.model import Connection, Host, Transport
from vmf.plugins import Plugins
from vmf_xen import connection
from vmf_xen.connection import check_here

ROOT, ADA = 0, 1000


@pytest.fixture
def capabilities(tmp_path):
    """What the kernel says of itself, as Xen's own says it."""
    file = tmp_path / "capabilities"
    file.write_text("control_d\n")
    return file


def test_root_may_where_xen_runs(capabilities):
    check_here(capabilities, ROOT)


def test_nobody_else_may(capabilities):
    with pytest.raises(SetupError, match="made by root only") as caught:
        check_here(capabilities, ADA)
    assert "transport: ssh" in caught.value.hint


@pytest.mark.parametrize("said", [None, "", "\n"])
def test_without_xen_or_as_a_guest_of_it_this_computer_cannot(capabilities, said):
    capabilities.unlink()
    if said is not None:
        capabilities.write_text(said)
    with pytest.raises(SetupError, match="does not run Xen") as caught:
        check_here(capabilities, ROOT)
    assert "xen-system" in caught.value.hint


@pytest.fixture
def asked(monkeypatch):
    """The daemons that were asked for; none answers."""
    asked = []

    def connect(driver, where, _folder):
        asked.append((driver, where.transport))
        raise ConnectionRefusedError

    monkeypatch.setattr(connection, "connect", connect)
    return asked


def test_it_is_said_before_a_daemon_is_asked(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "CAPABILITIES", tmp_path / "none")
    with pytest.raises(SetupError, match="does not run Xen"):
        Plugins.load().connect(Host(name="x", type="xen"), tmp_path)
    assert asked == []


def test_of_a_host_elsewhere_this_computer_needs_nothing(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "CAPABILITIES", tmp_path / "none")
    there = Connection(transport=Transport.SSH, address="xen.example.org")
    with pytest.raises(ConnectionRefusedError):
        connection.opened(Host(name="x", type="xen", connection=there), tmp_path)
    assert asked == [("xen", Transport.SSH)]
