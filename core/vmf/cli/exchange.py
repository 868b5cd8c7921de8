"""Asking a guest for something while its script runs: by a disc, and the results volume. No agent, no network."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from vmf.cli.guest import Guest
from vmf.cli.say import say
from vmf.errors import HoldCode, HostFault, JobFault, UsageError
from vmf.files import request, volume
from vmf.files.beside import naming, sync_folder
from vmf.files.volume import Answer
from vmf.model import Power
from vmf.result import Refusal, Said

PATIENCE_SECONDS = 30.0
"""How long a guest may take to notice a request, or to let go of a disc."""
WORK_SECONDS = 600.0
"""How long it may take to do what it has begun."""
QUIET_SECONDS = 3.0
"""How long a wait needs no word."""
LOOK_SECONDS = 0.1
STDOUT = "-"
PIECE = 2**20


class Exchange:
    """A way into a guest that answers requests, and out of it."""

    def __init__(self, guest: Guest, drive: int, folder: Path) -> None:
        """Use a drive that is ours, and a folder of the job's that is locked."""
        self._guest = guest
        self._drive = drive
        self._folder = folder

    def copy_in(self, sources: Sequence[Path], path: str) -> None:
        """Copy files and folders in.

        Raises:
            UsageError: if one cannot be read, or the guest does not answer, or refuses.
        """
        to = PurePosixPath(path)
        within = len(sources) > 1 or path.endswith("/") or not to.name
        files = {source.resolve(strict=True).name if within else to.name: source for source in sources}
        nonce, disc = volume.new_nonce(), self._folder / "request"
        request.write_in(disc, nonce=nonce, to=str(to if within else to.parent), files=files)
        self._ask(disc, nonce)

    def copy_out(self, path: str, to: str) -> bool:
        """Copy a file or folder out, complete or not at all; a file to standard output where `to` is `-`.

        Returns False if there is something in the folder that is not taken from a guest, such as a link: all else is.

        Raises:
            UsageError: if it cannot be put there, or the guest does not answer, or refuses.
        """
        name = PurePosixPath(path).name
        if not name:
            raise UsageError(f"{path!r} names no file or folder", hint="name one by its own name")
        place = self._folder / name if to == STDOUT else Path(to) / name if Path(to).is_dir() else Path(to)
        if place.exists() and not place.is_file():
            raise UsageError(f"{place} is no plain file", hint="name a file, a folder to put it into, or -")
        nonce, disc = volume.new_nonce(), self._folder / "request"
        request.write_out(disc, nonce=nonce, out=path)
        self._ask(disc, nonce)
        with self._unpacked(place, nonce) as (found, refused):
            if to == STDOUT:
                _print(found)
            else:
                _move(found, place)
        return not refused

    def _ask(self, disc: Path, nonce: str) -> None:
        """Hand a request in, and wait until it has been answered well."""
        hypervisor, handle = self._guest.hypervisor, self._guest.handle
        try:
            name = hypervisor.put(handle.machine, disc.name, disc)
        finally:
            disc.unlink()
        try:
            self._change("", PATIENCE_SECONDS)
            self._change(name, PATIENCE_SECONDS)
            answer = self._answered(nonce)
        finally:
            with suppress(HostFault, JobFault):  # the next request takes it out
                self._change("", 0)
        if answer.code:
            raise UsageError(f"the guest of {self._name} refuses: {answer.words or 'it does not say why'}")
        if answer.words:
            say(f"vmf: the guest of {self._name} says: {answer.words}")

    def _change(self, name: str, patience: float) -> None:
        """Change the disc; a guest that is just looking at it holds on for a moment."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self._guest.hypervisor.change_media(self._guest.handle, self._drive, name)
            except JobFault as fault:
                if fault.code is not HoldCode.REFUSED or time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_SECONDS)
            else:
                return

    def _answered(self, nonce: str) -> Answer:
        """Wait until the guest has done what it was asked for, saying so if that takes long.

        Raises:
            UsageError: if it does not.
        """
        begun = time.monotonic()
        spoken = False
        while True:
            with self._guest.hypervisor.fetch(self._guest.handle, "results") as stream:
                answer = volume.look(stream, nonce=nonce)
            if answer and answer.code is not None:
                return answer
            waited = time.monotonic() - begun
            running = self._guest.hypervisor.state(self._guest.handle).power is Power.RUNNING
            if not running or waited > (WORK_SECONDS if answer else PATIENCE_SECONDS):
                raise UsageError(
                    f"the guest of {self._name} does not answer",
                    hint="it has to keep the second part of the guest contract, docs/guest.md, and to run its script",
                )
            if waited > QUIET_SECONDS and not spoken:
                say(f"vmf: waiting for the guest of {self._name} to answer; Ctrl-C gives up")
                spoken = True
            time.sleep(LOOK_SECONDS)

    @contextmanager
    def _unpacked(self, place: Path, nonce: str) -> Iterator[tuple[Path, tuple[Refusal, ...]]]:
        """What the guest has handed out, beside the place that it is for, and what of it is not taken.

        Raises:
            UsageError: if it is not all there, or not one file or folder.
        """
        part = place.with_name(f".{place.name}.part")
        size = self._guest.record.job.results.size
        shutil.rmtree(part, ignore_errors=True)  # of one that was killed
        with naming(part):
            part.mkdir(mode=0o700)
        try:
            with self._guest.hypervisor.fetch(self._guest.handle, "results") as stream, naming(part):
                limits = volume.Limits(bytes=size)
                word = volume.unpack_answer(stream, nonce=nonce, folder=part, limits=limits)
            if word.said is not Said.ALL:
                raise UsageError(
                    f"what the guest of {self._name} hands out is cut short",
                    hint="no more comes out than the results volume takes: raise results.size",
                )
            for each in word.refused:
                say(f"vmf: not taken: {each.name.removeprefix('at/')}: {each.reason}")
            found = [*part.glob("at/*")]
            if len(found) != 1:
                raise UsageError(f"the guest of {self._name} hands out no file or folder")
            yield found[0], word.refused
        finally:
            shutil.rmtree(part, ignore_errors=True)

    @property
    def _name(self) -> str:
        return self._guest.record.job.name


@contextmanager
def exchanging(guest: Guest, drive: int, folder: Path) -> Iterator[Exchange]:
    """Talk to the guest of a job, alone; `folder` is for what is on its way."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with _locked(folder, lambda: say(f"vmf: waiting for another `vmf cp` of {guest.record.job.name}; Ctrl-C gives up")):
        yield Exchange(guest, drive, folder)


@contextmanager
def _locked(folder: Path, tell: Callable[[], None]) -> Iterator[None]:
    """One process at a time; the kernel frees the lock when it ends, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _print(found: Path) -> None:
    if not found.is_file():
        raise UsageError("that is a folder in the guest, and only a file can be printed", hint="name a folder for it")
    with found.open("rb") as stream:
        shutil.copyfileobj(stream, sys.stdout.buffer, PIECE)
    sys.stdout.flush()


def _move(found: Path, place: Path) -> None:
    """Put a file or folder that is synced into its place, in whose folder it lies already."""
    if found.is_dir() and place.exists():
        raise UsageError(f"{place} is there, and that is a folder in the guest", hint="name a place that is free")
    with naming(place):
        found.replace(place)
        sync_folder(place.parent)
