"""What can be read of a machine: its files, QEMU's part of a guest's memory, and disks with all that is in them."""

from __future__ import annotations

import io
import os
import re
from typing import IO

from vmf.disks.reading import SliceReader
from vmf.errors import HostFault
from vmf.hookspecs import Report
from vmf.model import Slice
from vmf_kvm import snapshots
from vmf_kvm.drives import overlay
from vmf_kvm.flatten import whole
from vmf_kvm.folder import Folder
from vmf_libvirt.client import Client

WHOLE = re.compile(r"whole([0-9]{1,3})")
"""What a disk is called that is to come back whole."""


def fetch(client: Client, folder: Folder, name: str, report: Report, *, program: str) -> IO[bytes]:
    """Open a file of a machine's folder, or a disk that `program`, qemu-img, makes of one; see `vmf.hookspecs.fetch`.

    Raises:
        JobFault: if what an overlay lies on is gone or unfit.
        HostFault: if there is no such file, or it cannot be read or made.
    """
    if number := WHOLE.fullmatch(name):
        return whole(folder, overlay(int(number[1])), client.description(folder.name), program, report)
    try:
        file = folder.open(name)
    except FileNotFoundError:
        raise HostFault(f"machine {folder.name} has no file {name}") from None
    return stream(file) if snapshots.is_memory(name) else file


def stream(file: IO[bytes]) -> IO[bytes]:
    """QEMU's own stream in a file with a guest's memory: libvirt's description of the machine is left out.

    Raises:
        HostFault: if it is not complete, or cannot be read.
    """
    try:
        part = snapshots.stream(file.read(snapshots.HEADER.size), file.seek(0, os.SEEK_END))
    except HostFault:
        file.close()
        raise
    return io.BufferedReader(_Stream(file, part))


class _Stream(SliceReader):
    """A part of a file, which is closed with it."""

    def __init__(self, file: IO[bytes], part: Slice) -> None:
        super().__init__(file, part)
        self._whole = file

    def close(self) -> None:
        super().close()
        self._whole.close()
