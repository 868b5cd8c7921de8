"""Files of this computer that a job names: opened for reading, where they really lie, and who may read them."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType

from vmf.errors import HoldCode

_ROOT = 0
_LINKS_MAX = 40  # as the kernel counts
_TYPES: Mapping[int, str] = MappingProxyType({
    stat.S_IFDIR: "a folder",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symbolic link",
})  # fmt: skip
CODES: Mapping[int | None, HoldCode] = MappingProxyType({
    errno.ENOENT: HoldCode.IMAGE_MISSING,
    errno.ENOTDIR: HoldCode.IMAGE_MISSING,
    errno.ELOOP: HoldCode.IMAGE_MISSING,
    errno.ENAMETOOLONG: HoldCode.IMAGE_MISSING,
    errno.EACCES: HoldCode.IMAGE_UNREADABLE,
    errno.EPERM: HoldCode.IMAGE_UNREADABLE,
    errno.EISDIR: HoldCode.IMAGE_INVALID,
    errno.EINVAL: HoldCode.IMAGE_INVALID,  # as `open_file` says of what is none
})  # fmt: skip
"""What an error of the system tells of a file that a job names; any other (a disk that fails, a mount that has gone, no
descriptors left) tells of the computer."""
_ACL = "system.posix_acl_access"
_USER, _OWN_GROUP, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
"""Tags of an access control list's entries, as the kernel writes them."""
_FILES = frozenset({stat.S_IFREG})
_DISKS = frozenset({stat.S_IFREG, stat.S_IFBLK})


def open_file(path: Path) -> BufferedReader:
    """Open a file; links are followed.

    Raises:
        OSError: with EINVAL and a sentence, if it is something else.
    """
    return _open(path, _FILES)


def open_unlinked(path: Path) -> BufferedReader:
    """Open a file that is no link itself; otherwise as `open_file`."""
    return _open(path, _FILES, os.O_NOFOLLOW)


def open_disk(path: Path) -> BufferedReader:
    """Open a file or a block device, such as a partition; otherwise as `open_file`."""
    return _open(path, _DISKS)


def outside(path: Path, roots: Collection[Path], real_path: Callable[[Path], str] = os.path.realpath) -> Path | None:
    """Where a file really lies, all links followed, if that is below none of the folders; else None.

    `real_path` says what a path leads to.
    """
    real = Path(real_path(path))
    return None if any(real.is_relative_to(real_path(root)) for root in roots) else real


def blocker(path: Path, *, uid: int, gids: Collection[int], wanted: int = stat.S_IROTH) -> Path | None:
    """The first folder on the way to a file that a user may not pass, or the file if the user may not use it.

    Links are followed as the kernel does; owner, group, mode bits and access control list decide. None if nothing is in
    the way.

    Args:
        path: the file's.
        uid: the user's.
        gids: the user's groups.
        wanted: what the user is to do with the file, as mode bits for others; to read it, if nothing is said.

    Raises:
        OSError: if the file is not there.
    """
    here = Path("/")
    try:
        for here, found in _steps(path):
            needed = stat.S_IXOTH if stat.S_ISDIR(found.st_mode) else wanted
            if uid != _ROOT and all(needed & ~bits for bits in _granted(here, found, uid, gids)):
                return here
    except PermissionError:  # this process is stopped where it cannot even ask
        return here
    return None


def _granted(path: Path, found: os.stat_result, uid: int, gids: Collection[int]) -> list[int]:
    """What a user may do with a file, as mode bits for others; of several, what one of them allows."""
    mode = found.st_mode
    if found.st_uid == uid:
        return [mode >> 6]
    entries = list(_entries(path)) if mode & stat.S_IRWXG else []  # else the kernel does not look at them either
    mask = next((bits for tag, bits, _ in entries if tag == _MASK), stat.S_IRWXO)
    named = [bits & mask for tag, bits, of in entries if tag == _USER and of == uid]
    groups = [bits & mask for tag, bits, of in entries if tag == _GROUP and of in gids]
    if found.st_gid in gids:
        groups.append(next((bits & mask for tag, bits, _ in entries if tag == _OWN_GROUP), mode >> 3))
    return named or groups or [mode]


def _entries(path: Path) -> Iterator[tuple[int, int, int]]:
    """The access control list of a file: tag, mode bits as for others, number of the user or group."""
    try:
        listed = os.getxattr(path, _ACL, follow_symlinks=False)
    except OSError:  # it has none, or its file system knows none
        return
    yield from struct.iter_unpack("<HHI", listed[4:])


def _steps(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every folder on the way to a file, then the file; links are replaced by what they lead to."""
    here, links = Path("/"), 0
    ahead = list(reversed(path.absolute().parts))
    while ahead:
        step = Path(os.path.normpath(here / ahead.pop()))
        found = step.lstat()
        if not stat.S_ISLNK(found.st_mode):
            here = step
            yield here, found
            continue
        links += 1
        if links > _LINKS_MAX:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        ahead.extend(reversed(step.readlink().parts))


def _open(path: Path, types: Collection[int], flags: int = 0) -> BufferedReader:
    try:
        type_ = stat.S_IFMT(path.stat(follow_symlinks=not flags & os.O_NOFOLLOW).st_mode)
    except ValueError as error:  # a NUL, or half a character
        raise FileNotFoundError(errno.ENOENT, str(error)) from error
    if type_ not in types:  # before it is opened: a pipe would wait, a device might act
        raise OSError(errno.EINVAL, f"it is {_TYPES.get(type_, 'no file')}", str(path))
    return open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags))
