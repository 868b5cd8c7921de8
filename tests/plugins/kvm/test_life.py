from __future__ import annotations

import gc
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import libvirt
import pytest

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import programs, volume
from vmf.model import MEBIBYTE, DiskFormat, Ending, Forward, MachineDisk, MachineNic, NetworkType, Power, Stop
from vmf.result import Said
from vmf_kvm.connection import Connection
from vmf_kvm.domain import xml
from vmf_kvm.place import Socket

pytestmark = pytest.mark.real

SPEAK = "echo hello\necho hi > out\nexit 3\n"
HANG = "echo ready\nwhile :; do sleep 1; done\n"
RUNNING_AT_ONCE = """
import sys
from pathlib import Path
from vmf_kvm.connection import Connection

connection = Connection(Path(sys.argv[1]))
print(connection.state(sys.argv[2]).power, flush=True)
sys.stdin.read()
connection.close()
"""


def nobody(_done, _total):
    """Nobody wants to know how far it is."""


def run(connection, host, machine):
    """Create a machine; its script has begun when this returns."""
    connection.create(machine)
    host.until(lambda: b"ready\r\n" in connection.console(machine.name, 0))


def test_a_life_leaves_its_results_and_then_nothing(connection, host, put, tmp_path):
    connection.machines()  # the daemon has made its own files
    before = host.files()
    machine, magic = put(connection, SPEAK, vnc=True, agent=True)
    nudges = queue.Queue()
    watch = connection.watch(nudges.put)
    connection.create(machine)
    assert connection.state(machine.name).power is Power.RUNNING
    assert connection.machines() == (machine.name,)
    names = set()
    while connection.state(machine.name).power is not Power.OFF:  # looks only when nudged
        names.add(nudges.get(timeout=host.deadline))
    watch.close()
    assert connection.state(machine.name).ending is Ending.SHUTDOWN
    assert names == {machine.name}
    assert b"hello" in connection.console(machine.name, 0)
    (tmp_path / "unpacked").mkdir()
    with connection.fetch(machine.name, "results") as results:
        limits = volume.Limits(bytes=2**20)
        word = volume.read(results, magic=magic, wanted=("out",), folder=tmp_path / "unpacked", limits=limits)
    assert (word.said, word.exit_code, word.files) == (Said.ALL, 3, ("out",))
    with connection.fetch(machine.name, "disk0") as overlay:
        assert overlay.read(4) == b"QFI\xfb"
    assert connection.destroy(machine.name).power is Power.ABSENT
    assert host.files() == before


def test_a_flood_on_the_console_costs_little_space_while_the_guest_runs(connection, host, put):
    machine, _ = put(connection, HANG)
    run(connection, host, machine)
    log = connection.folder(machine.name).path / "console.log"
    with log.open("ab") as console:
        start = log.stat().st_size
        console.write(64 * 2**20 * b"x" + b"the end")
    size = log.stat().st_size
    host.until(lambda: log.stat().st_blocks * 512, lambda used: used < 3 * 2**20)
    assert log.stat().st_size == size
    assert connection.console(machine.name, 0).endswith(b"ready\r\n" + (64 * 2**10 - start) * b"x")
    assert connection.console(machine.name, size - 2**20 + 1) == 2**16 * b"x"
    assert connection.console(machine.name, size - 7) == b"the end"
    assert connection.state(machine.name).power is Power.RUNNING


def test_only_the_daemons_user_can_look_at_a_machine(connection, host, put):
    machine, _ = put(connection, HANG)
    connection.create(machine)
    for path in connection.folder(machine.name).path.iterdir():
        assert path.lstat().st_uid == connection.daemon.account.uid
        assert not path.lstat().st_mode & 0o077
    for folder in ("run", "conf", "cache", "data"):
        assert (host.home / folder).stat().st_mode & 0o777 == 0o700
    assert (host.home / "conf/libvirt/qemu.conf").stat().st_mode & 0o777 == 0o600


def test_a_guest_is_caged_and_reaped_by_the_launcher(connection, host, put):
    machine, _ = put(connection, HANG)
    connection.create(machine)
    status = host.process(host.qemu_pid(machine.name))
    assert set(status["Uid"].split()) == {str(connection.daemon.account.uid)} != {"0"}
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    guests = os.getpriority(os.PRIO_PROCESS, host.qemu_pid(machine.name))
    assert guests > os.getpriority(os.PRIO_PROCESS, 0), "it does not stand back for its host"
    assert status["PPid"] == host.process(host.daemon_pid())["PPid"]


@pytest.fixture
def paused(connection, put):
    """The name of a machine that somebody else has paused over the host's socket."""
    machine, _ = put(connection, HANG)
    connection.create(machine)
    link = libvirt.open(connection.daemon.uri)
    link.lookupByName(machine.name).suspend()
    link.close()
    return machine.name


def test_a_paused_guest_cannot_be_asked_to_stop_but_forced(connection, paused):
    assert connection.shut_down(paused, Stop.ASK).power is Power.PAUSED
    assert connection.shut_down(paused, Stop.FORCE) == connection.state(paused)
    assert connection.state(paused).ending is Ending.KILLED


def test_a_paused_guest_can_be_destroyed(connection, paused):
    assert connection.destroy(paused).power is Power.ABSENT
    assert connection.machines() == ()


def test_what_a_host_without_power_left_is_removed(connection, host, put):
    before = host.files()
    machine, _ = put(connection, HANG)
    for use in Socket:
        Path(connection._place(machine.name).socket(machine.name, use)).touch()
    assert connection.machines() == (machine.name,)
    connection.destroy(machine.name)
    assert host.files() == before


def test_a_machines_name_leads_nothing_that_is_removed_elsewhere(connection, host, put):
    connection.create(put(connection, HANG)[0])  # by now the daemon has made its folders
    stranger = host.home / "cache/libvirt/qemu/stranger.log"
    stranger.touch()
    with pytest.raises(HostFault, match="cannot be the name"):
        connection.destroy("../stranger")
    assert stranger.exists()
    stranger.unlink()


def test_a_guest_survives_its_daemon_and_is_adopted(connection, host, put):
    nudged = threading.Event()
    connection.watch(lambda name: nudged.set() if not name else None)
    machine, _ = put(connection, HANG)
    run(connection, host, machine)
    qemu, daemon = host.qemu_pid(machine.name), host.daemon_pid()
    host.kill(daemon)
    assert nudged.wait(host.deadline)
    connection.create(machine)
    assert host.daemon_pid() != daemon
    assert connection.state(machine.name).power is Power.RUNNING
    assert host.qemu_pid(machine.name) == qemu
    heard = threading.Event()
    connection.watch(lambda name: heard.set() if name == machine.name else None)
    connection.shut_down(machine.name, Stop.ASK)
    assert heard.wait(host.deadline)
    assert host.until_off(connection, machine.name).ending is Ending.SHUTDOWN
    assert connection.console(machine.name, 0).count(b"ready") == 1


def test_a_connection_to_a_daemon_that_was_killed_is_not_kept(connection, host):
    link = weakref.ref(connection.client._lines.get().link)
    host.kill(host.daemon_pid())
    connection.machines()
    host.until(gc.collect, lambda _: link() is None)


def test_a_guest_whose_qemu_is_killed_has_crashed(connection, host, put):
    machine, _ = put(connection, HANG)
    connection.create(machine)
    host.kill(host.qemu_pid(machine.name))
    assert host.until_off(connection, machine.name).ending is Ending.CRASHED


def test_a_guest_and_a_daemon_that_die_together_are_not_taken_for_alive(connection, host, put):
    machine, _ = put(connection, HANG)
    connection.create(machine)
    qemu = host.qemu_pid(machine.name)
    host.kill(host.daemon_pid())
    host.kill(qemu)
    assert host.until_off(connection, machine.name).ending in {Ending.CRASHED, Ending.UNKNOWN}


@pytest.mark.parametrize("daemon_ends_too", [False, True])
def test_an_end_that_nobody_saw_is_told_as_it_was(connection, host, put, daemon_ends_too):
    machine, _ = put(connection, SPEAK)
    connection.create(machine)
    qemu = host.qemu_pid(machine.name)
    connection.close()
    host.gone(qemu)
    again = Connection(host.home)
    if daemon_ends_too:
        host.until_off(again, machine.name)
        host.kill(host.daemon_pid(), signal.SIGTERM)
    assert host.until_off(again, machine.name).ending is Ending.SHUTDOWN
    again.destroy(machine.name)
    again.close()


@pytest.mark.parametrize("daemon_ends_too", [False, True])
def test_a_machine_whose_start_failed_is_started_when_the_cause_is_gone(
    connection, host, put, image, tmp_path, daemon_ends_too
):
    machine, _ = put(connection, HANG)
    (tmp_path / "kernel").write_bytes(b"no kernel" * 1000)
    connection.folder(machine.name).put("kernel", tmp_path / "kernel", nobody)
    with pytest.raises(JobFault):
        connection.create(machine)
    assert connection.folder(machine.name).has("console.log")
    if daemon_ends_too:
        host.kill(host.daemon_pid())
    connection.folder(machine.name).put("kernel", image.kernel.path, nobody)
    for _ in range(2):
        connection.create(machine)
        assert connection.state(machine.name).power is Power.RUNNING
    host.kill(host.daemon_pid())
    host.kill(host.qemu_pid(machine.name))
    host.until_off(connection, machine.name)
    connection.create(machine)  # it was started, and has ended since
    assert connection.state(machine.name).power is Power.OFF


def test_what_was_killed_between_defining_and_starting_is_started(connection, put):
    machine, _ = put(connection, HANG)
    connection.client.define(machine.name, xml(machine, connection._place(machine.name)))
    connection.create(machine)
    assert connection.state(machine.name).power is Power.RUNNING
    connection.shut_down(machine.name, Stop.FORCE)
    connection.create(machine)  # and what has ended is not
    assert connection.state(machine.name).ending is Ending.KILLED


def test_two_processes_share_a_daemon(connection, host, put):
    machine, _ = put(connection, HANG)
    connection.create(machine)
    others = [
        subprocess.Popen(
            (sys.executable, "-c", RUNNING_AT_ONCE, host.home, machine.name),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    daemon = host.daemon_pid()
    for other in others:
        assert other.stdout.readline() == "running\n"
    for other in others:
        other.communicate()
        assert other.returncode == 0
    assert connection.state(machine.name).power is Power.RUNNING
    assert host.daemon_pid() == daemon


@pytest.mark.parametrize(
    ("end", "ending"), [("reboot -f", Ending.REBOOTED), ("echo c > /proc/sysrq-trigger", Ending.PANICKED)]
)
def test_a_guest_that_reboots_or_panics_ends_a_machine_that_may_not_reboot(connection, host, put, end, ending):
    machine, magic = put(connection, f"echo hello\nsleep 0.1\n{end}\n", reboots=False)
    connection.create(machine)
    assert host.until_off(connection, machine.name).ending is ending
    assert connection.console(machine.name, 0).count(b"hello") == 1
    with connection.fetch(machine.name, "results") as results:
        assert results.read(len(magic)) == magic


def test_memory_that_is_too_small_for_the_image_is_the_jobs_fault(connection, put):
    machine, _ = put(connection, SPEAK, memory=3 * MEBIBYTE)
    with pytest.raises(JobFault, match="initrd is too large") as caught:
        connection.create(machine)
    assert caught.value.code is HoldCode.MACHINE_INVALID
    assert caught.value.hint == "raise the job's memory"


def test_a_kernel_that_is_none_is_the_jobs_fault(connection, put, tmp_path):
    machine, _ = put(connection, SPEAK)
    (tmp_path / "kernel").write_bytes(b"no kernel" * 1000)
    connection.folder(machine.name).put("kernel", tmp_path / "kernel", nobody)
    with pytest.raises(JobFault) as caught:
        connection.create(machine)
    assert caught.value.code is HoldCode.IMAGE_INVALID


def test_a_disk_of_another_format_is_the_jobs_fault(connection, put, image):
    machine, _ = put(
        connection, SPEAK, disks=(MachineDisk(file=str(image.disks[0].file.path), format=DiskFormat.QCOW2),)
    )
    with pytest.raises(JobFault, match="it is no qcow2 image") as caught:
        connection.create(machine)
    assert caught.value.code is HoldCode.IMAGE_INVALID


def test_a_disk_that_the_daemons_user_cannot_reach_is_named_with_the_folder(connection, put, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "disk.raw").write_bytes(bytes(2**20))
    machine, _ = put(connection, SPEAK, disks=(MachineDisk(file=str(closed / "disk.raw"), format=DiskFormat.RAW),))
    with pytest.raises(JobFault, match="is stopped at") as caught:
        connection.create(machine)
    assert caught.value.code is HoldCode.IMAGE_UNREADABLE
    assert "setfacl -m u:" in caught.value.hint
    assert connection.state(machine.name).power is Power.ABSENT


def test_a_port_that_somebody_else_has_is_the_jobs_fault(connection, put):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        nic = MachineNic(type=NetworkType.USER, mac="02:00:00:00:00:02", forwards=(Forward(port=80, host_port=port),))
        machine, _ = put(connection, HANG, nic=nic)
        with pytest.raises(JobFault, match=f"tcp port {port} of this computer is taken"):
            connection.create(machine)
    connection.create(machine)
    assert connection.state(machine.name).power is Power.RUNNING


def test_a_disk_that_is_not_there_is_missing(connection, put):
    machine, _ = put(connection, SPEAK, disks=(MachineDisk(file="/no/such/disk", format=DiskFormat.RAW),))
    with pytest.raises(JobFault) as caught:
        connection.create(machine)
    assert caught.value.code is HoldCode.IMAGE_MISSING


def test_a_folder_of_the_daemons_that_cannot_be_written_is_the_hosts_fault(connection, host, put):
    connection.create(put(connection, HANG)[0])  # by now the daemon has made its folders
    machine, _ = put(connection, SPEAK)
    logs = host.home / "cache/libvirt/qemu/log"
    logs.chmod(0o500)
    try:
        with pytest.raises(HostFault, match="Permission denied"):
            connection.create(machine)
    finally:
        logs.chmod(0o700)


def test_a_tool_that_has_been_removed_is_named_with_its_package(connection, put, monkeypatch):
    machine, _ = put(connection, SPEAK)
    monkeypatch.setattr(programs, "find", lambda _name: None)
    with pytest.raises(HostFault, match="qemu-img is not installed") as caught:
        connection.create(machine)
    assert "qemu-utils" in caught.value.hint
