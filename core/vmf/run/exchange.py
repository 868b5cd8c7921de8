"""Asking a guest for something while its script runs: by a disc, and the results volume. No agent, no network."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path

from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault, UsageError
from vmf.files import request, volume
from vmf.files.beside import naming
from vmf.files.reported import reported
from vmf.files.volume import Answer
from vmf.hookspecs import Report
from vmf.model import Handle, Power
from vmf.plugins import Hypervisor
from vmf.result import STEPS, Refusal, Said
from vmf.store import Record

PATIENCE_SECONDS = 30.0
"""How long a guest may take to notice a request, or to let go of a disc."""
WORK_SECONDS = 600.0
"""How long it may take to do what it has begun."""
QUIET_SECONDS = 3.0
"""How long a wait needs no word."""
LOOK_SECONDS = 0.1


class Exchange:
    """A way into a guest that answers requests, and out of it."""

    def __init__(
        self,
        hypervisor: Hypervisor,
        handle: Handle,
        record: Record,
        *,
        drive: int,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        """Use a drive that is ours, and a folder of the job's for what is on its way; both alone."""
        self._hypervisor = hypervisor
        self._handle = handle
        self._name = record.job.name
        self._most = record.job.results.size
        self._drive = drive
        self._folder = folder
        self._say = say

    def copy_in(self, files: Mapping[str, Path], folder: str, report: Report) -> None:
        """Copy files and folders into a folder of the guest, under these names.

        Raises:
            UsageError: if one cannot travel, or the guest does not answer, or refuses.
        """
        nonce, disc = volume.new_nonce(), self._folder / "request"
        request.write_in(disc, nonce=nonce, to=folder, files=files)
        self._ask(disc, nonce, report)

    def copy_out(self, path: str, into: Path, report: Report) -> tuple[Path, tuple[Refusal, ...]]:
        """Copy a file or folder into an empty folder, synced; the copy, and what of it is not taken, such as links.

        Raises:
            UsageError: if the guest does not answer, or refuses, or it is not all there, or not one file or folder.
        """
        nonce, disc = volume.new_nonce(), self._folder / "request"
        request.write_out(disc, nonce=nonce, out=path)
        self._ask(disc, nonce, report)
        found, refused = self._handed_out(nonce, into, report)
        if len(found) != 1:
            reasons = "".join(f"; {each.name}: {each.reason}" for each in refused)
            raise UsageError(f"the guest of {self._name} hands out no file or folder{reasons}")
        return found[0], refused

    def perform(self, steps: Path, into: Path, report: Report, check: Callable[[], None]) -> Path:
        """Have the guest do the steps of a folder, and bring their report into an empty one; where it is there.

        It is waited for as long as `check`, which is called often, raises nothing.

        Raises:
            Exception: what `check` raises; the guest then goes on with what it has begun.
            UsageError: as for `copy_out`; or if the guest cannot do steps.
        """
        nonce, disc = volume.new_nonce(), self._folder / "request"
        name = f"vmf-{nonce[:12]}"
        request.write_steps(disc, nonce=nonce, name=name, folder=steps, out=f"{name}/{STEPS}")
        self._ask(disc, nonce, report, check)
        found, _ = self._handed_out(nonce, into, report)
        if len(found) != 1:
            raise UsageError(
                f"the guest of {self._name} does no steps while its script runs",
                hint="its vmf-exchange may be that of an older vmf: docs/guest.md has today's",
            )
        return found[0]

    def _handed_out(self, nonce: str, into: Path, report: Report) -> tuple[list[Path], tuple[Refusal, ...]]:
        with self._hypervisor.fetch(self._handle, "results") as stream, naming(into):
            limits = volume.Limits(bytes=self._most)
            word = volume.unpack_answer(reported(stream, report), nonce=nonce, folder=into, limits=limits)
        if word.said is not Said.ALL:
            raise UsageError(
                f"what the guest of {self._name} hands out is cut short",
                hint="no more comes out than the results volume takes: raise results.size",
            )
        refused = tuple(replace(each, name=each.name.removeprefix("at/")) for each in word.refused)
        return [*into.glob("at/*")], refused

    def _ask(self, disc: Path, nonce: str, report: Report, check: Callable[[], None] | None = None) -> None:
        """Hand a request in, and wait until it has been answered well: as long as `check` lets it, if that is given."""
        try:
            name = self._hypervisor.put(self._handle.machine, disc.name, disc, report)
        finally:
            disc.unlink()
        try:
            self._change("", PATIENCE_SECONDS, check)
            self._change(name, PATIENCE_SECONDS, check)
            answer = self._answered(nonce, check)
        finally:
            with suppress(HostFault, JobFault):  # the next request takes it out
                self._change("", 0)
        if answer.code:
            raise UsageError(f"the guest of {self._name} refuses: {answer.words or 'it does not say why'}")
        if answer.words:
            self._say(f"vmf: the guest of {self._name} says: {answer.words}")

    def _change(self, name: str, patience: float, check: Callable[[], None] | None = None) -> None:
        """Change the disc; a guest that is just looking at it holds on for a moment."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self._hypervisor.change_media(self._handle, self._drive, name)
            except JobFault as fault:
                if fault.code is not HoldCode.REFUSED or time.monotonic() > deadline:
                    raise
                if check:
                    check()
                time.sleep(LOOK_SECONDS)
            else:
                return

    def _answered(self, nonce: str, check: Callable[[], None] | None) -> Answer:
        """Wait until the guest has done what it was asked for, saying so if that takes long.

        Raises:
            UsageError: if it does not.
        """
        begun = time.monotonic()
        work, spoken = WORK_SECONDS if check is None else inf, False
        while True:
            if check:
                check()
            with self._hypervisor.fetch(self._handle, "results") as stream:
                answer = volume.look(stream, nonce=nonce)
            if answer and answer.code is not None:
                return answer
            waited = time.monotonic() - begun
            if waited > QUIET_SECONDS and not spoken:
                self._say(f"vmf: waiting for the guest of {self._name} to answer; Ctrl-C gives up")
                spoken = True
            running = self._hypervisor.state(self._handle).power is Power.RUNNING
            if not running or waited > (work if answer else PATIENCE_SECONDS):
                raise UsageError(
                    f"the guest of {self._name} does not answer",
                    hint="it has to keep the second part of the guest contract, docs/guest.md, and to run its script",
                )
            time.sleep(LOOK_SECONDS)


@contextmanager
def alone(folder: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Hand things to the guest of a job as the only one of its owner's commands, until this ends, however it ends.

    `folder` is for what is on its way, and is made. `wait` is called before another one is waited for.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
