"""Images from users, looked at by a reader of our own before any program of QEMU's opens them.

QEMU opens what a header names: a backing file, an external data file, an extent. Formats are therefore stated, never
probed; a file must be what it is stated to be, and stand alone. A file can change after the look; that is why QEMU
runs caged and is told each format.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType

from vmf.errors import HoldCode, JobFault
from vmf.files import qcow2
from vmf.files.console import one_line
from vmf.model import Disk, DiskFormat, Image

PIECE = 2**22

_ROOT = 0
_SECTOR = 512
_PATH_MAX = 4096
_LINKS_MAX = 40  # as the kernel counts
_CONVERT = "convert it: `qemu-img convert -O qcow2 OLD NEW`, and state `format: qcow2`"
_MAGICS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, qcow2.MAGIC, "a qcow2 image", "state `format: qcow2`"),
    (0, b"KDMV", "a VMDK image", _CONVERT),
    (0, b"COWD", "a VMDK image", _CONVERT),
    (0, b"# Disk DescriptorFile", "a VMDK descriptor, which names other files", _CONVERT),
    (0, b"vhdxfile", "a VHDX image", _CONVERT),
    (0, b"conectix", "a VHD image", _CONVERT),
    (64, b"\x7f\x10\xda\xbe", "a VDI image", _CONVERT),
    (0, b"LUKS\xba\xbe", "encrypted with LUKS", "decrypt it with `qemu-img convert`"),
    (0, b"QED\0", "a QED image", _CONVERT),
)  # fmt: skip
_KERNELS: tuple[tuple[tuple[int, bytes], ...], ...] = (
    ((0x1FE, b"\x55\xaa"), (0x202, b"HdrS")),  # bzImage
    ((0, b"\x7fELF"),),
    ((56, b"ARM\x64"),),
)
_START = 1024
_OWN: Mapping[DiskFormat, tuple[bytes, ...]] = MappingProxyType({
    DiskFormat.QCOW2: (qcow2.MAGIC,),
    DiskFormat.VMDK: (b"KDMV",),
})  # fmt: skip
"""How files of a format begin."""
_TYPES: Mapping[int, str] = MappingProxyType({
    stat.S_IFDIR: "a folder",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
})  # fmt: skip
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_DISKS = frozenset({stat.S_IFREG, stat.S_IFBLK})
_FILES = frozenset({stat.S_IFREG})


def inspect_image(image: Image) -> None:
    """Check everything that an image names.

    Raises:
        JobFault: for the first thing that is missing, unreadable or not what it should be.
    """
    for disk in image.disks:
        inspect(disk)
    if image.kernel:
        _inspect_kernel(image.kernel.path)
    if image.initrd:
        with _opened(image.initrd.path, "initial RAM disk", _FILES) as file:
            if not file.read(1):
                raise _invalid(image.initrd.path, "initial RAM disk", "it is empty", "build it anew")


def inspect(disk: Disk) -> None:
    """Check that a disk's file is there, is what it is stated to be, and names no other file.

    Raises:
        JobFault: with the hold code, and a hint that says what to do.
    """
    with _opened(disk.file.path, "disk", _DISKS) as file:
        try:
            _check_magic(file, disk.layout)
            _CHECKS[disk.layout](file)
        except qcow2.Unfit as error:
            raise _invalid(disk.file.path, "disk", str(error), error.hint) from error


def verify_image(image: Image, *, check: Callable[[], None]) -> None:
    """Compare the disks with their checksums, where these are given; every byte is read.

    `check` is called between pieces; what it raises breaks the reading off.

    Raises:
        JobFault: for the first disk that differs, with both checksums.
    """
    for disk in image.disks:
        if disk.sha256:
            with _opened(disk.file.path, "disk", _DISKS) as file:
                _compare(disk.file.path, file, disk.sha256, check)


def unreadable(path: Path, *, uid: int, gids: Collection[int]) -> Path | None:
    """The first folder on the way to a file that a user may not pass, or the file if it may not be read.

    Links are followed as the kernel does; owner, group and mode bits decide. None if the file is readable.

    Raises:
        OSError: if the file is not there.
    """
    here = Path("/")
    try:
        for here, found in _steps(path):
            wanted = stat.S_IXOTH if stat.S_ISDIR(found.st_mode) else stat.S_IROTH
            shift = 6 if found.st_uid == uid else 3 if found.st_gid in gids else 0
            if uid != _ROOT and not found.st_mode & wanted << shift:
                return here
    except PermissionError:  # this process is stopped where it cannot even ask
        return here
    return None


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


@contextmanager
def _opened(path: Path, what: str, types: Collection[int]) -> Iterator[BufferedReader]:
    """The file for reading, if it is of one of the types of `stat`; whatever the system objects is a `JobFault`."""
    if not path.is_absolute():  # QEMU takes `json:…` and `nbd:…` for orders
        raise _invalid(path, what, "its path is not absolute", "name it from / on")
    try:
        type_ = stat.S_IFMT(_stat(path).st_mode)
        if type_ not in types:  # before it is opened: a pipe would wait, a device might act
            raise _invalid(path, what, f"it is {_TYPES.get(type_, 'no file')}", "name a file")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise _fault(path, what, error) from error


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except ValueError as error:  # a NUL, or half a character
        raise FileNotFoundError(errno.ENOENT, str(error)) from error


def _fault(path: Path, what: str, error: OSError) -> JobFault:
    if error.errno in _MISSING:
        hint = "check the path; a relative one counts from the file that names it"
        return JobFault(f"{what} {_shown(path)}: there is no such file", code=HoldCode.IMAGE_MISSING, hint=hint)
    reason, hint = f"it cannot be read: {error.strerror}", "check the disk that it lies on"
    if isinstance(error, PermissionError):
        blocker = unreadable(path, uid=os.geteuid(), gids={os.getegid(), *os.getgroups()}) or path
        reason = "it may not be read" if blocker == path else f"{_shown(blocker)} may not be passed or read"
        hint = f"give this user access to {_shown(blocker)}, or put the file elsewhere"
    return JobFault(f"{what} {_shown(path)}: {reason}", code=HoldCode.IMAGE_UNREADABLE, hint=hint)


def _check_magic(file: BufferedReader, format_: DiskFormat) -> None:
    start = file.read(_START)
    if start.startswith(_OWN.get(format_, ())):
        return
    for at, magic, what, hint in _MAGICS:
        if start.startswith(magic, at):
            raise qcow2.Unfit(f"it is stated to be {format_} and is {what}", hint)


def _check_raw(file: BufferedReader) -> None:
    size = file.seek(0, os.SEEK_END)
    if not size:
        raise qcow2.Unfit("it is empty", "get a good copy of the image")
    if size % _SECTOR:
        reason = f"it is stated to be raw and its {size} bytes are no multiple of {_SECTOR}"
        raise qcow2.Unfit(reason, "state the format that it has, or get a good copy of the image")


def _check_vmdk(file: BufferedReader) -> None:
    file.seek(0)
    if not file.read(_START).startswith(_OWN[DiskFormat.VMDK]):
        reason = "it is stated to be vmdk and is no sparse vmdk of one file"
        raise qcow2.Unfit(reason, "state the format that it has; make one file of it with `qemu-img convert -O vmdk`")


_CHECKS: Mapping[DiskFormat, Callable[[BufferedReader], None]] = MappingProxyType({
    DiskFormat.RAW: _check_raw,
    DiskFormat.QCOW2: qcow2.check,
    DiskFormat.VMDK: _check_vmdk,
})  # fmt: skip


def _compare(path: Path, file: BufferedReader, sha256: str, check: Callable[[], None]) -> None:
    import hashlib  # noqa: PLC0415  # slow to import, and most images have no checksum

    file.seek(0)
    found = hashlib.sha256()
    while piece := file.read(PIECE):
        check()
        found.update(piece)
    if found.hexdigest() != sha256:
        reason = f"its SHA-256 is {found.hexdigest()} and should be {sha256}"
        raise _invalid(path, "disk", reason, "get the image again, or correct `sha256`")


def _inspect_kernel(path: Path) -> None:
    with _opened(path, "kernel", _FILES) as file:
        start = file.read(_START)
    if not any(all(start.startswith(magic, at) for at, magic in kernel) for kernel in _KERNELS):
        reason = "it is no Linux kernel (bzImage, ELF, or arm64 Image)"
        raise _invalid(path, "kernel", reason, "name a vmlinuz as a distribution packs it")


def _invalid(path: Path, what: str, reason: str, hint: str) -> JobFault:
    return JobFault(f"{what} {_shown(path)}: {reason}", code=HoldCode.IMAGE_INVALID, hint=hint)


def _shown(path: Path) -> str:
    return one_line(str(path).encode(errors="replace"), limit=_PATH_MAX)
