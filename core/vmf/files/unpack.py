"""A folder that takes files from a stranger; nothing can be put outside it.

Every name is checked first, then walked from the folder's own descriptor, component by component, never through a
link; files are only ever created, never opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from vmf.files.console import one_line
from vmf.files.tar import FILE, FOLDER, Member
from vmf.units import format_size

NAME_MAX = 1024
COMPONENT_MAX = 255
DEPTH_MAX = 64
TIME_MAX = 2**33
"""Seconds since 1970, in the year 2242: later times are taken for mistakes."""

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_UNSAFE_NAMES: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda name: len(name) > NAME_MAX, f"its name is longer than {NAME_MAX} bytes"),
    (lambda name: one_line(name, limit=NAME_MAX).encode() != name, "its name has control characters or is not UTF-8"),
    (lambda name: name.startswith(b"/"), "its name is an absolute path"),
    (lambda name: b".." in name.split(b"/"), "its name leads out of the folder"),
    (lambda name: max(map(len, name.split(b"/"))) > COMPONENT_MAX, f"part of its name exceeds {COMPONENT_MAX} bytes"),
    (lambda name: name.count(b"/") > DEPTH_MAX, f"it lies more than {DEPTH_MAX} folders deep"),
)  # fmt: skip

# What the file system says about a stranger's name is that name's fault; anything else (no space, …) is ours.
_NAMES_FAULT: Mapping[int | None, str] = MappingProxyType({
    errno.EEXIST: "something of that name came before it",
    errno.ENOTDIR: "a file of that name came before it",
    errno.ELOOP: "a link is in its way",
    errno.ENAMETOOLONG: "its name is too long for the file system",
    errno.EILSEQ: "its name is none for the file system",
    errno.EINVAL: "its name is none for the file system",
})  # fmt: skip


class Limits(Struct, frozen=True, kw_only=True):
    """The most that is taken from a guest."""

    bytes: int
    """Content of all files together."""
    files: int = 10_000
    """Files and folders together."""


class Unsafe(Exception):
    """A member that is not unpacked; the text says why."""


class Unpacked:
    """An existing folder, empty at first, with what was put into it so far."""

    def __init__(self, folder: Path, *, limits: Limits, reserved: Collection[str]) -> None:
        """Take nothing whose first component is one of `reserved`."""
        self._reserved = reserved
        self._limits = limits
        self._bytes = 0
        self._root = os.open(folder, _OPEN_FOLDER)
        self.files: set[str] = set()
        self.folders: set[str] = set()

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._root)

    def put(self, member: Member, content: Iterable[bytes]) -> None:
        """Put one member in: a file with 0644 or 0755 less the umask, or a folder; owned by us, its time kept.

        Raises:
            Unsafe: if it is not taken; nothing of it is then in the folder, but perhaps the folders above it.
            Broken: if its content ends too early; likewise.
            OSError: if it cannot be written.
        """
        parts = _safe_parts(member.name)
        if parts and parts[0] in self._reserved:
            raise Unsafe("that name is vmf's own")
        if member.kind == FOLDER:
            with self._inside(parts):
                return
        if member.kind != FILE:
            raise Unsafe(f"it is {member.kind}; only files and folders are taken")
        if not parts:
            raise Unsafe("it has no name")
        if self._bytes + member.size > self._limits.bytes:
            raise Unsafe(f"it would make more than {format_size(self._limits.bytes)} in all")
        with self._inside(parts[:-1]) as parent:
            self._write(parts, member, content, parent)

    def has(self, name: str) -> bool:
        """Whether a file or folder of this name is in."""
        name = "/".join(part for part in name.split("/") if part not in {"", "."})
        return name in self.files or name in self.folders

    def sync(self) -> None:
        """Wait until the names are on the disk; what is in the files is there already."""
        for name in ("", *self.folders):
            with self._inside(tuple(name.split("/")) if name else ()) as folder:
                os.fsync(folder)

    def _write(self, parts: tuple[str, ...], member: Member, content: Iterable[bytes], parent: int) -> None:
        self._check_count()
        with _names_fault():
            file = os.open(parts[-1], _CREATE, 0o755 if member.executable else 0o644, dir_fd=parent)
        try:
            with os.fdopen(file, "wb") as out:
                out.writelines(content)
                out.flush()  # a later write would set the time anew
                if 0 <= member.mtime < TIME_MAX:
                    os.utime(file, (member.mtime, member.mtime))
                os.fsync(file)
        except BaseException:
            os.unlink(parts[-1], dir_fd=parent)
            raise
        self._bytes += member.size
        self.files.add("/".join(parts))

    @contextmanager
    def _inside(self, parts: tuple[str, ...]) -> Iterator[int]:
        """The descriptor of a folder below, which is made if need be."""
        here = os.dup(self._root)
        try:
            for depth, part in enumerate(parts, 1):
                below = self._enter(here, part, "/".join(parts[:depth]))
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    def _enter(self, parent: int, part: str, name: str) -> int:
        with _names_fault():
            if name not in self.folders and name not in self.files:
                self._check_count()
                os.mkdir(part, 0o755, dir_fd=parent)
                self.folders.add(name)
            return os.open(part, _OPEN_FOLDER, dir_fd=parent)

    def _check_count(self) -> None:
        if len(self.files) + len(self.folders) >= self._limits.files:
            raise Unsafe(f"it would make more than {self._limits.files} files and folders")


def _safe_parts(name: bytes) -> tuple[str, ...]:
    """The components of a stranger's name; none for the folder itself.

    Raises:
        Unsafe: if the name could do harm, or could not be shown as it is.
    """
    for unsafe, reason in _UNSAFE_NAMES:
        if unsafe(name):
            raise Unsafe(reason)
    return tuple(part for part in name.decode().split("/") if part not in {"", "."})


@contextmanager
def _names_fault() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NAMES_FAULT:
            raise Unsafe(_NAMES_FAULT[error.errno]) from error
        raise
