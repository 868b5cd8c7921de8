"""A disc that boots a Linux kernel: vSphere starts machines from discs and disks only, never from a kernel's file.

isolinux is its boot loader, which is found among this computer's packages. The disc has plain ISO 9660 names, which
are all that isolinux reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from pycdlib import PyCdlib
from pycdlib.pycdlibexception import PyCdlibException

from vmf.errors import HoldCode, HostFault, JobFault

LOADER, LIBRARY = "isolinux.bin", "ldlinux.c32"
FOLDERS = (
    "/usr/lib/ISOLINUX",
    "/usr/lib/syslinux/modules/bios",
    "/usr/lib/syslinux/bios",
    "/usr/share/syslinux",
)
"""Where distributions have the boot loader's files."""
_MAGIC_AT, _MAGIC = 0x202, b"HdrS"
"""Where in a kernel stands that it is one that a boot loader of a PC starts."""
LINE_MOST = 2047
"""Bytes of a command line that Linux takes on x86."""
_PIECE = 2**20
_LABEL = "VMF_BOOT"
_ISO: Mapping[str, str] = MappingProxyType({
    LOADER: "/ISOLINUX/ISOLINUX.BIN;1",
    LIBRARY: "/ISOLINUX/LDLINUX.C32;1",
    "menu": "/ISOLINUX/ISOLINUX.CFG;1",
    "kernel": "/KERNEL.;1",
    "initrd": "/INITRD.;1",
    "catalogue": "/ISOLINUX/BOOT.CAT;1",
})  # fmt: skip
"""The names on the disc."""


def menu(parameters: str, *, has_initrd: bool) -> str:
    """What isolinux reads: one entry, which is booted at once.

    Raises:
        JobFault: if the command line cannot be one of Linux.
    """
    if len(parameters.encode()) > LINE_MOST:
        what = f"the kernel's command line has more than {LINE_MOST} bytes"
        raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint="make `boot.parameters` shorter")
    initrd = ("  initrd /initrd",) if has_initrd else ()
    lines = ("default vmf", "prompt 0", "label vmf", "  kernel /kernel", *initrd, f"  append {parameters}")
    return "".join(f"{line}\n" for line in lines)


def write(
    target: BinaryIO, kernel: BinaryIO, initrd: BinaryIO | None, parameters: str, *, folders: Iterable[str] = FOLDERS
) -> None:
    """Write the disc into an empty file.

    Args:
        target: open to read and write.
        kernel: a file that can be sought, as is the initial RAM disk.
        initrd: None: the kernel needs none.
        parameters: the kernel's command line.
        folders: where the boot loader's files are looked for.

    Raises:
        JobFault: if that, or the kernel, is not one that is booted so.
        HostFault: if this computer has no isolinux, or the disc cannot be made.
    """
    kernel.seek(_MAGIC_AT)
    if kernel.read(len(_MAGIC)) != _MAGIC:
        hint = "name a vmlinuz as distributions pack it; an unpacked vmlinux is none"
        raise JobFault("the kernel is no bzImage, which VMware's BIOS boots", code=HoldCode.IMAGE_INVALID, hint=hint)
    folders = tuple(folders)
    contents: dict[str, BinaryIO] = {
        LOADER: BytesIO(_found(LOADER, folders)),
        LIBRARY: BytesIO(_found(LIBRARY, folders)),
        "menu": BytesIO(menu(parameters, has_initrd=initrd is not None).encode()),
        "kernel": kernel,
    }
    if initrd is not None:
        contents["initrd"] = initrd
    try:
        disc = PyCdlib()
        disc.new(interchange_level=1, vol_ident=_LABEL)
        disc.add_directory("/ISOLINUX")
        for name, file in contents.items():
            disc.add_fp(file, _size(file), _ISO[name])
        disc.add_eltorito(_ISO[LOADER], _ISO["catalogue"], boot_load_size=4, boot_info_table=True)
        disc.write_fp(target, blocksize=_PIECE)
        disc.close()
    except PyCdlibException as error:
        raise HostFault(f"the disc that boots the kernel could not be made: {error}") from error


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


def _found(name: str, folders: Iterable[str]) -> bytes:
    for folder in folders:
        if (path := Path(folder) / name).is_file():
            return path.read_bytes()
    raise HostFault(
        f"{name} is not on this computer: without it no kernel's file is booted on VMware",
        hint="install isolinux and syslinux-common (Debian, Ubuntu), or syslinux (Fedora, Arch); "
        "or boot from a disk that has a boot loader",
    )
