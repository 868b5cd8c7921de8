"""A copy of a disk as one qcow2 file that needs no other, for programs that are to work on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from vmf.disks import flatten
from vmf.disks.reading import Unfit
from vmf.errors import SetupError
from vmf.files import programs
from vmf.files.access import open_disk
from vmf.files.beside import naming
from vmf.files.faults import invalid, unread
from vmf.hookspecs import Report
from vmf.model import Disk, DiskFormat, File


def copied(disk: Disk, path: Path) -> Disk:
    """The disk that a copy is."""
    file = File(path=path)
    return Disk(file=file, format=DiskFormat.QCOW2, device=disk.device, bus=disk.bus, access=disk.access, copied=True)


def copy(disk: Disk, path: Path, read: Callable[[Path], IO[bytes]], report: Report) -> None:
    """Copy a disk to a file that is not there yet, synced.

    `read` opens a file that is on the host; it has to be one that this computer's programs can open, too.

    Raises:
        JobFault: if it cannot be read, or is not what it should be.
        SetupError: if it cannot be copied.
    """
    scratch = lambda: TemporaryFile(dir=path.parent)  # noqa: E731, SIM115  # whoever makes one closes it
    tool = flatten.QemuImg(program=programs.need(programs.QEMU_IMG), scratch=scratch)
    with ExitStack() as files, naming(path), files.enter_context(path.open("x+b")) as new:
        lowest, *layers = [files.enter_context(_opened(file, read)) for file in disk.files]
        base = flatten.Base(file=lowest, format=disk.layout, part=disk.file.part, layers=tuple(layers[:-1]))
        try:
            if layers:
                flatten.flatten(tool, layers[-1], base, new=new, report=report)
            else:
                flatten.convert(tool, base, new=new, layout=DiskFormat.QCOW2, report=report)
        except Unfit as unfit:
            raise invalid("disk", disk.file, str(unfit), unfit.hint) from unfit
        except flatten.Unmade as error:
            raise SetupError(
                f"{disk.file} cannot be copied: {error}", hint=f"check the space at {path.parent}"
            ) from error
        os.fsync(new.fileno())


def _opened(file: File, read: Callable[[Path], IO[bytes]]) -> IO[bytes]:
    try:
        return read(file.path) if file.on_host else open_disk(file.path)
    except OSError as error:
        raise unread("disk", file, error) from error
