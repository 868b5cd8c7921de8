"""Snapshots of machines that run, where something goes wrong; that they are right is the contract's."""

from __future__ import annotations

import json
import re
import subprocess
from functools import partial

import pytest
from msgspec.structs import replace

from qemu import qemu_img
from vmf.checkpoints import Making, Manifest
from vmf.errors import HoldCode, HostFault, HostLost, JobFault, Refused
from vmf.hookspecs import unreported
from vmf.model import MEBIBYTE, DiskFormat, Ending, MachineState, Power, Restored, Suspend
from vmf_kvm import checkpoints, folding, restoring
from vmf_kvm.connection import Connection
from vmf_kvm.folder import Folder
from vmf_kvm.place import RESTORE
from vmf_kvm.snapshots import Own, owned
from vmf_libvirt import account, domains
from vmf_libvirt.described import Layer
from vmf_libvirt.errors import Code, LibvirtFault

KEEPS = """
echo ready
n=0
while :; do
n=$((n+1))
printf '%-16d' $n | dd of=/dev/vda bs=16 conv=notrunc,fsync 2>/dev/null
[ "$(dd if=/dev/vda bs=16 count=1 2>/dev/null)" -eq $n ] || echo lost
echo "count $n"
sleep 0.05
done
"""
DIRTIES = """
tr '\\0' x </dev/zero | dd of=/one bs=1M count=60 iflag=fullblock 2>/dev/null
echo ready
n=0
while :; do
dd if=/one of=/two bs=1M conv=notrunc 2>/dev/null
n=$((n+1))
echo "count $n"
done
"""
THREE = tuple(Layer(file=f"/m/{name}", format=DiskFormat.QCOW2) for name in ("disk0-2", "disk0-1", "disk0"))
ALL = ["kernel", "initrd", "cdrom"]


def counted(connection, machine):
    console = connection.console(machine, 0)
    assert b"lost" not in console
    return [int(each) for each in re.findall(rb"^count (\d+)\r?\n", console, re.MULTILINE)]


@pytest.fixture
def keeping(connection, host, put):
    """Makes a machine whose guest counts on its disk."""

    def keeping(**changes):
        machine, _ = put(connection, KEEPS, portable=True, **changes)
        connection.create(machine)
        count_on(host, connection, machine.name)
        return machine

    return keeping


def count_on(host, connection, machine):
    """Wait until a guest has counted further."""
    far = len(counted(connection, machine)) + 3
    host.until(lambda: len(counted(connection, machine)), lambda now: now >= far)


def layers(connection, machine):
    description = connection.client.description(machine)
    return [own.names for own in owned(description, connection.folder(machine).path)]


def defined(connection, machine):
    """The layers that libvirt remembers when the guest has ended."""
    definition = connection.client.on(machine, domains.definition)
    return [own.names for own in owned(definition, connection.folder(machine).path)]


def number(connection, machine, tmp_path):
    """What is on the disk of a machine that has ended."""
    with connection.fetch(machine, "whole0") as stream, (tmp_path / "whole").open("wb") as out:
        out.write(stream.read())
    subprocess.run(("qemu-img", "convert", "-O", "raw", tmp_path / "whole", tmp_path / "raw"), check=True)
    return int((tmp_path / "raw").read_bytes()[:16])


def ended(connection, machine):
    """End a machine; how far its guest had counted."""
    connection.client.force_off(machine)
    return counted(connection, machine)[-1]


def strays(connection, machine):
    files = {each.name for each in connection.folder(machine).path.iterdir()}
    return sorted(files - {*ALL, "results", "disk0", "console.log"})


def bound(host, connection, most):
    """Let the daemon write no longer files, such as those with a guest's memory, as if its disk were full."""
    account = connection.daemon.account
    limit = (f"--fsize={most}:unlimited", "--pid", str(host.daemon_pid()))
    subprocess.run(("prlimit", *limit), check=True, **account.process())


class Killing:
    """Kills the daemon at the first report of bytes."""

    def __init__(self, host):
        self._host, self.killed = host, False

    def __call__(self, done, _total):
        if done and not self.killed:
            self.killed = True
            self._host.kill(self._host.daemon_pid())


@pytest.fixture
def halfway(monkeypatch):
    """Whoever looks at a snapshot that is being taken finds it half done; a fast computer would be done before."""
    monkeypatch.setattr(domains, "progress", lambda _domain: domains.Progress(done=1, total=2))
    monkeypatch.setattr(checkpoints, "LOOK_SECONDS", 0.01)


@pytest.mark.real
@pytest.mark.usefixtures("halfway")
def test_a_daemon_that_is_killed_leaves_a_guest_that_goes_on(connection, host, keeping, tmp_path, monkeypatch):
    name = keeping().name
    killing = Killing(host)
    with pytest.raises(HostLost):
        connection.checkpoint(name, 1, killing)
    assert killing.killed
    host.until(lambda: connection.fold(name).power, lambda power: power is Power.RUNNING)
    count_on(host, connection, name)
    assert len(strays(connection, name)) <= 1  # what was new has come into the chain, or has not
    connection.checkpoint(name, 2, unreported)

    awaited = folding._await

    def killed(client, machine, disk):
        monkeypatch.setattr(folding, "_await", awaited)
        host.kill(host.daemon_pid())
        awaited(client, machine, disk)

    monkeypatch.setattr(folding, "_merge", partial(merge_killed, killed, folding._merge, monkeypatch))
    assert connection.fold(name).power is Power.RUNNING
    assert layers(connection, name) == defined(connection, name) == [("disk0", "disk0-2"), ("results", "results-2")]
    assert strays(connection, name) == ["disk0-2", "results-2"]
    count_on(host, connection, name)
    last = ended(connection, name)
    for _ in range(2):
        connection.fold(name)
        assert (layers(connection, name), strays(connection, name)) == ([("disk0",), ("results",)], [])
    assert number(connection, name, tmp_path) in {last, last + 1}


def merge_killed(killed, merge, monkeypatch, *args):
    """Merge with a daemon that is killed as soon as it has begun."""
    monkeypatch.setattr(folding, "_merge", merge)
    monkeypatch.setattr(folding, "_await", killed)
    merge(*args)


@pytest.mark.real
@pytest.mark.usefixtures("halfway")
def test_what_cannot_be_written_leaves_a_guest_that_goes_on(connection, host, keeping):
    name = keeping().name
    before = layers(connection, name)
    bound(host, connection, 20 * MEBIBYTE)
    with pytest.raises(HostFault):
        connection.checkpoint(name, 1, unreported)
    bound(host, connection, "unlimited")
    assert (layers(connection, name), strays(connection, name)) == (before, [])
    count_on(host, connection, name)

    def refuse(done, _total):
        if done:
            raise Refused("no more")

    with pytest.raises(Refused):
        connection.checkpoint(name, 2, refuse)
    connection.fold(name)
    count_on(host, connection, name)
    connection.suspend(name, Suspend.SOFT)
    snapshot = connection.checkpoint(name, 3, unreported)
    assert (snapshot.results, snapshot.stopped) == ("volume-3", 0.0)
    assert connection.fold(name).power is Power.PAUSED
    with pytest.raises(JobFault, match="stood still since"):
        connection.checkpoint(name, 4, unreported)
    connection.resume(name)
    connection.fold(name)
    assert layers(connection, name) == [("disk0", "disk0-3"), ("results", "results-3")]
    count_on(host, connection, name)


@pytest.mark.real
def test_a_machine_goes_on_at_another_host_when_its_memory_is_right(
    connection, host, keeping, new_home, tmp_path, monkeypatch
):
    machine = keeping()
    connection.checkpoint(machine.name, 1, unreported)
    count_on(host, connection, machine.name)
    snapshot = connection.checkpoint(machine.name, 2, unreported)
    layers_kept = {f"disk0.{at}": name for at, name in enumerate(snapshot.layers[0])}
    names = {"memory": snapshot.memory, "results": snapshot.results, **layers_kept}
    making = Making(tmp_path, 2, check=lambda: None)
    making.begin()
    for new, name in {**names, **{each: each for each in ALL}}.items():
        with connection.fetch(machine.name, name) as stream:
            making.bring(new, stream, unreported, lasts=False)
    making.finish(partial(described, snapshot))
    place = tmp_path / "2"
    connection.destroy(machine.name)
    chain = json.loads(qemu_img("info", "--backing-chain", "--output", "json", place / "disk0.1"))
    original = machine.disks[0].file
    assert [each["filename"] for each in chain] == [str(place / "disk0.1"), str(place / "disk0.0"), original]
    restored = Restored(platform=snapshot.platform, memory="memory", layers={0: tuple(layers_kept)})
    machine = replace(machine, name="elsewhere", restored=restored)
    other = Connection(new_home())
    there = host.__class__(other.daemon.folder)
    for each in (*names, *ALL):
        other.folder(machine.name).put(each, place / each, unreported)
    (place / "half").write_bytes((place / "memory").read_bytes()[: 20 * MEBIBYTE])
    for unfit in ("half", "kernel"):
        other.folder(machine.name).put("memory", place / unfit, unreported)
        with pytest.raises(JobFault) as caught:
            other.create(machine)
        assert caught.value.code is HoldCode.IMAGE_INVALID
        assert counted(other, machine.name) == []
    other.folder(machine.name).put("memory", place / "memory", unreported)

    for when in ("rename", "resume"):  # its maker is killed before the guest may go on, and when it may
        monkeypatch.setattr(restoring, "go_on", partial(killed, when=when))
        with pytest.raises(KeyboardInterrupt):
            other.create(machine)
        monkeypatch.undo()
        assert counted(other, machine.name) == []
        there.kill(there.daemon_pid())
    for _ in range(2):
        other.create(machine)
        assert other.state(machine.name).power is Power.RUNNING
    there.until(lambda: len(counted(other, machine.name)), lambda now: now > 3)
    assert not {RESTORE, "memory"} & set(strays(other, machine.name))
    assert layers(other, machine.name) == defined(other, machine.name) == [("disk0", "disk0.1"), ("results",)]
    other.checkpoint(machine.name, 3, unreported)
    assert other.fold(machine.name).power is Power.RUNNING
    assert layers(other, machine.name) == [("disk0", "disk0-3"), ("results", "results-3")]
    count_on(there, other, machine.name)
    last = ended(other, machine.name)
    other.fold(machine.name)
    assert layers(other, machine.name) == [("disk0",), ("results",)]
    assert number(other, machine.name, tmp_path) in {last, last + 1}
    other.destroy(machine.name)
    other.close()


def described(snapshot, parts):
    return Manifest(
        job="j", id=1, number=2, attempt=1, at=1.0, stopped=snapshot.stopped, nonce="n", originals={},
        platform=snapshot.platform, parts=parts,
    )  # fmt: skip


def killed(_client, folder, memory, *, when):
    """Be killed before a guest goes on."""
    if when == "resume":
        folder.rename(RESTORE, memory)
    raise KeyboardInterrupt


@pytest.mark.real
@pytest.mark.usefixtures("halfway")
def test_a_guest_that_changes_its_memory_all_the_time_is_taken_in_the_end(connection, host, put, monkeypatch):
    """It stands still for that, and goes on."""
    hurried = []
    monkeypatch.setattr(checkpoints, "LIVE_SECONDS", 0)
    monkeypatch.setattr(domains, "LULL_MILLISECONDS", 1)  # so that it does not come to an end by itself
    monkeypatch.setattr(domains, "hurry", lambda domain, hurry=domains.hurry: hurried.append(hurry(domain)))
    machine, _ = put(connection, DIRTIES, portable=True)
    connection.create(machine)
    count_on(host, connection, machine.name)
    snapshot = connection.checkpoint(machine.name, 1, unreported)
    assert hurried
    assert snapshot.stopped > 0
    assert snapshot.said is None or 0 < snapshot.said <= len(connection.console(machine.name, 0))
    assert connection.fold(machine.name).power is Power.RUNNING
    count_on(host, connection, machine.name)


@pytest.mark.parametrize(
    ("done", "written", "seconds", "endless"),
    [(50, 0, 19, False), (50, 200, 19, False), (99, 201, 1, True), (50, 0, 21, True), (100, 201, 21, False)],
)
def test_a_guest_stands_still_when_too_much_of_it_was_written_or_for_too_long(done, written, seconds, endless):
    progress = domains.Progress(done=done, total=100, written=written)
    assert checkpoints._is_endless(progress, seconds) is endless


class Ended:
    """The client of a libvirt that has a machine whose guest has shut down."""

    def state(self, _machine):
        return MachineState(power=Power.OFF, ending=Ending.SHUTDOWN)


def test_of_a_machine_that_has_ended_nothing_is_taken_and_nothing_is_advised(tmp_path):
    folder = Folder(machines=tmp_path, name="m", account=account.find())
    with pytest.raises(JobFault, match="machine m is off: nothing of it can be taken") as caught:
        checkpoints.take(Ended(), folder, 1, unreported, program="qemu-img")
    assert caught.value.hint == ""


class Refusing:
    """The client of a libvirt that refuses."""

    def __init__(self, words):
        self._words = words

    def once(self, _machine, _ask):
        raise LibvirtFault(self._words, code=Code.OPERATION_INVALID)

    def on(self, _machine, _ask):
        return domains.Progress()


def test_a_disk_whose_layers_cannot_be_merged_is_not_given_more_and_more(tmp_path):
    layers = tuple(Layer(file=f"/m/disk0-{number}", format=DiskFormat.QCOW2) for number in range(17))
    folder = Folder(machines=tmp_path, name="m", account=account.find())
    checkpoints._check(folder, Own(disk="vda", number=0, layers=layers[:16]))
    with pytest.raises(HostFault, match="cannot be folded"):
        checkpoints._check(folder, Own(disk="vda", number=0, layers=layers))


class Merging:
    """The client of a libvirt that has something against merging."""

    def __init__(self, words):
        self._words = words

    def on(self, _machine, _ask):
        raise LibvirtFault(self._words)


@pytest.mark.parametrize("words", ["Block node is read-only", "Cannot find device='' nor node-name='libvirt-5-format'"])
def test_layers_that_cannot_be_merged_now_are_left(words):
    folding._merge(Merging(words), "m", Own(disk="vda", number=0, layers=THREE))
    with pytest.raises(LibvirtFault, match="no space"):
        folding._merge(Merging("no space"), "m", Own(disk="vda", number=0, layers=THREE))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("cannot migrate domain: Migration is disabled when VirtFS export path '/srv' is mounted", "a shared folder"),
        ("Can't migrate the vm that was paused due to previous migration", "stood still since"),
    ],
)
def test_what_keeps_a_guest_from_being_taken_is_told_in_its_owners_words(tmp_path, words, told):
    folder = Folder(machines=tmp_path, name="m", account=account.find())
    with pytest.raises(JobFault, match=told) as caught:
        checkpoints._taken(Refusing(words), folder, "<domainsnapshot/>", unreported)
    assert caught.value.code is HoldCode.REFUSED
    assert caught.value.hint
