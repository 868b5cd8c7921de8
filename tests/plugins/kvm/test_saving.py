"""Guests that are saved, where something keeps them from going on; that they go on is the contract's."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from xml.etree import ElementTree as ET

import pytest

from vmf.errors import HoldCode, HostFault, HostLost, JobFault
from vmf.hookspecs import unreported
from vmf.model import Ending, Forward, MachineNic, MachineState, NetworkType, Power, Stop, Suspend
from vmf_kvm import saving, snapshots
from vmf_kvm.folder import Folder
from vmf_kvm.place import MEMORY, WAKING
from vmf_libvirt import account

COUNTS = "echo ready\nn=0; while :; do n=$((n+1)); echo count $n; sleep 0.1; done\n"
WRITES = COUNTS.replace("echo count $n", "echo $n | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null; echo count $n")
RUNNING, PAUSED, SAVED = (MachineState(power=power) for power in (Power.RUNNING, Power.PAUSED, Power.SAVED))
CRASHED, KILLED, UNKNOWN, SHUTDOWN = (
    MachineState(power=Power.OFF, ending=ending)
    for ending in (Ending.CRASHED, Ending.KILLED, Ending.UNKNOWN, Ending.SHUTDOWN)
)
WHOLE = snapshots.saved("<domain/>") + b"stream"


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


def is_whole(folder):
    """Whether libvirt has called the memory complete."""
    with suppress(FileNotFoundError), folder.open(MEMORY) as memory:
        return memory.read(len(snapshots.SAVED)) == snapshots.SAVED


@pytest.mark.real
def test_a_guest_is_saved_of_which_libvirt_died_before_it_noted_that(connection, host, put):
    machine, _ = put(connection, WRITES, portable=True)
    name, folder = machine.name, connection.folder(machine.name)
    connection.create(machine)
    count_on(host, connection, name)
    connection.checkpoint(name, 1, unreported)
    count_on(host, connection, name)
    daemon, qemu = host.daemon_pid(), host.qemu_pid(name)
    with ThreadPoolExecutor() as pool:
        suspending = pool.submit(connection.suspend, name, Suspend.HARD)
        host.until(lambda: is_whole(folder))
        os.kill(daemon, signal.SIGSTOP)
        with suppress(ProcessLookupError):  # libvirt may have ended it
            host.kill(qemu, signal.SIGTERM)
        host.kill(daemon)
        assert suspending.result() == SAVED
    assert connection.client.state(name).power is Power.OFF
    connection.create(machine)
    connection.fold(name)
    assert connection.state(name) == SAVED
    os.link(folder.path / MEMORY, folder.path / "kept")
    assert connection.resume(name) == RUNNING
    count_on(host, connection, name)

    os.link(folder.path / "kept", folder.path / MEMORY)  # as of a libvirt that had the guest run on
    host.kill(host.qemu_pid(name))
    assert host.until_off(connection, name).ending is Ending.CRASHED


@pytest.fixture
def folder(tmp_path):
    machines = tmp_path / "machines"
    machines.mkdir()
    folder = Folder(machines=machines, name="m1", account=account.find())
    folder.make()
    return folder


class Off:
    """The client of a libvirt that has a machine that is off, with these disks of its own and elsewhere."""

    def __init__(self, *elsewhere):
        root = ET.Element("domain")
        for file in elsewhere:
            disk = ET.SubElement(ET.SubElement(root, "devices"), "disk", device="disk")
            ET.SubElement(disk, "driver", type="raw")
            ET.SubElement(disk, "source", file=str(file))
            ET.SubElement(disk, "target", dev="vda")
        self._description = ET.tostring(root, encoding="unicode")

    def description(self, _machine):
        return self._description


def judged(folder, found, *elsewhere):
    return saving.state(Off(*elsewhere), folder, lambda: found)


def lay(path, data=b"", *, at=0):
    """Write a file, as of so many nanoseconds."""
    path.write_bytes(data)
    os.utime(path, ns=(at, at))


@pytest.mark.parametrize(
    ("files", "found", "told"),
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
def test_a_guest_is_saved_that_has_not_run_since(folder, files, found, told):
    for name in files:
        (folder.path / name).touch()
    assert judged(folder, found) == told


@pytest.mark.parametrize(
    ("found", "told"), [(CRASHED, SAVED), (UNKNOWN, SAVED), (KILLED, KILLED), (SHUTDOWN, SHUTDOWN), (PAUSED, PAUSED)]
)
def test_memory_that_is_complete_counts_where_libvirt_did_not_see_the_end(folder, tmp_path, found, told):
    lay(folder.path / MEMORY, WHOLE, at=5)
    for own in ("disk0", "disk0-1", "disk12.3", "results", "results-1", "nvram"):
        lay(folder.path / own, at=5)
    for other in ("console.log", "cdrom", "memory-2", "nvram-2"):
        lay(folder.path / other, at=6)
    lay(tmp_path / "in-place", at=5)
    assert judged(folder, found, tmp_path / "in-place") == told


@pytest.mark.parametrize(
    "memory",
    [
        b"",
        WHOLE[:50],
        snapshots.saved("<domain/>"),
        WHOLE.replace(b"Save", b"Part", 1),
        snapshots.saved("", 9999)[:200],
    ],
)
def test_memory_that_is_not_complete_does_not_count(folder, memory):
    lay(folder.path / MEMORY, memory, at=5)
    assert judged(folder, CRASHED) == CRASHED


@pytest.mark.parametrize("own", ["disk0", "disk0-1", "disk12.3", "results", "results-1", "nvram"])
def test_memory_is_stale_when_its_guest_has_written_since(folder, own):
    lay(folder.path / MEMORY, WHOLE, at=5)
    lay(folder.path / own, at=6)
    assert judged(folder, CRASHED) == CRASHED


def test_memory_is_stale_when_a_disk_elsewhere_was_or_may_have_been_written_to_since(folder, tmp_path):
    lay(folder.path / MEMORY, WHOLE, at=2**62)
    lay(tmp_path / "in-place", at=2**62)
    assert judged(folder, CRASHED, tmp_path / "in-place") == SAVED
    lay(tmp_path / "in-place", at=2**62 + 1)
    for disk in (tmp_path / "in-place", tmp_path / "gone", "/dev/null"):
        assert judged(folder, CRASHED, disk) == CRASHED


def test_no_memory_stays_of_a_guest_that_runs_but_what_is_saved_meanwhile(folder):
    (folder.path / MEMORY).touch()
    assert judged(folder, RUNNING) == RUNNING
    assert not folder.has(MEMORY)

    def ask():
        (folder.path / MEMORY).touch()
        return RUNNING

    assert saving.state(Off(), folder, ask) == RUNNING
    assert folder.has(MEMORY)


def test_a_guest_whose_memory_is_gone_is_not_saved(folder):
    assert judged(folder, SAVED).ending is Ending.KILLED
