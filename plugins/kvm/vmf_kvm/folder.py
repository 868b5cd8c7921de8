"""The machines' folders, which QEMU's user owns: root must trust no name in them, so no link is ever followed.

`machines` itself belongs to the caller, so that a folder's own name cannot be turned into a link.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from msgspec import Struct

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import sparse
from vmf.files.access import open_file
from vmf.files.beside import appearing
from vmf.hookspecs import Report, unreported
from vmf.model import NAME
from vmf.units import format_size
from vmf_libvirt.account import Account
from vmf_libvirt.errors import unopened

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
WRITTEN = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe in the place of a file is not waited for


class Folder(Struct, frozen=True, kw_only=True):
    """One machine's folder, there or not."""

    machines: Path
    name: str
    account: Account

    def __post_init__(self) -> None:
        """Refuse a name that leads elsewhere: whole folders are removed by it."""
        _check(self.name)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.machines / self.name

    def make(self) -> None:
        """Make it, unless it is there.

        Raises:
            HostFault: if it cannot be made here.
        """
        with _blaming_host(self.path):
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
            with beneath(self.machines, self.name) as folder:
                os.fchown(folder, self.account.uid, self.account.gid)

    def put(self, name: str, source: Path, report: Report) -> None:
        """Copy a file of this computer to `name`, complete or not at all; holes stay holes.

        `report` is told how many bytes there are, and of how many; what it raises breaks the work off.

        Raises:
            JobFault: if the source is not there, or may not be read.
            HostFault: if it cannot be read although it is, or cannot be written here, or another process is just
                putting a file of this name.
        """
        _check(name)
        try:
            reading = open_file(source)
        except OSError as error:
            raise unopened(source, error) from error
        with reading:
            self.make()
            self.write(name, reading, report)

    def write(self, name: str, stream: IO[bytes], report: Report) -> None:
        """Write a stream to `name`, complete or not at all; holes stay holes.

        Raises:
            HostFault: if it cannot be written here, or another process is just writing a file of this name.
        """
        _check(name)
        with (
            _blaming_host(self.path / name),
            beneath(self.machines, self.name) as folder,
            appearing(Path(_within(folder), name)) as writing,
        ):
            sparse.copy(stream, writing, report)
            os.fchown(writing.fileno(), self.account.uid, self.account.gid)

    def touch(self, name: str) -> None:
        """Have an empty file of this name there."""
        self.write(name, io.BytesIO(), unreported)

    def rename(self, old: str, new: str) -> None:
        """Call a file otherwise, in the place of one that is called so; one that is not there has been renamed.

        Raises:
            HostFault: if it cannot be done here.
        """
        for name in (old, new):
            _check(name)
        with (
            _blaming_host(self.path / old),
            contextlib.suppress(FileNotFoundError),
            beneath(self.machines, self.name) as folder,
        ):
            os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)

    def open(self, name: str) -> IO[bytes]:
        """Open a plain file for reading.

        Raises:
            FileNotFoundError: if it, or the folder, is not there.
            HostFault: if it is not a plain file, or cannot be opened; from the file, if it cannot be read.
        """
        _check(name)
        with _blaming_host(self.path / name, but=FileNotFoundError), beneath(self.machines, self.name) as folder:
            file = io.BufferedReader(_Reading(os.open(name, PLAIN, dir_fd=folder), self.path / name))
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        file.close()
        raise HostFault(f"{self.path / name} is not a plain file")

    def overwrite(self, name: str, start: bytes) -> None:
        """Write over the beginning of a file.

        Raises:
            HostFault: if it is not there, or cannot be written.
        """
        _check(name)
        with (
            _blaming_host(self.path / name),
            beneath(self.machines, self.name) as folder,
            os.fdopen(os.open(name, WRITTEN, dir_fd=folder), "wb") as file,
        ):
            file.write(start)

    def lengthen(self, name: str, size: int) -> None:
        """Give a file the size that it may have at the most; what is added is a hole.

        Raises:
            JobFault: if it is longer already.
            HostFault: if it cannot be done here.
        """
        _check(name)
        with _blaming_host(self.path / name), beneath(self.machines, self.name) as folder:
            file = os.open(name, WRITTEN, dir_fd=folder)
            try:
                if (least := os.fstat(file).st_size) > size:
                    raise JobFault(
                        f"{name} may grow to {format_size(size)}, and begins with {format_size(least)}",
                        code=HoldCode.MACHINE_INVALID,
                        hint="raise the job's `disk_space`, or ask the host's owner to raise `limits.disk_growth`",
                    )
                os.ftruncate(file, size)
            finally:
                os.close(file)

    def scratch(self) -> IO[bytes]:
        """A new empty file without a name, to read and write: nothing of it is left when it is closed.

        Raises:
            HostFault: if it cannot be made here; from the file, if it cannot be read.
        """
        with (
            _blaming_host(self.path),
            beneath(self.machines, self.name) as folder,
            TemporaryFile(dir=_within(folder)) as file,
        ):
            os.fchown(file.fileno(), self.account.uid, self.account.gid)
            return io.BufferedRandom(_Reading(os.dup(file.fileno()), self.path, "r+b"))

    def has(self, name: str) -> bool:
        """Whether there is anything of this name."""
        return os.path.lexists(self.path / name)

    def taken(self, names: re.Pattern[str]) -> dict[str, int]:
        """The bytes that files of such names take of the disk; raises as `stats` does."""
        return {name: each.st_blocks * sparse.BLOCK for name, each in self.stats(names).items()}

    def stats(self, names: re.Pattern[str]) -> dict[str, os.stat_result]:
        """What the kernel says of the files of such names.

        Raises:
            FileNotFoundError: if the folder, or one of them meanwhile, is not there.
            HostFault: if they cannot be looked at.
        """
        with (
            _blaming_host(self.path, but=FileNotFoundError),
            beneath(self.machines, self.name) as folder,
            os.scandir(folder) as files,
        ):
            found = [each for each in files if names.fullmatch(each.name)]
            return {each.name: each.stat(follow_symlinks=False) for each in found}

    def discard(self, name: str) -> None:
        """Remove a file; absent is success.

        Raises:
            HostFault: if it cannot be removed.
        """
        _check(name)
        with (
            _blaming_host(self.path / name),
            contextlib.suppress(FileNotFoundError),
            beneath(self.machines, self.name) as folder,
        ):
            os.unlink(name, dir_fd=folder)

    def remove(self) -> None:
        """Remove the folder with all that is in it; absent is success.

        Raises:
            HostFault: if it cannot be removed.
        """
        with _blaming_host(self.path):
            while os.path.lexists(self.path):
                with contextlib.suppress(FileNotFoundError):  # somebody else removes it too: what is left is looked for
                    shutil.rmtree(self.path)


@contextlib.contextmanager
def beneath(folder: Path, *parts: str) -> Iterator[int]:
    """Enter folders that QEMU's user owns, one below the other; a descriptor of the last.

    Raises:
        OSError: if one is not there, or is a link.
    """
    here = os.open(folder, FOLDER)
    try:
        for part in parts:
            here, above = os.open(part, FOLDER, dir_fd=here), here
            os.close(above)
        yield here
    finally:
        os.close(here)


def _within(folder: int) -> str:
    """The path of a folder that is open, whatever its name leads to by now."""
    return f"/proc/self/fd/{folder}/."  # `.`: it follows no link at the end


class _Reading(io.FileIO):
    """Says whose fault it is that a file cannot be read: whoever copies it has a disk of his own that may fail."""

    def __init__(self, file: int, path: Path, mode: str = "rb") -> None:
        super().__init__(file, mode)
        self._path = path

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        with _blaming_host(self._path):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        with _blaming_host(self._path):
            return super().readall()


def _check(name: str) -> None:
    if not re.match(NAME, name):
        raise HostFault(f"{name!r} cannot be the name of a machine or of a file in its folder")


@contextlib.contextmanager
def _blaming_host(path: Path, *, but: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    try:
        yield
    except but:
        raise
    except OSError as error:
        raise HostFault(
            f"{path}: {error.strerror}", hint="check the disk, the space and the rights on the host"
        ) from error
