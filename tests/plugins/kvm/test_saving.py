"""Guests that are saved, where something keeps them from going on; that they go on is the contract's."""

from __future__ import annotations

import os
import socket

import pytest

from vmf.errors import HoldCode, HostFault, HostLost, JobFault
from vmf.hookspecs import unreported
from vmf.model import Ending, Forward, MachineNic, MachineState, NetworkType, Power, Stop, Suspend
from vmf_kvm import account, saving
from vmf_kvm.folder import Folder
from vmf_kvm.place import MEMORY, WAKING

COUNTS = "echo ready\nn=0; while :; do n=$((n+1)); echo count $n; sleep 0.1; done\n"
RUNNING, PAUSED, SAVED = (MachineState(power=power) for power in (Power.RUNNING, Power.PAUSED, Power.SAVED))
CRASHED = MachineState(power=Power.OFF, ending=Ending.CRASHED)


def count_on(host, connection, machine):
    """Wait until a guest has counted further; it has begun once."""
    far = connection.console(machine, 0).count(b"count") + 3
    host.until(lambda: connection.console(machine, 0).count(b"count"), lambda now: now >= far)
    assert connection.console(machine, 0).count(b"ready") == 1


@pytest.fixture
def listening():
    """A port of this computer that somebody else listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


@pytest.mark.real
def test_a_guest_that_cannot_go_on_stays_saved_until_it_can(connection, host, put, listening, monkeypatch):
    number = listening.getsockname()[1]
    listening.close()
    nic = MachineNic(type=NetworkType.USER, mac="52:54:00:00:00:31", forwards=(Forward(port=80, host_port=number),))
    machine, _ = put(connection, COUNTS, nic=nic, portable=True)
    name, folder = machine.name, connection.folder(machine.name)
    connection.create(machine)
    count_on(host, connection, name)
    assert connection.suspend(name, Suspend.HARD) == SAVED

    def refused(code):
        with pytest.raises(JobFault) as caught:
            connection.resume(name)
        assert (caught.value.code, bool(caught.value.hint)) == (code, True)
        connection.create(machine)
        assert connection.state(name) == connection.suspend(name, Suspend.HARD) == SAVED

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", number))
        other.listen()
        refused(HoldCode.PORT_IN_USE)
    connection.fold(name)
    with connection.fetch(name, connection.checkpoint(name, 1, unreported).memory) as memory:
        whole = memory.read()
    for size in (len(whole) // 2, 20):
        os.truncate(folder.path / WAKING, size)
        refused(HoldCode.IMAGE_INVALID)
    with pytest.raises(HostFault, match=WAKING):
        connection.fetch(name, WAKING)
    (folder.path / WAKING).write_bytes(whole)

    def killed(*_args):
        monkeypatch.undo()
        host.kill(host.daemon_pid())
        raise HostLost("gone")

    monkeypatch.setattr(Folder, "discard", killed)
    with pytest.raises(HostLost):
        connection.resume(name)  # its memory has been read
    assert connection.state(name) == SAVED
    assert connection.resume(name) == RUNNING
    assert not {MEMORY, WAKING} & {each.name for each in folder.path.iterdir()}
    count_on(host, connection, name)
    connection.suspend(name, Suspend.HARD)
    assert connection.shut_down(name, Stop.FORCE).power is Power.OFF
    assert connection.resume(name).power is Power.OFF


@pytest.fixture
def folder(tmp_path):
    machines = tmp_path / "machines"
    machines.mkdir()
    folder = Folder(machines=machines, name="m1", account=account.find())
    folder.make()
    return folder


@pytest.mark.parametrize(
    ("files", "found", "judged"),
    [
        ((MEMORY,), SAVED, SAVED),
        ((WAKING,), SAVED, SAVED),
        ((WAKING,), CRASHED, SAVED),
        ((WAKING,), PAUSED, SAVED),
        ((MEMORY,), CRASHED, CRASHED),
        ((MEMORY,), PAUSED, PAUSED),
        ((MEMORY, WAKING), RUNNING, RUNNING),
        ((), PAUSED, PAUSED),
    ],
)
def test_a_guest_is_saved_that_has_not_run_since(folder, files, found, judged):
    for name in files:
        (folder.path / name).touch()
    assert saving.judged(folder, found) == judged


def test_a_guest_whose_memory_is_gone_is_not_saved(folder):
    assert saving.judged(folder, SAVED).ending is Ending.KILLED
