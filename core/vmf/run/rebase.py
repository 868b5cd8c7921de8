"""What a changed disk that came back lies on: which disk is meant, where its base is, and whether it is that."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, ClassVar

from msgspec import Struct

from vmf.disks import images
from vmf.errors import Exit, HoldCode, JobFault, UsageError, VmfError
from vmf.files import sparse
from vmf.files.access import open_disk
from vmf.files.faults import shown
from vmf.hookspecs import Report
from vmf.model import Disk, File
from vmf.result import Base, ReturnedDisk
from vmf.run.results import told


class Mismatch(VmfError):
    """What came back, and what it is said to lie on, cannot be put together."""

    exit: ClassVar[Exit] = Exit.RESULTS


class Changed(Struct, frozen=True, kw_only=True):
    """A changed disk that came back, and what it lies on."""

    overlay: Path
    base: Base
    host: str

    def __str__(self) -> str:
        return shown(self.overlay)


def changed(place: Path) -> Changed:
    """The disk that is meant by a results folder, or by a file in one.

    Raises:
        UsageError: if none is, or more than one, or it is whole.
    """
    if not place.exists():
        raise UsageError(f"{place} is not there", hint="name a results folder, or a disk in one")
    folder = place if place.is_dir() else place.parent
    result = told(folder)
    if result is None:
        raise UsageError(f"{folder / 'result.json'} is not there, or none of vmf's", hint="it says what disks lie on")
    disk = _meant(place, result.disks)
    if disk.base is None:
        raise UsageError(f"{shown(folder / disk.file)} is whole already", hint="use it as it is")
    return Changed(overlay=folder / disk.file, base=disk.base, host=result.host)


def _meant(place: Path, disks: tuple[ReturnedDisk, ...]) -> ReturnedDisk:
    """The disk that is named, or the only one; what comes from elsewhere does not lead out of the folder."""
    known = {disk.file: disk for disk in disks if disk.file == Path(disk.file).name}
    meant = list(known.values()) if place.is_dir() else [known[place.name]] if place.name in known else []
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UsageError(f"{place}: several disks came back: {_listed(known)}", hint="name one of the files")
    hint = f"these are: {_listed(known)}" if known else "a job whose `results.disks` is changed brings some back"
    raise UsageError(f"{place}: result.json tells of no such disk", hint=hint)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(shown(Path(name)) for name in names)


def find_base(disk: Changed, given: Path | None) -> Path:
    """The path of the base: the one that is given, else where it was; it is of the stated format, and stands alone.

    Raises:
        UsageError: if it has to be given, or is not there.
        Mismatch: if it is not what it is said to be.
    """
    base = disk.base
    if given is None and base.sha256 is None:
        raise UsageError(
            f"result.json has no checksum of {shown(Path(base.file))}, which {disk} lies on",
            hint="if you are sure that it has not changed, name it: --base PATH",
        )
    path = Path(base.file) if given is None else given.absolute()
    if not path.exists():
        where = f"; it was on host {shown(Path(disk.host))}" if base.on_host else ""
        raise UsageError(f"{shown(path)}, which {disk} lies on, is not there{where}", hint="name it: --base PATH")
    try:
        images.inspect(Disk(file=File(path=path, part=base.part), format=base.format))
    except JobFault as fault:
        hint = "--base PATH names the right one" if fault.code == HoldCode.IMAGE_INVALID else fault.hint
        raise Mismatch(f"what {disk} lies on: {fault.brief}", hint=hint) from fault
    return path


def open_layers(disk: Changed, files: ExitStack, *, report: Report) -> tuple[IO[bytes], ...]:
    """The layers between the base and what came back, open in `files`, if they are what they were.

    Raises:
        Mismatch: if one is not there, or another.
    """
    found = []
    for layer in disk.base.layers:
        name = shown(Path(layer.file))
        try:
            file = files.enter_context(open_disk(Path(layer.file)))
            known = sparse.sha256(file, check=report) == layer.sha256
        except OSError as error:
            raise _lost(disk, name, str(error.strerror)) from error
        if not known:
            raise _lost(disk, name, "it is not what it was")
        found.append(file)
    return tuple(found)


def _lost(disk: Changed, name: str, reason: str) -> Mismatch:
    hint = "put the golden image back there, or run the job again"
    return Mismatch(f"{name}, a layer of what {disk} lies on: {reason}", hint=hint)


def verify(file: IO[bytes], path: Path, disk: Changed, *, report: Report) -> bool:
    """Whether the open base is what the disk lies on; False if nobody knows, since its sum was never told.

    Raises:
        Mismatch: if it is another.
    """
    needed = disk.base.sha256
    if needed is None:
        return False
    found = sparse.sha256(file, disk.base.part, check=report)
    if found != needed:
        raise Mismatch(
            f"{shown(path)} is not what {disk} lies on: its SHA-256 is {found} and should be {needed}",
            hint="it has changed since, or is another file: --base PATH names the right one",
        )
    return True
