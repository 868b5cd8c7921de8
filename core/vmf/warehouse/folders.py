"""Where golden images lie, and the locks that keep those who use, make and remove them out of each other's way.

    IMAGES/.golden/lock          locked by whoever changes which images there are, for a moment
    IMAGES/.golden/whole/ID/     an image: `golden.json`, its files, and `used`
    IMAGES/.golden/making/ID/    one that is being made: its `used` is locked by whoever makes it
    IMAGES/.golden/aside/ID.N/   one that is damaged, or about to be removed

`used` is locked, shared, by whoever uses an image or builds upon it; the time of its last change is that of the last
use. The kernel frees a lock when its holder ends, however it ends. Only plain files are locked, never folders, and
whoever wants one for himself alone opens it to write: NFS knows no other locks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from vmf.errors import Exit, SetupError, VmfError
from vmf.files.beside import sync_folder
from vmf.model.golden import ID

USED = "used"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})


class Absent(VmfError):
    """There is no such golden image, or not any more."""

    exit: ClassVar[Exit] = Exit.USAGE


class InUse(VmfError):
    """A golden image that is used cannot be removed."""

    exit: ClassVar[Exit] = Exit.USAGE


def absent(id_: str) -> Absent:
    """What is told of a golden image that is not there."""
    return Absent(f"there is no golden image {id_}", hint="`vmf image ls` lists those there are")


class Folders(Struct, frozen=True, kw_only=True):
    """The folders of the golden images in a warehouse."""

    images: Path
    """The warehouse's own."""

    @property
    def golden(self) -> Path:
        """All of them are in it."""
        return self.images / ".golden"

    @property
    def whole(self) -> Path:
        """Nothing else is in it but images that are whole."""
        return self.golden / "whole"

    @property
    def making(self) -> Path:
        """What is being made, and what killed processes have left of that."""
        return self.golden / "making"

    @property
    def aside(self) -> Path:
        """What was found damaged, and what killed processes have left of what they removed."""
        return self.golden / "aside"

    def ids(self) -> tuple[str, ...]:
        """Of all images."""
        with suppress(FileNotFoundError), os.scandir(self.whole) as found:
            return tuple(sorted(each.name for each in found if re.match(ID, each.name)))
        return ()

    @property
    def is_empty(self) -> bool:
        """Whether there is no image at all, which is soon seen."""
        with suppress(OSError), os.scandir(self.whole) as found:
            return next(found, None) is None
        return True

    def owner(self, path: Path) -> str | None:
        """The id of the image in whose folder a file is; None: in none's."""
        folder = path.parent.resolve()
        return folder.name if folder.parent == self.whole and re.match(ID, folder.name) else None

    def make(self) -> None:
        """Have the folders there.

        Raises:
            SetupError: if they cannot be made, or their file system has no locks.
        """
        with self.blaming():
            if self.aside.is_dir():
                return
            if not self.images.is_dir():
                raise FileNotFoundError(errno.ENOENT, "it is not there", str(self.images))
            for folder in (self.golden, self.whole, self.making):
                self.make_folder(folder)
            self._check_locks()
            self.make_folder(self.aside)

    def make_folder(self, folder: Path) -> None:
        """Make a folder, unless it is there, that all can use who can use the warehouse."""
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o2775 if self._is_shared else 0o755)

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Let nobody else change which images there are.

        Raises:
            SetupError: if this user may not change it either.
        """
        self.make()
        with self.blaming(), closing(_File(os.open(self.golden / "lock", _WRITE | os.O_CREAT, 0o666))) as lock:
            with suppress(PermissionError):  # of the user who came first
                os.fchmod(lock.number, self.mode)
            fcntl.flock(lock.number, fcntl.LOCK_EX)
            yield

    @property
    def mode(self) -> int:
        """Of files that others write to who use the warehouse."""
        return 0o664 if self._is_shared else 0o644

    def hold(self, id_: str) -> int:
        """Keep an image from being removed while the descriptor is open.

        Raises:
            Absent: if there is none.
            SetupError: if it may not be read.
        """
        path = self.whole / id_ / USED
        while True:
            try:
                held = os.open(path, _READ)
            except OSError as error:
                if error.errno in _GONE:
                    raise absent(id_) from error
                raise self._unusable(error) from error
            fcntl.flock(held, fcntl.LOCK_SH)
            if _is_at(held, path):
                return held
            os.close(held)

    def touch(self, id_: str) -> None:
        """Note that an image has been used now, where that can be written down."""
        with suppress(OSError):
            os.utime(self.whole / id_ / USED, follow_symlinks=False)

    def used(self, id_: str) -> float:
        """When an image was last used, in seconds since 1970; 0 if it is gone."""
        with suppress(OSError):
            return (self.whole / id_ / USED).stat().st_mtime
        return 0.0

    def is_held(self, id_: str) -> bool:
        """Whether anybody uses an image now, as far as locks tell."""
        try:
            os.close(self.seize(self.whole / id_))
        except InUse:
            return True
        except OSError:
            return False
        return False

    def seize(self, folder: Path) -> int:
        """Have an image, or one that is being made, for oneself while the descriptor is open.

        Raises:
            InUse: if somebody else has it.
            OSError: if it is not there, or may not be written.
        """
        path = folder / USED
        number = os.open(path, _WRITE)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(number, path):
                return number
        except BlockingIOError as error:
            os.close(number)
            raise InUse(f"golden image {folder.name} is used now", hint="try again when that has ended") from error
        os.close(number)
        raise FileNotFoundError(errno.ENOENT, "it has gone", str(path))

    def begin(self, id_: str) -> int:
        """Make the folder in which an image is made, in place of what a killed process has left; its lock.

        Raises:
            InUse: if another process makes it.
            SetupError: if it cannot be made here.
        """
        folder = self.making / id_
        with self.gate(), self.blaming():
            self.sweep()
            if folder.exists():
                raise InUse(f"golden image {id_} is being made", hint="wait for it")
            self.make_folder(folder)
            number = os.open(folder / USED, _WRITE | os.O_CREAT | os.O_EXCL, 0o666)
            os.fchmod(number, self.mode)
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number

    def sweep(self) -> None:
        """Remove what killed processes have left of what they made; the gate is held."""
        for folder in self.making.iterdir():
            try:
                held = self.seize(folder)
            except FileNotFoundError:
                shutil.rmtree(folder, ignore_errors=True)
            except (InUse, PermissionError):
                continue
            else:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(held)

    def settle(self, id_: str) -> None:
        """Put an image that has been made to the others; the gate is held."""
        (self.making / id_).rename(self.whole / id_)
        sync_folder(self.whole)

    def put_aside(self, id_: str) -> Path | None:
        """Take an image away from the others; where it is then, None if it was gone. The gate is held."""
        for number in count(1):
            place = self.aside / f"{id_}.{number}"
            if not os.path.lexists(place):
                with suppress(FileNotFoundError):
                    (self.whole / id_).rename(place)
                    sync_folder(self.whole)
                    return place
                return None
        raise AssertionError

    @contextmanager
    def blaming(self) -> Iterator[None]:
        """Let an error of the system be said of the warehouse.

        Raises:
            SetupError: in its place.
        """
        try:
            yield
        except OSError as error:
            raise self._unusable(error) from error

    @property
    def _is_shared(self) -> bool:
        return self.images.stat().st_mode & stat.S_IWGRP != 0

    def _unusable(self, error: OSError) -> SetupError:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        hint = "check its permissions and the free space, or let VMF_WAREHOUSE name another folder"
        return SetupError(f"the warehouse {self.images} cannot be used: {what}", hint=hint)

    def _check_locks(self) -> None:
        """See that a lock keeps others out."""
        path = self.golden / "lock"
        with (
            closing(_File(os.open(path, _WRITE | os.O_CREAT, 0o666))) as ours,
            closing(_File(os.open(path, _WRITE))) as theirs,
            suppress(BlockingIOError),  # the second by the first, or the first by somebody else's
        ):
            fcntl.flock(ours.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(theirs.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise OSError(errno.ENOLCK, "a lock keeps nobody out", str(path))


class _File:
    """A descriptor that is closed with a block."""

    def __init__(self, number: int) -> None:
        self.number = number

    def close(self) -> None:
        os.close(self.number)


def _is_at(number: int, path: Path) -> bool:
    """Whether an open file still has its name: whoever waited for its lock may have waited for its end."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(number), path.lstat())
    return False
