"""Images from users, looked at by a reader of our own before any program of QEMU's opens them.

QEMU opens what a header names: a backing file, an external data file, an extent. Formats are therefore stated, never
probed; a file must be what it is stated to be, and stand alone. A file can change after the look; that is why QEMU
runs caged and is told each format.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from types import MappingProxyType
from typing import IO, TypeAlias

from msgspec.structs import replace

from vmf.disks import qcow2, vmdk
from vmf.disks.reading import SliceReader, Unfit
from vmf.errors import Refused
from vmf.files.access import open_disk, open_file, outside
from vmf.files.faults import called, invalid, shown, unread
from vmf.files.nbd import open_served
from vmf.files.source import Read
from vmf.model import Access, Disk, DiskFormat, File, Host, Image, Slice

Sum: TypeAlias = Callable[[IO[bytes], File], str]
"""The SHA-256, in hexadecimal, of what is meant of a file; it is open, all of it."""

BENEATH = "stated-by-vmf"
"""What layers in the warehouse call what they lie on: no file has that name, and nobody follows it."""
_SECTOR = 512
_REBUILD = "`vmf image verify` sets it aside, and it is made anew when it is wanted"
_CONVERT = "convert it: `qemu-img convert -O qcow2 OLD NEW`, and state `format: qcow2`"
_MAGICS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, qcow2.MAGIC, "a qcow2 image", "state `format: qcow2`"),
    (0, vmdk.MAGIC, "a VMDK image", "state `format: vmdk`"),
    (0, vmdk.ESX_MAGIC, "a VMDK image", _CONVERT),
    (0, vmdk.DESCRIPTOR, "a VMDK descriptor, which names other files", _CONVERT),
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
    DiskFormat.VMDK: (vmdk.MAGIC, vmdk.ESX_MAGIC, vmdk.DESCRIPTOR),
})  # fmt: skip
"""How files of a format begin."""


def inspect_image(image: Image, *, on_host: Read | None = None) -> None:
    """Check everything that an image names.

    `on_host` opens files that are already on the host; not given: the host is this computer.

    Raises:
        JobFault: for the first thing that is missing, unreadable or not what it should be.
    """
    for disk in image.disks:
        inspect(disk, on_host=on_host)
    if image.kernel:
        with opened(image.kernel, "kernel", open_file, on_host) as file:
            _check_kernel(file)
    if image.initrd:
        with opened(image.initrd, "initial RAM disk", open_file, on_host) as file:
            if not file.read(1):
                raise Unfit("it is empty", "build it anew")


def inspect(disk: Disk, *, on_host: Read | None = None) -> None:
    """Check that a disk's file is there, is what it is stated to be, and names no other file.

    Raises:
        JobFault: with the hold code, and a hint that says what to do.
    """
    with opened(disk.file, "disk", open_disk, on_host) as file:
        check(file, disk.layout)
        size = -(-disk_size(file, disk.layout) // _SECTOR) * _SECTOR
    for layer in disk.layers:
        with opened(layer.file, "layer") as file:
            check_layer(file, size)
            if disk.access is Access.IN_PLACE:
                raise Unfit("a golden image's disk cannot be written in place", "let `access` be snapshot")


def check_layer(file: IO[bytes], size: int) -> None:
    """Check that an open file is a layer over a disk of `size` bytes, as vmf puts it into the warehouse.

    Raises:
        Unfit: if it is not, or names any file beneath.
        OSError: if it cannot be read.
    """
    file.seek(0)
    header = qcow2.check_overlay(file)
    if (name := qcow2.backing_name(file)) != BENEATH:
        raise Unfit(f"it names another file, {name}", _REBUILD)
    if header.size != size:
        raise Unfit(f"its disk has {header.size} bytes, and what it lies on {size}", _REBUILD)


def check(file: IO[bytes], layout: DiskFormat) -> None:
    """Check that an open disk is what it is stated to be, and names no other file.

    Raises:
        Unfit: if it is not, or does.
        OSError: if it cannot be read.
    """
    file.seek(0)
    _check_magic(file, layout)
    _CHECKS[layout](file)


def disk_size(file: IO[bytes], layout: DiskFormat) -> int:
    """The bytes of an open disk that has been checked, as a guest sees it.

    Raises:
        Unfit: if it is not what it is stated to be any more.
        OSError: if it cannot be read.
    """
    return _SIZES[layout](file)


def within(whole: IO[bytes], part: Slice | None) -> IO[bytes]:
    """What is meant of an open file: the stretch of it, or all.

    Raises:
        Unfit: if the file ends before the stretch does.
    """
    if part is None:
        return whole
    if part.offset + part.size > whole.seek(0, os.SEEK_END):
        raise Unfit("it ends before the stretch that is meant", "get a good copy of the file")
    return BufferedReader(SliceReader(whole, part))


def verify_image(image: Image, *, checksum: Sum, on_host: Read | None = None) -> None:
    """Compare the disks with their checksums, where these are given. `on_host` is as in `inspect_image`.

    Of a file that is served each part has been compared with a sum of its own.

    Raises:
        JobFault: for the first disk that differs, with both checksums.
    """
    for disk in image.disks:
        if disk.sha256 and not disk.file.served:
            with opened(replace(disk.file, part=None), "disk", open_disk, on_host) as whole:
                _compare(checksum(whole, disk.file), disk.sha256)
        for layer in disk.layers:
            if not layer.file.served:
                with opened(layer.file, "layer") as whole:
                    _compare(checksum(whole, layer.file), layer.sha256)


@contextmanager
def opened(file: File, what: str, here: Read = open_file, on_host: Read | None = None) -> Iterator[IO[bytes]]:
    """What is meant of a file, for reading.

    `what` it is to be, in words; `here` opens it if it is of this computer, `on_host` if it is on the host.

    Raises:
        JobFault: for whatever the system or a reader objects.
    """
    opening = open_served if file.served else on_host if file.on_host and on_host else here
    if not file.path.is_absolute():  # QEMU takes `json:…` and `nbd:…` for orders
        raise invalid(what, file, "its path is not absolute", "name it from / on")
    try:
        with opening(file.path) as whole:
            yield within(whole, file.part)
    except Unfit as error:
        raise invalid(what, file, str(error), error.hint) from error
    except OSError as error:
        raise unread(what, file, error) from error


def check_roots(files: Iterable[File], host: Host) -> None:
    """Check that files really lie below the folders that a host grants, if it names any; see `model.granted`.

    An ad compares texts; here links and `..` are followed. Of a host elsewhere nobody here knows which links there are,
    and files of this computer travel there: they lie in no folder of its.

    Raises:
        Refused: for the first file that lies elsewhere.
    """
    if host.images is None:
        return
    roots, real_path = [root.path for root in host.images], os.path.normpath if host.elsewhere else os.path.realpath
    for file in files:
        if (file.on_host or not host.elsewhere) and (real := outside(file.path, roots, real_path)):
            allowed = ", ".join(map(shown, roots)) or "none"
            hint = f"put the file there: {allowed}" if roots else "ask the host's owner"
            what = f"{called(file)}: it lies at {shown(real)}, outside the folders that host {host.name} allows"
            raise Refused(what, hint=hint)


def _check_magic(file: IO[bytes], format_: DiskFormat) -> None:
    start = file.read(_START)
    if start.startswith(_OWN.get(format_, ())):
        return
    for at, magic, what, hint in _MAGICS:
        if start.startswith(magic, at):
            raise Unfit(f"it is stated to be {format_} and is {what}", hint)


def _check_raw(file: IO[bytes]) -> None:
    size = file.seek(0, os.SEEK_END)
    if not size:
        raise Unfit("it is empty", "get a good copy of the image")
    if size % _SECTOR:
        reason = f"it is stated to be raw and its {size} bytes are no multiple of {_SECTOR}"
        raise Unfit(reason, "state the format that it has, or get a good copy of the image")


_CHECKS: Mapping[DiskFormat, Callable[[IO[bytes]], object]] = MappingProxyType({
    DiskFormat.RAW: _check_raw,
    DiskFormat.QCOW2: qcow2.check,
    DiskFormat.VMDK: vmdk.check,
})  # fmt: skip


_SIZES: Mapping[DiskFormat, Callable[[IO[bytes]], int]] = MappingProxyType({
    DiskFormat.RAW: lambda file: file.seek(0, os.SEEK_END),
    DiskFormat.QCOW2: qcow2.disk_size,
    DiskFormat.VMDK: vmdk.disk_size,
})  # fmt: skip


def _compare(found: str, stated: str) -> None:
    if found != stated:
        raise Unfit(f"its SHA-256 is {found} and should be {stated}", "get the image again, or correct `sha256`")


def _check_kernel(file: IO[bytes]) -> None:
    start = file.read(_START)
    if not any(all(start.startswith(magic, at) for at, magic in kernel) for kernel in _KERNELS):
        reason = "it is no Linux kernel (bzImage, ELF, or arm64 Image)"
        raise Unfit(reason, "name a vmlinuz as a distribution packs it")
