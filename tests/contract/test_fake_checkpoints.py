"""Snapshots of the fake's machines, whoever is killed meanwhile; the contract suite has what every hypervisor does."""

from __future__ import annotations

import os
import signal
from contextlib import closing, suppress
from functools import partial

import pytest
from msgspec.structs import replace

from guests.fake import GUESTS
from vmf.disks import qcow2
from vmf.errors import HostFault, Refused
from vmf.model import Access, DiskFormat, Ending, MachineDisk, Power, Restored, Stop, Suspend
from vmf.testing.bench import Taken

WRITTEN = "vmf.testing.snapshots:write_whole"
REMOVED = "pathlib:Path.unlink"
MANY_NUMBERS = 10
TAKEN = [(WRITTEN, 0), ("time:sleep", 0), ("vmf.testing.snapshots:_overlaid", 0)]
FOLDED = [*((REMOVED, number) for number in range(6)), (WRITTEN, 0), ("pathlib:Path.replace", 0)]
DEFINED = "vmf.testing.world:write_whole"
RESTORED = [*((each, number) for each in (WRITTEN, DEFINED) for number in range(2)), ("vmf.testing.world:_start", 0)]


@pytest.fixture
def disk(tmp_path):
    """A disk that is empty."""
    file = tmp_path / "empty"
    file.write_bytes(bytes(2**20))
    return MachineDisk(file=str(file), format=DiskFormat.RAW)


@pytest.fixture
def handle(bench, disk):
    """A machine whose guest counts on its disk."""
    return bench.run(GUESTS.keeps, amend=lambda planned: replace(planned, disks=(disk,)))


@pytest.fixture
def files(machine, handle):
    """The names of that machine's files."""
    return lambda: {each.name for each in (machine(handle) / "files").iterdir()} - {"cdrom", "results"}


def said(bench, handle):
    console = bench.console(handle).decode()
    assert "lost" not in console
    return [int(line.removeprefix("count ")) for line in console.splitlines() if line.startswith("count ")]


def counts_on(bench, handle):
    far = len(said(bench, handle)) + 3
    bench.until(partial(said, bench, handle), lambda numbers: len(numbers) >= far)


def on_disk(bench, handle):
    """What is on the disk of a machine, once it has been forced off."""
    bench.hypervisor.shut_down(handle, Stop.FORCE)
    bench.hypervisor.fold(handle)
    with bench.hypervisor.fetch(handle, "disk0") as overlay:
        return int(overlay.readline())


def assert_kept(bench, handle):
    found = on_disk(bench, handle)
    assert found - said(bench, handle)[-1] in {0, 1}  # it is on the disk first


def taken(bench, handle, number, folder):
    """A snapshot, as its files are put into the next machine's folder."""
    snapshot = bench.hypervisor.checkpoint(handle, number)
    layers = {f"disk0.{at}": name for at, name in enumerate(snapshot.layers.get(0, ()))}
    names = {**layers, "memory": snapshot.memory, "results": snapshot.results, "cdrom": "cdrom"}
    for name, source in names.items():
        with bench.hypervisor.fetch(handle, source) as stream:
            (folder / name).write_bytes(stream.read())
    restored = Restored(platform=snapshot.platform, memory="memory", layers={0: tuple(layers)} if layers else {})
    return Taken(
        restored=restored, files={name: folder / name for name in names}, media=snapshot.media, said=snapshot.said
    )


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("step", TAKEN)
def test_a_guest_goes_on_and_can_be_taken_whoever_was_killed(bench, dies, handle, files, step, still):
    if still:
        bench.hypervisor.suspend(handle, Suspend.SOFT)
    dies(step, "checkpoint", handle.machine, "1")
    assert bench.hypervisor.state(handle).power is (Power.PAUSED if still else Power.RUNNING)
    bench.hypervisor.fold(handle)
    assert files() in ({"disk0"}, {"disk0", "disk0-1"})
    bench.hypervisor.resume(handle)
    counts_on(bench, handle)
    snapshot = bench.hypervisor.checkpoint(handle, 2)
    assert files() == {*snapshot.layers[0], "disk0-2", "memory-2", "results-2"}
    counts_on(bench, handle)
    assert_kept(bench, handle)
    assert files() == {"disk0"}


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("step", FOLDED)
def test_nothing_is_lost_whoever_was_killed_folding(bench, dies, handle, files, step, ended):
    for number in (1, 2):
        counts_on(bench, handle)
        bench.hypervisor.checkpoint(handle, number)
    counts_on(bench, handle)
    if ended:
        bench.hypervisor.shut_down(handle, Stop.FORCE)
    dies(step, "fold", handle.machine)
    for _ in range(2):
        bench.hypervisor.fold(handle)
        assert files() == ({"disk0"} if ended else {"disk0", "disk0-2"})
    if not ended:
        counts_on(bench, handle)
    assert_kept(bench, handle)


@pytest.mark.parametrize("step", RESTORED)
def test_a_machine_goes_on_whoever_was_killed_making_it(bench, dies, handle, tmp_path, step):
    bench.hypervisor.checkpoint(handle, 1)
    bench.until(partial(said, bench, handle), lambda numbers: len(numbers) > MANY_NUMBERS)
    what = taken(bench, handle, 2, tmp_path)
    latest = said(bench, handle)[-1]
    made = replace(bench.made[handle.machine], name="other", restored=what.restored)
    for name, path in what.files.items():
        bench.hypervisor.put(made.name, name, path)
    dies(step, "create", machine=made)
    other = bench.hypervisor.create(made)
    counts_on(bench, other)
    assert 0 < said(bench, other)[0] <= latest + 1
    bench.hypervisor.checkpoint(other, 3)
    bench.hypervisor.fold(other)
    counts_on(bench, other)
    assert_kept(bench, other)


@pytest.mark.parametrize("calls", [1, 2])
def test_a_snapshot_that_is_broken_off_leaves_nothing(bench, handle, files, calls):
    told = []

    def break_off(*done):
        told.append(done)
        if len(told) == calls:
            raise Refused("broken off")

    with pytest.raises(Refused):
        bench.hypervisor.checkpoint(handle, 1, break_off)
    bench.hypervisor.suspend(handle, Suspend.SOFT)  # by now it would have done what is still asked for
    counts = said(bench, handle)
    assert files() in ({"disk0"}, {"disk0", "disk0-1"})
    bench.hypervisor.resume(handle)
    bench.until(partial(said, bench, handle), lambda numbers: len(numbers) > len(counts))


def test_what_is_frozen_is_an_overlay_for_whoever_looks(bench, handle):
    snapshot = bench.hypervisor.checkpoint(handle, 1)
    assert snapshot.layers == {0: ("disk0",)}
    with bench.hypervisor.fetch(handle, "disk0") as layer:
        qcow2.check_overlay(layer)


def test_a_disk_without_an_overlay_has_no_layers(bench, disk):
    disks = (replace(disk, access=Access.READ), disk, replace(disk, access=Access.IN_PLACE))
    handle = bench.run(GUESTS.hangs, amend=lambda planned: replace(planned, disks=disks))
    assert bench.hypervisor.checkpoint(handle, 1).layers == {1: ("disk1",)}


def test_an_overlay_takes_what_its_layers_do(bench, handle, machine):
    for number in (1, 2):
        counts_on(bench, handle)
        bench.hypervisor.checkpoint(handle, number)
    layers = sum(each.stat().st_size for each in machine(handle).glob("files/disk0*"))
    assert bench.hypervisor.facts(handle).disks.keys() == {"disk0"}
    assert bench.hypervisor.facts(handle).disks["disk0"] >= layers


def test_a_guest_that_ends_meanwhile_is_not_taken(bench, handle, machine):
    pid = int((machine(handle) / "pid").read_text())

    def kill(_done, _total):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(HostFault, match="ended before it was taken"):
        bench.hypervisor.checkpoint(handle, 1, kill)
    assert bench.hypervisor.state(handle).ending is Ending.KILLED


def test_a_guest_remembers_but_for_what_was_typed_elsewhere(bench, tmp_path):
    handle = bench.run("echo vmf-ready\nwrite made made\nhear\nhear\nexit 7")
    type_(bench, handle, "one, at some length")
    other = bench.restore(handle, taken(bench, handle, 1, tmp_path))
    type_(bench, other, "two")
    bench.until(partial(bench.hypervisor.state, other), lambda state: state.power is Power.OFF)
    (tmp_path / "word").mkdir()
    assert bench.read(other, tmp_path / "word").exit_code == 7
    assert bench.console(other) == b"heard two\n"


def type_(bench, handle, line):
    with closing(bench.hypervisor.open_console(handle)) as terminal:
        terminal.write(f"{line}\n".encode())
    bench.told(handle, f"heard {line}")


def test_what_is_no_memory_does_not_make_a_machine(bench, handle, tmp_path):
    what = taken(bench, handle, 1, tmp_path)
    (tmp_path / "memory").write_bytes(b"no memory at all")
    with pytest.raises(HostFault, match="is no memory of a guest"):
        bench.restore(handle, what)
