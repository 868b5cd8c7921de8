"""Bringing a job's results home: complete in its folder, or not there at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count, dropwhile, takewhile
from pathlib import Path
from typing import IO, Self

import msgspec
from msgspec.structs import replace

from vmf import __version__
from vmf.disks import qcow2
from vmf.errors import JobFault
from vmf.files import parts, sparse, volume
from vmf.files.beside import naming, sync_folder
from vmf.hookspecs import Report, unreported
from vmf.model import Handle, Outcome, ResultDisks, Verdict
from vmf.plugins import Hypervisor
from vmf.published import values
from vmf.result import OUR_FILES, Result, ReturnedDisk, Said, Word, disk_file
from vmf.run.bases import Bases, stated
from vmf.run.progress import Progress
from vmf.state import State
from vmf.steps.graph import in_guest, to_do
from vmf.store import Record

RESULT_MOST = 2**22
NO_WORD = Word(said=Said.NOTHING)


class Parcel:
    """A results folder under construction, beside its final place.

    What an engine left that died over the same parcel is made anew: the machine is still there to be read. One that
    fails is left to whoever tries again.

    Raises:
        BlockingIOError: if another process is making it, as one with another state folder may.
        OSError: if it cannot be made here; likewise from every method.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.path = record.folder.with_name(f".{record.folder.name}.{record.id}.part")
        self._disks: dict[str, ReturnedDisk] = {}
        _make_way(self.path.parent)
        self._held = ExitStack()
        self._held.callback(os.close, parts.hold(self.path, parts.FOLDER))
        taken = tuple(takewhile(os.path.lexists, _places(record)))
        for place in taken:
            if _is_ours(place, record) or says_nothing(place, record.job.name):
                shutil.rmtree(place, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let another engine make it, if it was not delivered."""
        self._held.close()

    def unpack(
        self,
        hypervisor: Hypervisor,
        handle: Handle,
        bases: Bases,
        *,
        progress: Progress,
        remark: Callable[[str], None],
    ) -> Word:
        """Bring the disks that are to come back into the parcel, then what is on the results volume."""
        self.unpack_disks(hypervisor, handle, bases, progress=progress, remark=remark)
        return self._unpack_volume(hypervisor, handle)

    def unpack_disks(
        self,
        hypervisor: Hypervisor,
        handle: Handle,
        bases: Bases,
        *,
        progress: Progress,
        remark: Callable[[str], None],
    ) -> None:
        """Bring the disks that are to come back into the parcel."""
        record = self.record
        bring = partial(self._bring, hypervisor, handle, progress)
        for number, disk in record.job.overlaid.items():
            changed, file = f"disk{number}", disk_file(number)
            if record.job.result_disks is ResultDisks.CHANGED:
                bring(changed, file, partial(bases.describe, disk))
            elif record.job.result_disks is ResultDisks.WHOLE:
                try:
                    bring(f"whole{number}", file, partial(bases.compare, disk))
                except JobFault as fault:
                    remark(f"{file} is only what the guest changed, since it cannot be made whole: {fault}")
                    bring(changed, file, partial(bases.compare, disk, base=stated(disk)))

    def _unpack_volume(self, hypervisor: Hypervisor, handle: Handle) -> Word:
        record = self.record
        if not record.job.contract:
            return NO_WORD
        with hypervisor.fetch(handle, "results") as stream, naming(self.path):
            return volume.read(
                stream,
                magic=volume.magic(record.nonce),
                wanted=record.job.results.files,
                steps=in_guest(to_do(record.job)),
                folder=self.path,
                limits=volume.Limits(bytes=record.job.results.size),
            )

    @property
    def disks(self) -> dict[str, Path]:
        """The files of the disks that came back, as hosts call them: `disk0` over its original, or `whole0`."""
        return {name: self.path / disk.file for name, disk in self._disks.items()}

    @property
    def whole(self) -> dict[int, Path]:
        """The files of those that came back whole, by the disks' numbers."""
        return {number: path for number in self.record.job.overlaid if (path := self.disks.get(f"whole{number}"))}

    def take(self, number: int, disk: Path) -> None:
        """Have a whole disk in it that no machine was made of, as one that came back."""
        with naming(self.path), disk.open("rb") as stream:
            size = _copy(stream, self.path / disk_file(number), unreported)
        self._disks[f"whole{number}"] = ReturnedDisk(file=disk_file(number), size=size)

    def add(self, folder: Path, name: str) -> None:
        """Add what is in a folder of ours to one beside what the guest has handed over: ours is what is called so."""
        place = self.path / name
        with naming(place):
            for path in (place, *(place / each.name for each in folder.iterdir())):
                if path.is_file() or (path.is_dir() and path != place):
                    _remove(path)
            shutil.copytree(folder, place, dirs_exist_ok=True)

    def measure(self) -> None:
        """Tell the sizes of the disks anew, and have them on the disk: they were worked on."""
        for name, disk in self._disks.items():
            with (self.path / disk.file).open("r+b") as file:
                _flush(file)
                self._disks[name] = replace(disk, size=os.fstat(file.fileno()).st_size)

    def drop_disks(self) -> None:
        """Bring no disks after all: they are kept elsewhere."""
        for path in self.disks.values():
            path.unlink()
        self._disks.clear()

    def deliver(self, verdict: Verdict, word: Word, console: bytes) -> Path:
        """Add the console and `result.json`, and put the parcel in its place; where it is now."""
        result = msgspec.json.format(
            msgspec.json.encode(_result(self.record, verdict, word, tuple(self._disks.values())))
        )
        with self._held, naming(self.path):
            _write(self.path / "console.log", console)
            _write(self.path / "result.json", result + b"\n")
            sync_folder(self.path)
            place = next(dropwhile(os.path.lexists, _places(self.record)))
            self.path.rename(place)
        sync_folder(place.parent)
        return place

    def _bring(
        self,
        hypervisor: Hypervisor,
        handle: Handle,
        progress: Progress,
        fetched: str,
        file: str,
        describe: Callable[[ReturnedDisk], ReturnedDisk],
    ) -> None:
        """Bring a disk, which the hypervisor calls `fetched`; `describe` is asked last what else is told of it."""
        with hypervisor.fetch(handle, fetched, progress.of(file)) as stream, naming(self.path):
            size = _copy(stream, self.path / file, progress.of(file))
        self._disks[fetched] = describe(ReturnedDisk(file=file, size=size))


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _make_way(folder: Path) -> None:
    """Make a folder and those above it, unless they are there; after a loss of power they still are."""
    if not folder.is_dir():
        _make_way(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def _places(record: Record) -> Iterator[Path]:
    """Where the results go, and where if somebody took that name in the meantime."""
    yield record.folder
    yield record.folder.with_name(f"{record.folder.name}.{record.id}")
    for number in count(2):
        yield record.folder.with_name(f"{record.folder.name}.{record.id}.{number}")


def says_nothing(place: Path, job: str) -> bool:
    """Whether a folder only tells that the job did not start: it makes way for the results of another try."""
    result = told(place)
    faults = {Outcome.JOB_FAULT, Outcome.HOST_FAULT}
    return (
        result is not None
        and result.job == job
        and result.outcome in faults
        and State.RUNNING not in result.times
        and {each.name for each in place.iterdir()} <= OUR_FILES
    )


def _is_ours(place: Path, record: Record) -> bool:
    result = told(place)
    return result is not None and result.id == record.id and result.times.get(State.IDLE) == record.entered[State.IDLE]


def told(place: Path) -> Result | None:
    """What a folder tells of a job, if it is one of results; it may be anybody's."""
    try:
        if not (place / "result.json").is_file():
            return None
        with (place / "result.json").open("rb") as file:
            return msgspec.json.decode(file.read(RESULT_MOST), type=Result)
    except (OSError, RecursionError, msgspec.DecodeError):
        return None


def _result(record: Record, verdict: Verdict, word: Word, disks: tuple[ReturnedDisk, ...]) -> Result:
    placement = record.placement
    return Result(
        job=record.job.name,
        id=record.id,
        attempt=record.attempt,
        outcome=verdict.outcome,
        exit_code=verdict.exit_code,
        source=verdict.source,
        reason=verdict.reason,
        faults=record.faults,
        code=verdict.code,
        host=placement.host.name if placement else "",
        accelerator=placement.facts.accelerator if placement else "",
        files=word.files,
        missing=word.missing,
        refused=word.refused,
        disks=disks,
        gaps=record.gaps,
        steps=word.steps,
        attributes=values(record.published),
        times={**record.entered, "delivered": time.time()},
        versions={"vmf": __version__, **(placement.facts.versions if placement else {})},
    )


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as out:
        out.write(data)
        _flush(out)


def _copy(stream: IO[bytes], target: Path, report: Report) -> int:
    """Copy a disk as sparsely as it is, and an overlay no further than it goes; the bytes of the copy."""
    with target.open("x+b") as out:
        sparse.copy(stream, out, report)
        qcow2.trim(out)
        _flush(out)
        return os.fstat(out.fileno()).st_size


def _flush(out: IO[bytes]) -> None:
    """Onto the disk: the folder's name is to promise what is in it."""
    out.flush()
    os.fsync(out.fileno())
