"""The contract about running guests, as tests: what is known of them, their consoles, their files."""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import io
import re
import select
import selectors
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from msgspec.structs import replace

from vmf.errors import JobFault
from vmf.hookspecs import Terminal
from vmf.model import Ending, Handle, MachineFacts, MachineState, Power, Stop, Suspend
from vmf.testing.abilities import need, requires, tries
from vmf.testing.bench import Bench, Guests
from vmf.testing.contract_disks import Furnished

COPIED, AWAITED = "/tmp/vmf-copied", "/tmp/vmf-awaited"  # noqa: S108  # in the guest
CODE, KILLED = 7, 128 + 9
WAITS = f"until [ -e {AWAITED} ]; do sleep 0.1; done; exit {CODE}"
HEARD = b"heard is anybody there"
FEW_BYTES = b"a few bytes, \0 and \xff among them"
MANY_BYTES = bytes(range(256)) * 1000 + b"and an end that fills no piece"
TOLERANCE = 60
"""Seconds that nobody takes for a clock that is wrong."""
RUNNING = MachineState(power=Power.RUNNING)


class GuestsContract:
    """A part of `HypervisorContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def talking(cls, furnished: Furnished) -> Handle:
        """A machine whose guest runs the QEMU guest agent; override it if the image's guest does not."""
        return furnished.handle

    @pytest.fixture(scope="class")
    @classmethod
    def ticking(cls, bench: Bench, guests: Guests, offered: frozenset[str]) -> Handle:
        """A machine whose guest runs an agent, and has a clock that is wrong."""
        need("guest-clock", offered, bench.facts.missing)
        return bench.run(guests.ticks, amend=lambda machine: replace(machine, agent=True))

    def test_facts_of_a_machine(self, bench: Bench, running: Handle) -> None:
        """Of one that runs something is known; of one that is not there, nothing."""
        known = bench.hypervisor.facts(running)
        assert known.memory > 0
        assert known.cpu_seconds >= 0
        absent = Handle(host=running.host, machine=bench.new_name())
        assert bench.hypervisor.facts(absent) == MachineFacts()

    @tries("console-writable")
    def test_a_guest_hears_what_is_typed_on_its_console(self, bench: Bench, guests: Guests) -> None:
        """One who types is heard, and hears the guest to its end; a second one is told; `console` goes on beside it."""
        handle = bench.run(guests.hears)
        bench.hypervisor.open_console(handle).close()
        with closing(bench.hypervisor.open_console(handle)) as terminal:
            with pytest.raises(JobFault):
                bench.hypervisor.open_console(handle)
            assert select.select([], [terminal], [], bench.seconds)[1], "it never says that one can type"
            terminal.write(b"is anybody there\n")
            assert HEARD in b"".join(_until_closed(terminal, bench))
        bench.until(partial(bench.console, handle), partial(_contains, HEARD))
        bench.until(partial(bench.hypervisor.state, handle), lambda state: state.power is Power.OFF)
        with pytest.raises(JobFault):
            bench.hypervisor.open_console(handle)

    @requires("guest-agent", "guest-files")
    def test_files_go_into_a_guest_and_come_out_of_it(self, bench: Bench, talking: Handle, running: Handle) -> None:
        """Byte for byte; a shorter one leaves nothing of a longer one. A guest without an agent has no such way."""
        for content in (MANY_BYTES, FEW_BYTES, b""):
            assert bench.insist(partial(_copy_in, bench, talking, content), but=JobFault) == len(content)
            with bench.hypervisor.copy_out(talking, COPIED) as stream:
                assert stream.read() == content
        with pytest.raises(JobFault, match=r"/no/such/file.*No such file or directory"):
            bench.hypervisor.copy_out(talking, "/no/such/file")
        with pytest.raises(JobFault):
            bench.hypervisor.copy_out(running, COPIED)

    @requires("guest-agent", "guest-commands")
    def test_programs_run_in_a_guest_and_tell_how_they_end(
        self, bench: Bench, talking: Handle, running: Handle
    ) -> None:
        """Several at once, each as often as it is asked; a signal is told. A guest without an agent has no such way."""
        execute = partial(bench.hypervisor.execute, talking)
        waits = bench.insist(partial(execute, ("sh", "-c", WAITS)), but=JobFault)
        assert waits.poll() is None
        killed = execute(("sh", "-c", "kill -9 $$"))
        assert bench.until(killed.poll, lambda code: code is not None) == KILLED
        assert waits.poll() is None
        made = execute(("mkdir", AWAITED))
        assert [bench.until(each.poll, lambda code: code is not None) for each in (made, waits)] == [0, CODE]
        assert waits.poll() == CODE
        with pytest.raises(JobFault, match="No such file or directory"):
            execute(("/no/such/program",))
        with pytest.raises(JobFault):
            bench.hypervisor.execute(running, ("mkdir", AWAITED))

    @requires("guest-agent", "guest-clock")
    def test_the_clock_of_a_guest_is_set(self, bench: Bench, ticking: Handle, running: Handle) -> None:
        """It is right then, however wrong it was. A guest without an agent has no such way."""
        assert _ticked(bench, ticking) < time.time() - TOLERANCE
        _set_clock(bench, ticking)
        with pytest.raises(JobFault):
            bench.hypervisor.set_clock(running)

    @requires("guest-agent", "guest-clock", "hard-suspend")
    def test_the_clock_of_a_guest_that_was_saved_is_set(self, bench: Bench, ticking: Handle) -> None:
        """Its agent answers when it goes on."""
        bench.hypervisor.suspend(ticking, Suspend.HARD)
        bench.hypervisor.resume(ticking)
        _set_clock(bench, ticking)

    @tries("tells-reboot")
    def test_a_guest_that_reboots_is_told(self, bench: Bench, guests: Guests) -> None:
        """From one that powers off."""
        assert _end(bench, bench.run(guests.reboots)) is Ending.REBOOTED

    @tries("tells-panic")
    def test_a_guest_that_panics_is_told(self, bench: Bench, guests: Guests) -> None:
        """From one whose hypervisor has died; and whoever comes later is told so, too."""
        assert _end(bench, bench.run(guests.panics)) is Ending.PANICKED

    @tries("tells-halt")
    def test_a_guest_that_has_halted_is_told(self, bench: Bench, guests: Guests, running: Handle) -> None:
        """From one that has nothing to do. It hears nobody, and can be forced off."""
        handle = bench.run(guests.halts)
        bench.until(partial(bench.hypervisor.examine, handle), lambda state: state.halted)
        assert bench.hypervisor.examine(handle).power is Power.RUNNING
        for _ in range(3):
            assert bench.hypervisor.examine(running) == RUNNING
        assert bench.hypervisor.shut_down(handle, Stop.FORCE).ending is Ending.KILLED
        assert not bench.hypervisor.examine(handle).halted


def _end(bench: Bench, handle: Handle) -> Ending | None:
    """How a machine ends, as it is told twice."""
    ends = [
        bench.until(partial(bench.hypervisor.state, handle), lambda state: state.power is Power.OFF) for _ in range(2)
    ]
    assert ends[0] == ends[1]
    return ends[0].ending


def _set_clock(bench: Bench, handle: Handle) -> None:
    assert bench.insist(partial(bench.hypervisor.set_clock, handle), but=JobFault) == RUNNING
    bench.until(partial(_ticked, bench, handle), lambda now: abs(now - time.time()) < TOLERANCE)


def _ticked(bench: Bench, handle: Handle) -> int:
    """What the clock of a guest showed last."""
    bench.told(handle, r"time \d+")
    return int(re.findall(rb"^time (\d+)\r?\n", bench.console(handle), re.MULTILINE)[-1])


def _copy_in(bench: Bench, handle: Handle, content: bytes) -> int:
    return bench.hypervisor.copy_in(handle, io.BytesIO(content), COPIED)


def _contains(words: bytes, console: bytes) -> bool:
    return words in console


def _until_closed(terminal: Terminal, bench: Bench) -> Iterator[bytes]:
    """All that the guest writes from now on."""
    with selectors.DefaultSelector() as selector:
        selector.register(terminal, selectors.EVENT_READ)
        while selector.select(bench.seconds):
            piece = terminal.read()
            yield piece
            if not piece:
                return
    raise AssertionError(f"nothing was heard from the guest for {bench.seconds} seconds")
