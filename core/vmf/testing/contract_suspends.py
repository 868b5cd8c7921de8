"""The contract about guests that stand still, as tests: with their memory in place or in a file."""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import operator
import queue
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.hookspecs import SUSPENDS
from vmf.model import Ending, Handle, MachineState, Power, Stop, Suspend
from vmf.plugins import Plugins
from vmf.result import Said
from vmf.testing.abilities import requires, tries
from vmf.testing.bench import READY, Bench, Ended, Guests

A_WHILE = 5
"""Numbers that a guest counts in a time in which no other one is late."""
RUNNING, PAUSED, SAVED, ABSENT = (
    MachineState(power=power) for power in (Power.RUNNING, Power.PAUSED, Power.SAVED, Power.ABSENT)
)
KILLED = MachineState(power=Power.OFF, ending=Ending.KILLED)


class SuspendsContract:
    """A part of `HypervisorContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def ways(cls, plugins: Plugins, bench: Bench) -> tuple[Suspend, ...]:
        """How guests can be suspended here; each goes further than the one before."""
        able = bench.able(plugins)
        return tuple(how for how, ability in SUSPENDS.items() if ability in able)

    @pytest.fixture(scope="class")
    @classmethod
    def counting(cls, bench: Bench, guests: Guests) -> Handle:
        """A machine whose guest counts; each test lets it go on."""
        return bench.run(guests.counts)

    @tries("soft-suspend")
    def test_a_suspended_guest_stands_still_and_goes_on(self, bench: Bench, guests: Guests, counting: Handle) -> None:
        """It says nothing while another guest counts, keeps its memory, and goes on as if nothing had been."""
        _count_on(bench, counting)
        for _ in range(2):
            assert _plain(bench.hypervisor.suspend(counting, Suspend.SOFT)) == PAUSED
        other = bench.run(guests.counts)
        stands_at = bench.counted(counting)
        _count_on(bench, other)
        assert bench.counted(counting) == stands_at
        assert _plain(bench.hypervisor.state(counting)) == PAUSED
        assert bench.hypervisor.facts(counting).memory > 0
        bench.hypervisor.destroy(other)
        for _ in range(2):
            assert bench.hypervisor.resume(counting) == RUNNING
        assert bench.hypervisor.state(counting) == RUNNING
        _count_on(bench, counting)

    @tries("hard-suspend")
    def test_a_saved_guest_takes_nothing_and_goes_on(
        self, plugins: Plugins, folder: Path, bench: Bench, guests: Guests, counting: Handle
    ) -> None:
        """Whoever comes next finds it so; it is never started anew, but goes on as if nothing had been."""
        _count_on(bench, counting)
        for _ in range(2):
            assert _plain(bench.hypervisor.suspend(counting, Suspend.HARD)) == SAVED
        assert bench.hypervisor.facts(counting).memory == 0
        with closing(plugins.connect(bench.hypervisor.host, folder)) as fresh:
            assert _plain(fresh.state(counting)) == SAVED
            assert counting.machine in {each.machine for each in fresh.machines()}
            fresh.create(bench.machine(counting.machine, guests.counts))
            assert _plain(fresh.state(counting)) == SAVED
            for _ in range(2):
                assert fresh.resume(counting) == RUNNING
        assert bench.hypervisor.facts(counting).memory > 0
        _count_on(bench, counting)
        assert bench.console(counting).count(READY) == 1

    @requires("hard-suspend", "console-writable")
    def test_a_guest_that_was_saved_works_to_its_end(self, bench: Bench, guests: Guests, tmp_path: Path) -> None:
        """Its console, its disks and its end are what they would have been."""
        handle = bench.run(guests.hears)
        bench.hypervisor.suspend(handle, Suspend.HARD)
        bench.hypervisor.resume(handle)
        with closing(bench.hypervisor.open_console(handle)) as terminal:
            terminal.write(b"good morning\n")
            bench.told(handle, "heard good morning")
        end = bench.until(partial(bench.hypervisor.state, handle), lambda state: state.power is Power.OFF)
        assert end.ending is Ending.SHUTDOWN
        assert bench.read(handle, tmp_path).said is Said.ALL

    @tries(*SUSPENDS.values())
    def test_who_stands_still_cannot_be_asked_to_power_off(
        self, bench: Bench, guests: Guests, ways: tuple[Suspend, ...]
    ) -> None:
        """It stays as it is, and never hears of it; forced, it was killed, and nothing makes it go on."""
        for how in ways:
            handle = bench.run(guests.counts)
            still = bench.hypervisor.suspend(handle, how)
            assert bench.hypervisor.shut_down(handle, Stop.ASK) == still
            assert bench.hypervisor.state(handle) == still
            bench.hypervisor.resume(handle)
            _count_on(bench, handle)
            bench.hypervisor.suspend(handle, how)
            assert _plain(bench.hypervisor.shut_down(handle, Stop.FORCE)) == KILLED
            assert _plain(bench.hypervisor.resume(handle)) == KILLED

    @requires(*SUSPENDS.values())
    def test_a_guest_that_stands_still_is_saved(self, bench: Bench, counting: Handle) -> None:
        """It goes on from where it stood."""
        states = [_plain(bench.hypervisor.suspend(counting, how)) for how in (Suspend.SOFT, Suspend.HARD)]
        assert states == [PAUSED, SAVED]
        assert bench.hypervisor.resume(counting) == RUNNING
        _count_on(bench, counting)

    @tries(*SUSPENDS.values())
    def test_destroying_a_guest_that_stands_still_leaves_nothing(
        self, bench: Bench, guests: Guests, ways: tuple[Suspend, ...]
    ) -> None:
        """However still it stands."""
        handle = bench.run(guests.hangs)
        for how in ways:
            bench.hypervisor.suspend(handle, how)
        for _ in range(2):
            assert bench.hypervisor.destroy(handle) == ABSENT
        assert bench.hypervisor.state(handle) == ABSENT
        assert handle.machine not in bench.names()

    @tries(*SUSPENDS.values())
    def test_what_has_ended_cannot_be_suspended(self, bench: Bench, ended: Ended, ways: tuple[Suspend, ...]) -> None:
        """It is told as it is, and so is what is not there; neither comes into being by that."""
        absent = Handle(host=ended.handle.host, machine=bench.new_name())
        for handle, state in ((ended.handle, ended.end), (absent, ABSENT)):
            assert [bench.hypervisor.suspend(handle, how) for how in ways] == [state] * len(ways)
            assert bench.hypervisor.resume(handle) == state
            assert bench.hypervisor.state(handle) == state
        assert absent.machine not in bench.names()

    @tries(*SUSPENDS.values())
    def test_whoever_watches_is_told(self, bench: Bench, counting: Handle, ways: tuple[Suspend, ...]) -> None:
        """That a guest was suspended, and that it goes on."""
        nudges: queue.Queue[str] = queue.Queue()
        with closing(bench.hypervisor.watch(nudges.put)):
            for how in ways:
                for act in (partial(bench.hypervisor.suspend, how=how), bench.hypervisor.resume):
                    act(counting)
                    assert bench.until(partial(nudges.get, timeout=bench.seconds), {"", counting.machine}.__contains__)


def _plain(state: MachineState) -> MachineState:
    """A state without the hypervisor's own words."""
    return replace(state, detail="")


def _count_on(bench: Bench, handle: Handle) -> None:
    """Wait until a guest has counted further for a while."""
    bench.until(partial(bench.counted, handle), partial(operator.le, bench.counted(handle) + A_WHILE))
