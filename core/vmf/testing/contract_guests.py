"""The contract about running guests, as tests: what is known of them, their discs, their consoles, their files."""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

import io
import selectors
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.files import cdrom, disc, request, volume
from vmf.hookspecs import Terminal
from vmf.model import MEBIBYTE, Handle, Machine, MachineCdrom, MachineFacts, MachineState, Power, Stop
from vmf.result import Said
from vmf.testing.abilities import requires, tries
from vmf.testing.bench import Bench, Guests
from vmf.testing.contract_disks import Furnished

COPIED = "/tmp/vmf-copied"  # noqa: S108  # in the guest
HEARD = b"heard is anybody there"
FEW_BYTES = b"a few bytes, \0 and \xff among them"
MANY_BYTES = bytes(range(256)) * 1000 + b"and an end that fills no piece"
RUNNING = MachineState(power=Power.RUNNING)


def _with_an_empty_drive(machine: Machine) -> Machine:
    return replace(machine, cdroms=(*machine.cdroms, MachineCdrom(bus=machine.cdroms[0].bus)))


class GuestsContract:
    """A part of `HypervisorContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def talking(cls, furnished: Furnished) -> Handle:
        """A machine whose guest runs the QEMU guest agent; override it if the image's guest does not."""
        return furnished.handle

    def test_facts_of_a_machine(self, bench: Bench, running: Handle) -> None:
        """Of one that runs something is known; of one that is not there, nothing."""
        known = bench.hypervisor.facts(running)
        assert known.memory > 0
        assert known.cpu_seconds >= 0
        absent = Handle(host=running.host, machine=bench.new_name())
        assert bench.hypervisor.facts(absent) == MachineFacts()

    @tries("media-change")
    def test_discs_change_while_the_guest_runs(self, bench: Bench, guests: Guests, tmp_path: Path) -> None:
        """What is put into the second drive is read; what the guest holds on to stays, and so does the machine."""
        handle = bench.run(guests.discs, amend=_with_an_empty_drive)
        change = partial(bench.hypervisor.change_media, handle)
        for word in ("first-disc", "second-disc"):
            disc.write(tmp_path / "disc", {"word": f"{word}\n".encode()}, label=cdrom.LABEL)
            bench.hypervisor.put(handle.machine, word, tmp_path / "disc")
            bench.insist(partial(change, 1, ""), but=JobFault)
            assert change(1, word) == RUNNING
            bench.until(partial(bench.console, handle), partial(_contains, word.encode()))
        for drive, code in ((0, HoldCode.REFUSED), (2, HoldCode.MACHINE_INVALID)):
            with pytest.raises(JobFault) as caught:
                change(drive, "")
            assert caught.value.code is code
        assert bench.hypervisor.state(handle) == RUNNING
        bench.hypervisor.destroy(handle)

    @requires("live-results", "media-change")
    def test_a_guest_answers_requests_on_its_results_volume(self, bench: Bench, guests: Guests, tmp_path: Path) -> None:
        """What it has taken in it hands out again, while its script runs; and that is no word about its results."""
        handle = bench.run(guests.hangs, amend=_with_an_empty_drive)
        (tmp_path / "copied").write_bytes(MANY_BYTES)
        files = {"vmf-copied": tmp_path / "copied"}
        before, nonce = volume.new_nonce(), volume.new_nonce()
        request.write_in(tmp_path / "in", nonce=before, to="/tmp", files=files)  # noqa: S108  # in the guest
        request.write_out(tmp_path / "disc", nonce=nonce, out=COPIED)
        _ask(bench, handle, tmp_path / "in", before)
        _ask(bench, handle, tmp_path / "disc", nonce)
        (tmp_path / "out").mkdir()
        with bench.hypervisor.fetch(handle, "results") as stream:
            volume.unpack_answer(stream, nonce=nonce, folder=tmp_path / "out", limits=volume.Limits(bytes=MEBIBYTE))
        assert (tmp_path / "out/at/vmf-copied").read_bytes() == MANY_BYTES
        bench.hypervisor.shut_down(handle, Stop.FORCE)
        (tmp_path / "word").mkdir()
        assert bench.read(handle, tmp_path / "word").said is Said.NOTHING
        bench.hypervisor.destroy(handle)

    @tries("console-writable")
    def test_a_guest_hears_what_is_typed_on_its_console(self, bench: Bench, guests: Guests) -> None:
        """One who types is heard, and hears the guest to its end; a second one is told; `console` goes on beside it."""
        handle = bench.run(guests.hears)
        bench.hypervisor.open_console(handle).close()
        with closing(bench.hypervisor.open_console(handle)) as terminal:
            with pytest.raises(JobFault):
                bench.hypervisor.open_console(handle)
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


def _ask(bench: Bench, handle: Handle, asking: Path, nonce: str) -> None:
    """Hand a request in by the second drive, and wait until it has been answered well."""
    bench.hypervisor.put(handle.machine, asking.name, asking)
    for name in ("", asking.name):
        bench.insist(partial(bench.hypervisor.change_media, handle, 1, name), but=JobFault)
    bench.until(partial(_answer, bench, handle, nonce), lambda answer: answer is not None and answer.code == 0)


def _answer(bench: Bench, handle: Handle, nonce: str) -> volume.Answer | None:
    with bench.hypervisor.fetch(handle, "results") as stream:
        return volume.look(stream, nonce=nonce)


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
