from __future__ import annotations

import threading

import pytest

from vmf.errors import HostLost
from vmf.model import Power, Suspend
from vmf_kvm import unborn


@pytest.mark.real
def test_a_daemon_that_is_killed_before_there_is_a_qemu_leaves_a_machine_that_goes_on(connection, host, put):
    machine, _ = put(connection, "echo ready\nn=0; while :; do n=$((n+1)); echo count $n; sleep 0.1; done\n")
    connection.create(machine)
    host.until(lambda: b"count 3" in connection.console(machine.name, 0))
    connection.suspend(machine.name, Suspend.HARD)
    note = host.home.joinpath(*unborn.NOTES, f"{machine.name}.xml")
    assert not note.exists()

    def kill():
        host.until(note.exists)
        host.kill(host.daemon_pid())

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(HostLost):
        connection.resume(machine.name)
    killing.join()
    assert connection.state(machine.name).power is Power.SAVED
    assert connection.resume(machine.name).power is Power.RUNNING
    far = connection.console(machine.name, 0).count(b"count") + 3
    host.until(lambda: connection.console(machine.name, 0).count(b"count") >= far)
    assert connection.console(machine.name, 0).count(b"ready") == 1


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path.joinpath(*unborn.NOTES)
    folder.mkdir(parents=True)
    return folder


def test_notes_of_machines_that_have_a_qemu_stay(tmp_path, notes):
    (notes / "unborn.xml").write_text("<!--\nx\n-->\n\n<domstatus state='paused' reason='starting up' pid='0'>\n")
    (notes / "running.xml").write_text("<domstatus state='running' reason='booted' pid='10'>\n")
    (notes / "other").write_text("<domstatus pid='0'>")
    unborn.forget(tmp_path)
    assert {each.name for each in notes.iterdir()} == {"running.xml", "other"}


def test_no_link_is_followed(tmp_path, notes):
    (tmp_path / "elsewhere.xml").write_text("<domstatus pid='0'>")
    (notes / "link.xml").symlink_to(tmp_path / "elsewhere.xml")
    unborn.forget(tmp_path)
    assert (tmp_path / "elsewhere.xml").exists()


def test_a_daemon_that_never_ran_has_no_notes(tmp_path):
    unborn.forget(tmp_path)
    assert [*tmp_path.iterdir()] == []
