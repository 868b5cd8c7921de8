"""The contract about snapshots, as tests: what is taken of a guest that goes on, and another one that begins there."""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import hashlib
import operator
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from vmf import plan
from vmf.errors import JobFault, Refused
from vmf.files import sparse
from vmf.hookspecs import unreported
from vmf.model import (
    MEBIBYTE,
    Firmware,
    Forward,
    Handle,
    MachineDisk,
    MachineNic,
    MachineState,
    NetworkType,
    Power,
    Restored,
    Snapshot,
    Stop,
    Suspend,
)
from vmf.result import Said
from vmf.testing import samples
from vmf.testing.abilities import requires, tries
from vmf.testing.bench import Bench, Ended, Guests, Taken, break_off
from vmf.testing.contract_disks import layered, without_kernel
from vmf.testing.contract_networks import PORT, SERVED, answer

SIZE = 16 * MEBIBYTE
LINE_MOST = 20
"""Bytes of a number on a disk."""
A_FEW = 3
"""Numbers that a guest counts on, to be seen to do so."""
NIC = MachineNic(mac="52:54:00:c0:00:02", type=NetworkType.USER, forwards=(Forward(port=PORT),))
COUNT = re.compile(rb"(.*)count (\d+)\r?\n")
"""A number that a guest counted, and what should not be before it in its line."""
RUNNING, PAUSED, SAVED, ABSENT = (
    MachineState(power=power) for power in (Power.RUNNING, Power.PAUSED, Power.SAVED, Power.ABSENT)
)


SUMMED_MOST = 16
"""MiB of a file that are looked at; all of a guest's memory comes slowly from a host elsewhere."""


class Sum(Struct, frozen=True, kw_only=True):
    """What there is at the beginning of a file."""

    weight: int
    """The bytes of that which are not zeros."""
    sha256: str


class CheckpointsContract:
    """A part of `HypervisorContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def original(cls, on_host: Path, offered: frozenset[str]) -> MachineDisk:
        """A disk that is empty, and of several files where it can be."""
        file = on_host / "empty"
        file.touch(mode=0o644)
        os.truncate(file, SIZE)
        return layered(file, *((b"", b"") if "disk-layers" in offered else ()))

    @pytest.fixture(scope="class")
    @classmethod
    def keeping(cls, bench: Bench, guests: Guests, original: MachineDisk) -> Handle:
        """A machine whose guest counts on its disk; each test lets it go on."""
        return bench.run(guests.keeps, amend=lambda machine: replace(machine, portable=True, disks=(original,)))

    @tries("checkpoint", "live-checkpoint", "periodic-checkpoint")
    def test_a_guest_goes_on_while_snapshots_are_taken(self, bench: Bench, keeping: Handle) -> None:
        """It leaves out nothing; what was taken stays as it was, and the next one has only what came since on top."""
        _count_on(bench, keeping)
        told: list[tuple[int, int]] = []
        began = time.monotonic()
        first = bench.hypervisor.checkpoint(keeping, 1, lambda *done: told.append(done))
        assert 0 <= first.stopped <= time.monotonic() - began
        assert all(done <= total or not total for done, total in told)
        assert told
        assert bench.hypervisor.state(keeping) == RUNNING
        sums = _sums(bench, keeping, first)
        _count_on(bench, keeping)
        assert _sums(bench, keeping, first) == sums
        for _ in range(2):
            assert bench.hypervisor.fold(keeping) == RUNNING
        _count_on(bench, keeping)
        second = bench.hypervisor.checkpoint(keeping, 2)
        assert second.platform == first.platform
        everything = sum(sums[layer].weight for layer in first.layers[0])
        assert 0 < _sum(bench, keeping, second.layers[0][-1]).weight < everything / 2
        assert bench.hypervisor.fold(keeping) == RUNNING
        _count_on(bench, keeping)

    @tries("checkpoint")
    def test_a_snapshot_is_broken_off(self, bench: Bench, keeping: Handle) -> None:
        """Its guest goes on, and the next one is whole."""
        with pytest.raises(Refused):
            bench.hypervisor.checkpoint(keeping, 3, break_off)
        assert bench.hypervisor.state(keeping) == RUNNING
        _count_on(bench, keeping)
        snapshot = bench.hypervisor.checkpoint(keeping, 4)
        assert all(each.weight for each in _sums(bench, keeping, snapshot).values())
        assert bench.hypervisor.fold(keeping) == RUNNING
        _count_on(bench, keeping)

    @requires("checkpoint", "soft-suspend")
    def test_a_guest_that_stands_still_is_taken_so(
        self, bench: Bench, keeping: Handle, offered: frozenset[str], tmp_path: Path
    ) -> None:
        """It goes on standing still; the other one that is made of it goes on with the very next number.

        Only a hypervisor that cannot take a guest live may let it run for a moment first.
        """
        bench.hypervisor.suspend(keeping, Suspend.SOFT)
        stood_at = _counted(bench, keeping)
        what = taken(bench, keeping, 5, tmp_path)
        stands_at = _counted(bench, keeping)
        assert stands_at == stood_at or "live-checkpoint" not in offered
        said = len(bench.console(keeping))
        assert what.said in {None, said} or (what.said < said and "live-checkpoint" not in offered)
        for act in (bench.hypervisor.state, bench.hypervisor.fold):
            assert replace(act(keeping), detail="") == PAUSED
        other = bench.restore(keeping, what)
        assert bench.hypervisor.state(other) == RUNNING
        bench.until(partial(_counted, bench, keeping, other), partial(_is_beyond, stands_at))
        bench.hypervisor.destroy(other)
        assert _counted(bench, keeping) == stands_at
        assert bench.hypervisor.resume(keeping) == RUNNING
        assert bench.hypervisor.fold(keeping) == RUNNING
        _count_on(bench, keeping)

    @requires("checkpoint", "hard-suspend")
    def test_a_guest_that_is_saved_is_taken_so(self, bench: Bench, keeping: Handle, tmp_path: Path) -> None:
        """It stays saved, and can go on; so can another one that is made of it, and one that is made of that."""
        _count_on(bench, keeping)
        bench.hypervisor.checkpoint(keeping, 6)
        _count_on(bench, keeping)
        bench.hypervisor.suspend(keeping, Suspend.HARD)
        snapshot = bench.hypervisor.checkpoint(keeping, 7)
        assert snapshot.stopped == 0
        sums = _sums(bench, keeping, snapshot)
        for act in (bench.hypervisor.fold, bench.hypervisor.state):
            assert replace(act(keeping), detail="") == SAVED
        other = bench.restore(keeping, taken(bench, keeping, 7, tmp_path))
        bench.until(partial(_counted, bench, keeping, other), partial(_is_beyond, _counted(bench, keeping)))
        bench.hypervisor.suspend(other, Suspend.HARD)
        said = bench.console(other)
        (tmp_path / "again").mkdir()
        what = taken(bench, other, 1, tmp_path / "again")
        assert what.said in {None, len(said)}
        bench.hypervisor.destroy(other)
        last = bench.restore(other, what)
        bench.until(lambda: _numbers(said + bench.console(last)), partial(_is_beyond, _numbers(said)))
        bench.hypervisor.destroy(last)
        assert _sums(bench, keeping, snapshot) == sums
        assert bench.hypervisor.resume(keeping) == RUNNING
        assert bench.hypervisor.fold(keeping) == RUNNING
        _count_on(bench, keeping)

    @requires("checkpoint", "console-writable", "whole-disks")
    def test_a_guest_goes_on_elsewhere(
        self, bench: Bench, guests: Guests, original: MachineDisk, tmp_path: Path
    ) -> None:
        """From the instant, with its disk as it was then, after the first one is gone; and it works to its end.

        What it says there follows what the first one had said by then.
        """
        handle = bench.run(guests.keeps, amend=lambda machine: replace(machine, portable=True, disks=(original,)))
        _count_on(bench, handle)
        bench.hypervisor.checkpoint(handle, 1)
        bench.hypervisor.fold(handle)
        _count_on(bench, handle)
        before = _counted(bench, handle)[-1]
        what = taken(bench, handle, 2, tmp_path)
        after = _counted(bench, handle)[-1]
        _count_on(bench, handle)
        bench.hypervisor.shut_down(handle, Stop.FORCE)
        _end(bench, handle)
        said, console = _counted(bench, handle)[-1], bench.console(handle)
        assert _kept(bench, handle) in {said, said + 1}
        bench.hypervisor.destroy(handle)

        other = bench.restore(handle, what)
        _count_on(bench, other)
        assert before < _counted(bench, other)[0] <= after + 2
        if what.said is not None:
            assert _numbers(console[: what.said] + bench.console(other))[0] == 1
        bench.hypervisor.create(bench.made[other.machine])
        snapshot = bench.hypervisor.checkpoint(other, 3)
        sums = _sums(bench, other, snapshot)
        _count_on(bench, other)
        with closing(bench.hypervisor.open_console(other)) as terminal:
            terminal.write(b"enough\n")
            bench.until(partial(bench.hypervisor.state, other), lambda state: state.power is Power.OFF)
        assert _sums(bench, other, snapshot) == sums
        _end(bench, other)
        assert _kept(bench, other) == _counted(bench, other)[-1]
        (tmp_path / "word").mkdir()
        assert bench.read(other, tmp_path / "word").said is Said.ALL
        bench.hypervisor.destroy(other)
        assert not {handle.machine, other.machine} & bench.names()

    @requires("checkpoint", "port-forwards")
    def test_a_guest_that_goes_on_elsewhere_is_reached(self, bench: Bench, guests: Guests, tmp_path: Path) -> None:
        """By its network card, which is the one that it knows."""
        handle = bench.run(guests.serves, amend=lambda machine: replace(machine, portable=True, nic=NIC))
        bench.told(handle, f"card {NIC.mac} .*")
        bench.until(partial(_call, bench, handle), partial(operator.eq, SERVED))
        what = taken(bench, handle, 1, tmp_path)
        bench.hypervisor.destroy(handle)
        other = bench.restore(handle, what)
        bench.until(partial(_call, bench, other), partial(operator.eq, SERVED))
        assert b"card" not in bench.console(other)
        bench.hypervisor.destroy(other)

    @requires("checkpoint", "hard-suspend", "firmware-uefi", "kernel-included")
    def test_a_guest_that_uefi_started_goes_on(
        self, bench: Bench, guests: Guests, bootable: tuple[MachineDisk, ...], tmp_path: Path
    ) -> None:
        """After it was saved, and elsewhere: memory is loaded into a machine that has the same firmware."""
        by_uefi = partial(without_kernel, bootable, Firmware.UEFI)
        handle = bench.run(guests.counts, amend=lambda machine: replace(by_uefi(machine), portable=True))
        _count_on(bench, handle)
        what = taken(bench, handle, 1, tmp_path)
        bench.hypervisor.suspend(handle, Suspend.HARD)
        assert bench.hypervisor.resume(handle) == RUNNING
        _count_on(bench, handle)
        bench.hypervisor.destroy(handle)
        other = bench.restore(handle, what)
        _count_on(bench, other)
        bench.hypervisor.suspend(other, Suspend.HARD)
        assert bench.hypervisor.resume(other) == RUNNING
        _count_on(bench, other)
        bench.hypervisor.destroy(other)

    @tries("checkpoint")
    def test_what_has_ended_cannot_be_taken(self, bench: Bench, ended: Ended) -> None:
        """It stays as it is, and so does what is not there; there is nothing to fold either."""
        absent = Handle(host=ended.handle.host, machine=bench.new_name())
        for handle, state in ((ended.handle, ended.end), (absent, ABSENT)):
            with pytest.raises(JobFault):
                bench.hypervisor.checkpoint(handle, 1)
            assert bench.hypervisor.fold(handle) == state
            assert bench.hypervisor.state(handle) == state
        assert absent.machine not in bench.names()


def _counted(bench: Bench, *handles: Handle) -> list[int]:
    """What a guest has counted, here and then there; it must have left out nothing, nor lost what was on its disk."""
    return _numbers(b"".join(bench.console(handle) for handle in handles))


def _numbers(console: bytes) -> list[int]:
    """What has been counted on a console, with nothing left out, and with nothing lost."""
    found = COUNT.findall(console)
    said = [int(number) for _, number in found]
    if b"lost" in console or any(before for before, _ in found) or (said and said != [*range(said[0], said[-1] + 1)]):
        raise AssertionError(f"that is no way to count: {console.decode(errors='replace')}")
    return said


def _count_on(bench: Bench, handle: Handle) -> None:
    """Wait until a guest has counted further."""
    far = len(_counted(bench, handle)) + A_FEW
    bench.until(partial(_counted, bench, handle), lambda said: len(said) >= far)


def _is_beyond(before: Sequence[int], now: Sequence[int]) -> bool:
    """Whether a guest has been seen to count on."""
    return len(now) > len(before) + A_FEW


def _end(bench: Bench, handle: Handle) -> None:
    """Wait until a machine has ended, and fold what it has left."""
    end = bench.until(partial(bench.hypervisor.state, handle), lambda state: state.power is Power.OFF)
    for _ in range(2):
        assert bench.hypervisor.fold(handle) == end


def _kept(bench: Bench, handle: Handle) -> int:
    """The number on the disk of a machine that has ended."""
    with bench.hypervisor.fetch(handle, "whole0") as stream:
        return int(samples.beginning(stream, LINE_MOST).partition(b"\n")[0])


def _sums(bench: Bench, handle: Handle, snapshot: Snapshot) -> Mapping[str, Sum]:
    """What there is of each file of a snapshot."""
    layers = (layer for disk in snapshot.layers.values() for layer in disk)
    names = (snapshot.memory, snapshot.results, snapshot.nvram, *layers)
    return {name: _sum(bench, handle, name) for name in names if name}


def _sum(bench: Bench, handle: Handle, name: str) -> Sum:
    weight, digest = 0, hashlib.sha256()
    with bench.hypervisor.fetch(handle, name) as stream:
        for _ in range(SUMMED_MOST):
            piece = stream.read(MEBIBYTE)
            weight += len(piece) - piece.count(0)
            digest.update(piece)
    return Sum(weight=weight, sha256=digest.hexdigest())


def taken(bench: Bench, handle: Handle, number: int, folder: Path) -> Taken:
    """Take a machine, and copy all that another one needs to go on from there; the snapshot is not folded."""
    snapshot = bench.hypervisor.checkpoint(handle, number)
    layers = {
        disk: {f"disk{disk}.{at}": each for at, each in enumerate(snapshot.layers[disk])} for disk in snapshot.layers
    }
    names = {"memory": snapshot.memory, "nvram": snapshot.nvram, plan.RESULTS: snapshot.results}
    for more in layers.values():
        names |= more
    names |= {file: file for file in snapshot.media.values()}
    files = {name: folder / name for name, source in names.items() if source}
    for name, path in files.items():
        with bench.hypervisor.fetch(handle, names[name]) as stream, path.open("wb") as out:
            sparse.copy(stream, out, unreported)
    restored = Restored(
        platform=snapshot.platform,
        memory="memory",
        nvram="nvram" if snapshot.nvram else "",
        layers={disk: tuple(names) for disk, names in layers.items()},
    )
    return Taken(restored=restored, files=files, media=snapshot.media, said=snapshot.said)


def _call(bench: Bench, handle: Handle) -> bytes:
    """What a guest answers whose port is forwarded."""
    (way,) = bench.hypervisor.facts(handle).forwards
    return answer(way.host, way.host_port)
