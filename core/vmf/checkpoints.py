"""Checkpoints on the submitting side: a folder each, complete or absent.

    jobs/ID/checkpoints/NUMBER/checkpoint.json  what it is, with the size and the sum of each of its files
    jobs/ID/checkpoints/NUMBER/memory           the guest's memory, whole
    jobs/ID/checkpoints/NUMBER/results          the results volume, if there is one
    jobs/ID/checkpoints/NUMBER/console          what the guest had said
    jobs/ID/checkpoints/NUMBER/nvram            what the firmware keeps, if there is any
    jobs/ID/checkpoints/NUMBER/disk0.0, disk0.1 what the guest changed of its first disk, each file on the one before

Layers that an earlier checkpoint has are links to its files, so that any of them can be removed alone. Each layer names
the one that it lies on as it is called here; the lowest names its original.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from vmf.disks import qcow2
from vmf.disks.reading import Unfit
from vmf.errors import VmfError
from vmf.files import sparse
from vmf.files.access import open_file
from vmf.files.beside import naming, sync_folder
from vmf.hookspecs import Report
from vmf.model import Home, Platform
from vmf.model.terms import SHA256

MANIFEST = "checkpoint.json"
MANIFEST_MOST = 2**20
WORKERS = 3
"""Files that are summed or synced at once."""
MEMORY, VOLUME, NVRAM, CONSOLE = "memory", "results", "nvram", "console"
LAYER = re.compile(r"disk([0-9]+)\.([0-9]+)")
"""What a layer is called: the number of its disk, and its own."""


class Unusable(VmfError):
    """A checkpoint is not, or no longer, what was kept."""


class Part(Struct, frozen=True, kw_only=True):
    """One file of a checkpoint."""

    size: Annotated[int, Meta(ge=0)]
    """Bytes, holes included."""
    sha256: Annotated[str, Meta(pattern=SHA256)]


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a checkpoint is."""

    version: Literal[1] = 1
    job: str
    id: int
    number: int
    attempt: int
    at: float
    """Seconds since 1970."""
    stopped: float
    """Seconds that the guest stood still for it."""
    nonce: str
    """What its results volume is known by."""
    originals: Mapping[str, str]
    """What its layers lie on: file to what changes when that is written to."""
    platform: Platform
    media: Mapping[int, str] = {}
    """Number of a CD-ROM drive with a disc in it, to the disc's file."""
    parts: Mapping[str, Part]
    """Every other file of the folder, by its name."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(part.size for part in self.parts.values())

    def layers(self, disk: int) -> tuple[str, ...]:
        """The files that hold what the guest changed of a disk, the lowest first."""
        return tuple(_layers(self.parts, disk))


def layer(disk: int, number: int) -> str:
    """What a layer of a disk is called; 0 is the lowest."""
    return f"disk{disk}.{number}"


def _layers(parts: Mapping[str, Part], disk: int) -> Iterator[str]:
    """The names of a disk's layers among these, in their order."""
    number = 0
    while (name := layer(disk, number)) in parts:
        yield name
        number += 1


class Making:
    """A checkpoint under construction, beside its final place; one that was begun by a killed engine is begun anew.

    Files are summed and synced while the next ones come; `check` is called often meanwhile, and breaks that off.
    """

    def __init__(self, folder: Path, number: int, *, check: Callable[[], None]) -> None:
        self._check = check
        self._folder = folder
        self._behind = ThreadPoolExecutor(max_workers=WORKERS)
        self._sums: dict[str, Future[Part]] = {}
        self._syncs: list[Future[None]] = []
        self._place = folder / str(number)
        self._path = folder / f".{number}.part"
        self._parts: dict[str, Part] = {}

    def begin(self) -> None:
        """Make room for it, where nothing is left of those that were broken off.

        Raises:
            OSError: if that cannot be done.
        """
        if self._folder.is_symlink():
            raise OSError(errno.ENOTDIR, "it is a link, and nothing is put where that leads", str(self._folder))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in self._folder.glob(".*.part"):
            shutil.rmtree(each, ignore_errors=True)
        self._path.mkdir(mode=0o700)

    def bring(self, name: str, stream: IO[bytes], report: Report, *, lasts: bool) -> None:
        """Bring a file from its host. If that only removes it from now on (`lasts`), it need not be copied here.

        Raises:
            Unusable: if it is a layer, and cannot be told what it lies on.
        """
        path, beneath = self._path / name, _beneath(name)
        if beneath or not (lasts and _link(stream, path)):  # its host's file is left as it is
            with naming(path), path.open("x+b") as out:
                sparse.copy(stream, out, report)
                if beneath:
                    _lay(out, beneath)
        self._syncs.append(self._behind.submit(_sync, path))
        self._sums[name] = self._behind.submit(self._summed, path)

    def link(self, name: str, earlier: Path, part: Part) -> None:
        """Share a file with an earlier checkpoint."""
        os.link(earlier / name, self._path / name)
        self._parts[name] = part

    def finish(self, describe: Callable[[Mapping[str, Part]], Manifest]) -> tuple[Manifest, str]:
        """Put it in its place; what it is, and the sum of that."""
        for sync in self._syncs:
            sync.result()
        summed = {name: each.result() for name, each in self._sums.items()}
        manifest = describe({**self._parts, **summed})
        data = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
        with naming(self._path), (self._path / MANIFEST).open("xb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        sync_folder(self._path)
        self._path.rename(self._place)
        sync_folder(self._place.parent)
        self._behind.shutdown()
        return manifest, _sum(data)

    def drop(self) -> None:
        """Leave nothing of it."""
        self._behind.shutdown(cancel_futures=True)
        shutil.rmtree(self._path, ignore_errors=True)

    def _summed(self, path: Path) -> Part:
        with naming(path), path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return Part(size=size, sha256=sparse.sha256(file, check=lambda *_: self._check()))


def _beneath(name: str) -> str:
    """What the layer is called that a file lies on; empty: it is the lowest, or none."""
    match = LAYER.fullmatch(name)
    return layer(int(match[1]), int(match[2]) - 1) if match and int(match[2]) else ""


def _lay(file: IO[bytes], beneath: str) -> None:
    try:
        qcow2.name_backing(file, beneath)
    except Unfit as unfit:
        raise Unusable(f"what is to lie on {beneath}: {unfit}", hint=unfit.hint) from unfit


def _link(stream: IO[bytes], path: Path) -> bool:
    """Give an open plain file another name, which takes no time; whether that can be done."""
    number = sparse.descriptor(stream)
    if number is None:
        return False
    try:  # only with a folder's number does Python let the link be followed, and a whole path needs none
        os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number)
    except OSError:  # another file system, or a file that its owner alone may link
        return False
    return True


def _sync(path: Path) -> None:
    with naming(path), path.open("rb") as file:
        os.fsync(file.fileno())


def read(place: Path, sha256: str) -> Manifest:
    """What a checkpoint is, if that is what was kept.

    Raises:
        Unusable: if it is not, or was kept by another version of vmf.
    """
    path = place / MANIFEST
    with _usable(path), open_file(path) as file:
        data = file.read(MANIFEST_MOST)
    if _sum(data) != sha256:
        raise Unusable(f"{path} is not what was kept")
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise Unusable(f"{path} is of another version of vmf: {error}") from error


def verify(place: Path, manifest: Manifest, report: Callable[[str], Report]) -> None:
    """Look whether all that it had is there, and as it was; `report` gives, for a file, what is told how far it is.

    Raises:
        Unusable: at the first file that is not.
    """
    check_files(place, manifest)
    for name, part in manifest.parts.items():
        verify_file(place / name, part, report(name))


def verify_file(path: Path, part: Part, report: Report) -> None:
    """Look whether a file is as it was.

    Raises:
        Unusable: if it is not.
    """
    with _usable(path), open_file(path) as file:
        if sparse.sha256(file, check=report) != part.sha256:
            raise Unusable(f"{path} is not what was kept")


def words(place: Path) -> bytes:
    """What the guest had said.

    Raises:
        Unusable: if that cannot be read.
    """
    with _usable(place / CONSOLE):
        return (place / CONSOLE).read_bytes()


def check_files(place: Path, manifest: Manifest) -> None:
    """See at a glance that all its files are there, are plain ones, and as long as they were.

    Raises:
        Unusable: at the first that is not.
    """
    for name, part in manifest.parts.items():
        with _usable(place / name):
            found = (place / name).lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != part.size:
            raise Unusable(f"{place / name} is not what was kept")


def places(folder: Path) -> tuple[Path, ...]:
    """Where the checkpoints of a job are, or have been begun to be removed; of a link's target, none."""
    if folder.is_symlink() or not folder.is_dir():
        return ()
    return tuple(place for place in folder.iterdir() if place.name.isdecimal())


def remove(place: Path) -> None:
    """Leave nothing of a checkpoint; absent is success."""
    gone = place.with_name(f".{place.name}.part")
    if place.exists():
        place.rename(gone)  # so that half of one never looks whole
    shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Let a file that cannot be read tell of its checkpoint."""
    try:
        yield
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error


def said(home: Home, job: int) -> bytes:
    """What the guest of a job had said up to the checkpoint that it went on from; nothing, if it began where it is."""
    try:
        return home.said(job).read_bytes()
    except FileNotFoundError:
        return b""


def _sum(data: bytes) -> str:
    import hashlib  # noqa: PLC0415  # slow to import, and only checkpoints sum here

    return hashlib.sha256(data).hexdigest()
