"""The contract about discs, as tests: changed while guests run, kept while they do not, and answered when they ask."""
# ruff: noqa: S101  # these are tests, and assert is what tests do

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.files import cdrom, disc, request, volume
from vmf.model import MEBIBYTE, Handle, Machine, MachineCdrom, MachineState, Power, Stop, Suspend
from vmf.result import Said
from vmf.testing.abilities import need, requires, tries
from vmf.testing.bench import Bench, Guests
from vmf.testing.contract_checkpoints import taken
from vmf.testing.contract_guests import COPIED, MANY_BYTES

DRIVE = 1
"""The one that is empty at first."""
RUNNING = MachineState(power=Power.RUNNING)
LIMITS = volume.Limits(bytes=MEBIBYTE)


def _with_an_empty_drive(machine: Machine) -> Machine:
    return replace(machine, portable=True, cdroms=(*machine.cdroms, MachineCdrom(bus=machine.cdroms[0].bus)))


class MediaContract:
    """A part of `HypervisorContract`."""

    @pytest.fixture(scope="class")
    @classmethod
    def reading(cls, bench: Bench, guests: Guests, offered: frozenset[str]) -> Handle:
        """A machine whose guest says what is on the disc in its second drive."""
        need("media-change", offered, bench.facts.missing)
        return bench.run(guests.discs, amend=_with_an_empty_drive)

    @pytest.fixture(scope="class")
    @classmethod
    def answering(cls, bench: Bench, guests: Guests, offered: frozenset[str]) -> Handle:
        """A machine whose guest has taken in a file by request; it runs no agent."""
        need("media-change", offered, bench.facts.missing)
        return bench.run(guests.hangs, amend=_with_an_empty_drive)

    @tries("media-change")
    def test_discs_change_while_the_guest_runs(self, bench: Bench, reading: Handle, tmp_path: Path) -> None:
        """What is put into the second drive is read; what the guest holds on to stays, and so does the machine."""
        for word in ("first-disc", "second-disc"):
            _insert(bench, reading, word, tmp_path)
        for drive, code in ((0, HoldCode.REFUSED), (2, HoldCode.MACHINE_INVALID)):
            with pytest.raises(JobFault) as caught:
                bench.hypervisor.change_media(reading, drive, "")
            assert caught.value.code is code
        assert bench.hypervisor.state(reading) == RUNNING

    @requires("media-change", "hard-suspend")
    def test_a_disc_stays_in_the_drive_of_a_guest_that_is_saved(
        self, bench: Bench, reading: Handle, tmp_path: Path
    ) -> None:
        """And an empty drive stays empty."""
        _insert(bench, reading, "kept-disc", tmp_path)
        bench.hypervisor.suspend(reading, Suspend.HARD)
        before = bench.console(reading).count(b"kept-disc")
        assert bench.hypervisor.resume(reading) == RUNNING
        bench.until(lambda: bench.console(reading).count(b"kept-disc"), lambda now: now > before + 1)

    @requires("media-change", "checkpoint")
    def test_a_disc_goes_along_with_a_guest(self, bench: Bench, reading: Handle, tmp_path: Path) -> None:
        """The one that is in its drive when it is taken, whatever was in it at first."""
        _insert(bench, reading, "travelling-disc", tmp_path)
        what = taken(bench, reading, 1, tmp_path)
        assert what.media == {0: bench.made[reading.machine].cdroms[0].file, DRIVE: "travelling-disc"}
        bench.hypervisor.fold(reading)
        other = bench.restore(reading, what)
        bench.told(other, "travelling-disc")
        bench.hypervisor.destroy(other)

    @requires("live-results", "media-change")
    def test_a_guest_answers_requests_on_its_results_volume(
        self, bench: Bench, answering: Handle, tmp_path: Path
    ) -> None:
        """What it has taken in it hands out again, while its script runs; and that is no word about its results."""
        _hand_in(bench, answering, tmp_path)
        assert _handed_out(bench, answering, tmp_path) == MANY_BYTES
        (tmp_path / "word").mkdir()
        assert bench.read(answering, tmp_path / "word").said is Said.NOTHING

    @requires("live-results", "media-change", "checkpoint")
    def test_a_guest_that_was_taken_answers_requests(self, bench: Bench, answering: Handle, tmp_path: Path) -> None:
        """Before what the snapshots have left is folded and after it, and when it was taken once more."""
        _hand_in(bench, answering, tmp_path)
        for number, settle in enumerate((bench.hypervisor.state, bench.hypervisor.fold) * 2, 1):
            bench.hypervisor.checkpoint(answering, number)
            settle(answering)
            (place := tmp_path / str(number)).mkdir()
            assert _handed_out(bench, answering, place) == MANY_BYTES
        bench.hypervisor.shut_down(answering, Stop.FORCE)
        (tmp_path / "word").mkdir()
        assert bench.read(answering, tmp_path / "word").said is Said.NOTHING


def _insert(bench: Bench, handle: Handle, word: str, folder: Path) -> None:
    """Put a disc with a word on it into the second drive, and wait until the guest has read it."""
    disc.write(folder / "disc", {"word": f"{word}\n".encode()}, label=cdrom.LABEL)
    bench.hypervisor.put(handle.machine, word, folder / "disc")
    for name in ("", word):
        assert bench.insist(partial(bench.hypervisor.change_media, handle, DRIVE, name), but=JobFault) == RUNNING
    bench.told(handle, word)


def _hand_in(bench: Bench, handle: Handle, folder: Path) -> None:
    """Have the guest take in a file."""
    (folder / "copied").write_bytes(MANY_BYTES)
    nonce, files = volume.new_nonce(), {Path(COPIED).name: folder / "copied"}
    request.write_in(folder / "in", nonce=nonce, to=str(Path(COPIED).parent), files=files)
    _ask(bench, handle, folder / "in", nonce)


def _handed_out(bench: Bench, handle: Handle, folder: Path) -> bytes:
    """Have the guest hand that file out."""
    nonce = volume.new_nonce()
    request.write_out(folder / "asked", nonce=nonce, out=COPIED)
    _ask(bench, handle, folder / "asked", nonce)
    (folder / "out").mkdir()
    with bench.hypervisor.fetch(handle, "results") as stream:
        volume.unpack_answer(stream, nonce=nonce, folder=folder / "out", limits=LIMITS)
    return (folder / "out/at" / Path(COPIED).name).read_bytes()


def _ask(bench: Bench, handle: Handle, asking: Path, nonce: str) -> None:
    """Hand a request in by the second drive, and wait until it has been answered well."""
    bench.hypervisor.put(handle.machine, asking.name, asking)
    for name in ("", asking.name):
        bench.insist(partial(bench.hypervisor.change_media, handle, DRIVE, name), but=JobFault)
    bench.until(partial(_answer, bench, handle, nonce), lambda answer: answer is not None and answer.code == 0)


def _answer(bench: Bench, handle: Handle, nonce: str) -> volume.Answer | None:
    with bench.hypervisor.fetch(handle, "results") as stream:
        return volume.look(stream, nonce=nonce)
