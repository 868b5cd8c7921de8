"""Overlays: what a guest writes to in place of a disk, which stays as it is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from vmf.disks import images
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, JobFault
from vmf.files import programs
from vmf.files.access import open_disk
from vmf.files.nbd import open_served
from vmf.files.source import Read
from vmf.model import DiskFormat, Slice
from vmf_kvm.folder import Folder
from vmf_libvirt.account import Account
from vmf_libvirt.errors import LibvirtFault, unopened

SECTOR = 512
"""Bytes of which disks are made; QEMU knows no part of one."""


class Overlay(Struct, frozen=True, kw_only=True):
    """A qcow2 file over a disk."""

    file: str
    base: str
    format: DiskFormat
    part: Slice | None = None
    """The stretch of the base's file that is the disk; None: all of it."""
    room: int | None = None
    """Bytes that the file may take; None: no limit."""
    served: bool = False
    """Whether the base is served at a socket."""

    def start(self, account: Account, program: str) -> subprocess.Popen[bytes]:
        """Begin to create it as the user who will write it; what was there is lost. The base is not opened by QEMU.

        Raises:
            JobFault: if the base is not what the machine says.
            HostFault: if it cannot be read.
        """
        return self.start_sized(account, program, self._size())

    def _size(self) -> int:
        return disk_size(Path(self.base), self.format, self.part, open_served if self.served else open_disk)

    def start_sized(self, account: Account, program: str, size: int) -> subprocess.Popen[bytes]:
        """Begin to create it, as `start` does, over a disk of which it is known how many bytes it has."""
        whole = str(-(-size // SECTOR) * SECTOR)
        return subprocess.Popen(
            programs.dying_with_us(
                program, "create", "-q", "-u", "-f", "qcow2", "-F", self.format, "-b", self.base, self.file, whole
            ),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **account.process(),
        )  # fmt: skip


def await_made(making: Iterable[tuple[Overlay, subprocess.Popen[bytes]]], folder: Folder) -> None:
    """Wait until overlays in a machine's folder are made, and give them the sizes that they may have.

    Raises:
        HostFault: if one cannot be made.
    """
    for overlay, process in making:
        _, words = process.communicate()
        if process.returncode:
            raise LibvirtFault(words.decode(errors="replace"))
        if overlay.room is not None:
            folder.lengthen(Path(overlay.file).name, overlay.room)


def disk_size(path: Path, layout: DiskFormat, part: Slice | None, opening: Read = open_disk) -> int:
    """The bytes of a disk that has been inspected, as the guest sees it.

    Raises:
        JobFault: if the file is not what it is said to be, or may not be read.
        HostFault: if it cannot be read although it is.
    """
    try:
        with opening(path) as file:
            return images.disk_size(images.within(file, part), layout)
    except Unfit as error:
        raise JobFault(f"{path}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
    except OSError as error:
        raise unopened(path, error) from error
