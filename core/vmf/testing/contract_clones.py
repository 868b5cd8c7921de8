"""The contract about guests that wake from the memory of one that is ready, as tests."""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import os
import queue
import time
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.errors import JobFault
from vmf.files.identity import host_name
from vmf.model import (
    MEBIBYTE,
    Forward,
    Handle,
    Machine,
    MachineDisk,
    MachineNic,
    MachineState,
    NetworkType,
    Power,
    Stop,
    Suspend,
)
from vmf.result import Said
from vmf.testing.abilities import need, requires, tries
from vmf.testing.bench import MADE, READY, Bench, Golden, Guests
from vmf.testing.contract_checkpoints import taken
from vmf.testing.contract_networks import PORT, SERVED, answer

RUNNING, PAUSED, SAVED = (MachineState(power=power) for power in (Power.RUNNING, Power.PAUSED, Power.SAVED))
EXIT_CODE = 7
SLACK_SECONDS = 5
"""How far a guest's clock may be from this computer's."""
NIC = MachineNic(mac="52:54:00:c1:0e:01", type=NetworkType.USER, forwards=(Forward(port=PORT),))


class ClonesContract:
    """A part of `HypervisorContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, bench: Bench, offered: frozenset[str], original: MachineDisk, on_host: Path) -> Golden:
        """What a template has left, whose one disk was empty."""
        need("memory-clone", offered, bench.facts.missing)
        return bench.imprint(bench.template(amend=lambda machine: replace(machine, disks=(original,))), on_host)

    @tries("memory-clone")
    def test_guests_wake_and_work_to_their_ends(
        self, bench: Bench, guests: Guests, golden: Golden, tmp_path: Path
    ) -> None:
        """Any number of them, from the same memory, which stays as it is; each has its own disc and its own volume."""
        files = [golden.wakes.memory, golden.wakes.state, *(disk.file for disk in golden.disks)]
        before = [Path(file).stat().st_mtime_ns for file in files]
        for number in range(2):
            nudges: queue.Queue[str] = queue.Queue()
            watch = bench.hypervisor.watch(nudges.put)
            handle = bench.clone(guests.ends, golden)
            assert bench.until_ended(handle, nudges).ending == "shutdown"
            watch.close()
            (folder := tmp_path / str(number)).mkdir()
            word = bench.read(handle, folder)
            assert (word.said, word.exit_code, word.files) == (Said.ALL, EXIT_CODE, (MADE,))
            assert bench.console(handle).count(READY) == 1
            bench.hypervisor.create(bench.made[handle.machine])
            assert bench.hypervisor.state(handle).power is Power.OFF
            bench.hypervisor.destroy(handle)
        assert [Path(file).stat().st_mtime_ns for file in files] == before

    @tries("memory-clone")
    def test_each_guest_that_wakes_has_an_identity_of_its_own(
        self, bench: Bench, guests: Guests, golden: Golden
    ) -> None:
        """Its name, its machine's number and its random numbers are its own; its clock is right."""
        handles = [bench.clone(guests.identifies, golden) for _ in range(2)]
        for word, pattern in (("machine", "[0-9a-f]{32}"), ("random", "[0-9a-f]{32}")):
            said = [bench.told(handle, f"{word} ({pattern})")[1] for handle in handles]
            assert said[0] != said[1]
        for handle in handles:
            assert bench.told(handle, "host ([a-z0-9-]+)")[1] == host_name(handle.machine)
            assert abs(int(bench.told(handle, "clock ([0-9]+)")[1]) - time.time()) < SLACK_SECONDS + bench.seconds
            bench.hypervisor.destroy(handle)

    @tries("memory-clone")
    def test_a_template_is_imprinted_once(self, bench: Bench, running: Handle, golden: Golden) -> None:
        """It has ended then, and whoever asks again hears the same; another machine is no template, and runs on."""
        left = bench.hypervisor.imprint(golden.template)
        assert left.platform == golden.wakes.platform
        assert bench.hypervisor.state(golden.template).power is Power.OFF
        with pytest.raises(JobFault):
            bench.hypervisor.imprint(running)
        assert bench.hypervisor.state(running) == RUNNING

    @tries("memory-clone")
    def test_nothing_wakes_from_a_template_that_ended_by_itself(self, bench: Bench) -> None:
        """It has left nothing."""
        handle = bench.template()
        bench.hypervisor.shut_down(handle, Stop.FORCE)
        with pytest.raises(JobFault):
            bench.hypervisor.imprint(handle)
        bench.hypervisor.destroy(handle)

    @tries("memory-clone")
    def test_what_does_not_fit_does_not_wake(self, bench: Bench, guests: Guests, golden: Golden, on_host: Path) -> None:
        """Other hardware, half a memory, what is no state: each is said, and no guest runs."""
        half, empty = on_host / "half", on_host / "empty-state"
        half.write_bytes(b"")
        os.truncate(half, MEBIBYTE)
        empty.write_bytes(bytes(MEBIBYTE))
        for path in (half, empty):
            path.chmod(0o644)
        wakes = golden.wakes
        for given in (
            replace(wakes, equipment=replace(wakes.equipment, cpus=wakes.equipment.cpus + 1)),
            replace(wakes, memory=str(half)),
            replace(wakes, memory=str(on_host / "absent")),
            replace(wakes, state=str(empty)),
            replace(wakes, state=str(on_host / "absent")),
        ):
            with pytest.raises(JobFault):
                bench.clone(guests.hangs, replace(golden, wakes=given))
            handle = Handle(host=bench.hypervisor.host.name, machine=[*bench.made][-1])
            assert bench.hypervisor.state(handle) != RUNNING
            assert READY not in bench.console(handle)
            bench.hypervisor.destroy(handle)

    @requires("memory-clone", "soft-suspend")
    def test_a_guest_that_woke_stands_still(self, bench: Bench, guests: Guests, golden: Golden) -> None:
        """And goes on; whoever creates it again leaves it as it is."""
        handle = bench.clone(guests.counts, golden)
        assert bench.hypervisor.suspend(handle, Suspend.SOFT) == PAUSED
        bench.hypervisor.create(bench.made[handle.machine])
        assert bench.hypervisor.state(handle) == PAUSED
        assert bench.hypervisor.resume(handle) == RUNNING
        _counts_on(bench, handle)
        bench.hypervisor.destroy(handle)

    @requires("memory-clone", "hard-suspend")
    def test_a_guest_that_woke_is_saved(self, bench: Bench, guests: Guests, golden: Golden) -> None:
        """All its memory is its own then, and it goes on from that, again and again."""
        handle = bench.clone(guests.counts, golden)
        for _ in range(2):
            assert bench.hypervisor.suspend(handle, Suspend.HARD) == SAVED
            assert bench.hypervisor.resume(handle) == RUNNING
            _counts_on(bench, handle)
        bench.hypervisor.destroy(handle)

    @requires("memory-clone", "checkpoint", "console-writable")
    def test_a_guest_that_woke_goes_on_elsewhere(
        self, bench: Bench, guests: Guests, golden: Golden, tmp_path: Path
    ) -> None:
        """From a snapshot, without what it woke from; and it works to its end."""
        handle = bench.clone(guests.keeps, golden)
        bench.until(partial(bench.counted, handle), bool)
        what = taken(bench, handle, 1, tmp_path)
        bench.hypervisor.destroy(handle)
        gone = replace(golden.wakes, memory="/absent/memory", state="/absent/state")
        bench.made[handle.machine] = replace(bench.made[handle.machine], wakes=gone)
        other = bench.restore(handle, what)
        bench.told(other, "count [0-9]+")
        terminal = bench.hypervisor.open_console(other)
        terminal.write(b"\n")
        terminal.close()
        bench.until(partial(bench.hypervisor.state, other), lambda state: state.power is Power.OFF)
        bench.hypervisor.fold(other)
        (tmp_path / "word").mkdir()
        assert bench.read(other, tmp_path / "word").said is Said.ALL
        bench.hypervisor.destroy(other)

    @requires("memory-clone", "network-user", "port-forwards", "static-mac")
    def test_a_guest_that_woke_has_a_card_of_its_own(self, bench: Bench, guests: Guests, golden: Golden) -> None:
        """With the address that its machine names; its port answers."""
        handle = bench.clone(guests.serves, golden, amend=_with_card)
        assert bench.told(handle, "card ([0-9a-f:]+) .*")[1] == NIC.mac
        forward = bench.until(partial(bench.hypervisor.facts, handle), lambda facts: bool(facts.forwards)).forwards[0]
        assert bench.until(partial(answer, forward.host, forward.host_port), bool) == SERVED
        bench.hypervisor.destroy(handle)


def _with_card(machine: Machine) -> Machine:
    return replace(machine, nic=NIC)


def _counts_on(bench: Bench, handle: Handle) -> None:
    far = bench.counted(handle)
    bench.until(partial(bench.counted, handle), lambda now: now > far)
