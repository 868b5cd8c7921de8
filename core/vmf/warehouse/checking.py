"""Whether golden images are what they were when they were kept: what others have written is input, and disks fail."""

from __future__ import annotations

import errno
import hashlib
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, ClassVar, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import Exit, SetupError, VmfError
from vmf.files import sparse
from vmf.files.access import open_file, open_unlinked
from vmf.hookspecs import Report
from vmf.model import Draft, File, Golden, GoldenHardware, Original, Shelved
from vmf.warehouse.folders import USED, Absent, Folders, absent

MANIFEST = "golden.json"
MANIFEST_MOST = 2**23
VERSION = 1
_QUOTED_ID = re.compile(rb'"([0-9a-f]{32})"')
_REBUILT = "`vmf image verify` sets aside what is damaged; it is made anew when it is wanted"
_ITS_OWN = frozenset({
    errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EINVAL, errno.ENAMETOOLONG
})  # fmt: skip
"""What an error of the system tells of a file; any other tells of the computer."""

Sum: TypeAlias = Callable[[IO[bytes], File], str]
"""The SHA-256 of an open file, or of its part; it may know that of one which has not changed since."""


class Damaged(VmfError):
    """A golden image is not what was kept."""

    exit: ClassVar[Exit] = Exit.RESULTS

    def __init__(self, brief: str, *images: str) -> None:
        """`images` are the ids of those that cannot be used any more."""
        super().__init__(brief, hint=_REBUILT)
        self.images = images


class Unusable(VmfError):
    """A golden image may be good, but not here and now: it needs what lies elsewhere, or another version of vmf."""

    exit: ClassVar[Exit] = Exit.SETUP


class _Versioned(Struct, frozen=True):
    version: int


def identity(of: Draft | Golden) -> str:
    """The id of a golden image: that of what it began with, what was done, and what it runs on."""
    memory = of.platform if isinstance(of, Draft) else of.memory
    work = (of.start, [each.digest for each in of.performed], of.hardware, memory is not None)
    return hashlib.sha256(msgspec.json.encode(work)).hexdigest()[:32]


def without_memory(golden: Golden) -> str:
    """The id of the image that is the same without memory: its machine was off when it was kept."""
    return identity(replace(golden, hardware=GoldenHardware(types=golden.hardware.types), memory=None))


def parents(folders: Folders, id_: str) -> frozenset[str]:
    """The ids of all images that one may lie on, whichever version of vmf has made it; none of one that is gone.

    Raises:
        SetupError: if it cannot be read.
    """
    try:
        return frozenset(each.decode() for each in _QUOTED_ID.findall(_said(folders, id_))) - {id_}
    except (Absent, Damaged):
        return frozenset()


def read(folders: Folders, id_: str) -> Golden:
    """What an image says of itself.

    Raises:
        Absent: if there is none.
        Damaged: if it says nothing that could be.
        Unusable: if another version of vmf has made it.
        SetupError: if it cannot be read.
    """
    path, said = folders.whole / id_ / MANIFEST, _said(folders, id_)
    try:
        if (found := msgspec.json.decode(said, type=_Versioned).version) != VERSION:
            raise Unusable(f"golden image {id_} is of version {found}", hint="use the vmf that has made it")
        golden = msgspec.json.decode(said, type=Golden)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Damaged(f"{path} is not what was kept: {error}", id_) from error
    if golden.id != id_ or identity(golden) != id_:
        raise Damaged(f"{path} is that of another image", id_)
    if not all(disk.base or disk.layers for disk in golden.disks):
        raise Damaged(f"{path} has a disk that is made of nothing", id_)
    return golden


def _said(folders: Folders, id_: str) -> bytes:
    place = folders.whole / id_
    if not place.is_dir():
        raise absent(id_)
    with _telling(place / MANIFEST, id_), open_unlinked(place / MANIFEST) as file:
        return file.read(MANIFEST_MOST)


def readable(folders: Folders) -> Iterator[Golden]:
    """All images that can be read; why another cannot, `read` says."""
    for id_ in folders.ids():
        with suppress(Absent, Damaged, Unusable, SetupError):
            yield read(folders, id_)


def path_of(folders: Folders, golden: Golden, file: Shelved) -> Path:
    """Where a file of an image is."""
    return folders.whole / (file.image or golden.id) / file.name


def original(folders: Folders, base: Original) -> File:
    """The file that a disk began with."""
    return File(path=folders.images / base.path, part=base.part)


def check(folders: Folders, golden: Golden, sum_of: Sum) -> None:
    """See that all the files of an image are what they were.

    Raises:
        Damaged: if one of its own, or of those that it lies on, is not.
        Unusable: if a file is not, or not there, that lies elsewhere.
        SetupError: if they cannot be read.
    """
    check_sizes(folders, golden)
    for file in golden.shelved:
        path = path_of(folders, golden, file)
        with _telling(path, *_whose(golden, file)), open_unlinked(path) as stream:
            if sum_of(stream, File(path=path)) != file.sha256:
                raise Damaged(f"{path} is not what was kept: its SHA-256 is another", *_whose(golden, file))
    for disk in golden.disks:
        if disk.base:
            _check_original(golden, disk.base, original(folders, disk.base), sum_of)


def check_sizes(folders: Folders, golden: Golden) -> None:
    """See at a glance that all files of an image are there, are plain ones, and as long as they were; its lock, too.

    Raises:
        Damaged: if one is not.
        SetupError: if that cannot be seen.
    """
    lock = folders.whole / golden.id / USED
    with _telling(lock, golden.id), open_unlinked(lock):
        pass
    for file in golden.shelved:
        path = path_of(folders, golden, file)
        with _telling(path, *_whose(golden, file)):
            found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
            what = f"{path} has {found.st_size} bytes and should have {file.size}"
            raise Damaged(what, *_whose(golden, file))


def _whose(golden: Golden, file: Shelved) -> tuple[str, ...]:
    """The images that cannot be used without a file."""
    return tuple(dict.fromkeys((golden.id, file.image or golden.id)))


def summing(report: Callable[[str], Report]) -> Sum:
    """Works out the sum of every file anew; `report` gives, for a file's name, what is told how far that is."""
    return lambda stream, file: sparse.sha256(stream, file.part, check=report(file.path.name))


def _check_original(golden: Golden, base: Original, file: File, sum_of: Sum) -> None:
    try:
        with open_file(file.path) as stream:
            is_same = sum_of(stream, file) == base.sha256
    except OSError as error:
        what = f"golden image {golden.id} lies on {file.path}: {error.strerror}"
        raise Unusable(what, hint="put that file back, or have the image made anew of another one") from error
    if not is_same:
        what = f"golden image {golden.id} lies on {file.path}, which has changed since"
        raise Unusable(what, hint="put the file back as it was, or `vmf image rm` the image")


@contextmanager
def _telling(path: Path, *images: str) -> Iterator[None]:
    """Tell what an error of the system means for images."""
    try:
        yield
    except OSError as error:
        if error.errno in _ITS_OWN:
            raise Damaged(f"{path}: {error.strerror}", *images) from error
        hint = "check its permissions, and the disk that it lies on"
        raise SetupError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
