"""What can be read of a machine: its files, its guest's memory among them, and what layers make together."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from vmf.disks.reading import Unfit
from vmf.errors import HostFault
from vmf.hookspecs import Report
from vmf_kvm import snapshots
from vmf_kvm.flatten import whole
from vmf_kvm.folder import Folder
from vmf_libvirt.client import Client
from vmf_libvirt.fetched import WHOLE, layered
from vmf_libvirt.naming import overlay


def fetch(client: Client, folder: Folder, name: str, report: Report, *, program: str) -> IO[bytes]:
    """Open a file of a machine's folder, or a disk that `program`, qemu-img, makes of one; see `vmf.hookspecs.fetch`.

    Raises:
        JobFault: if what an overlay lies on is gone or unfit.
        HostFault: if there is no such file, or it cannot be read or made.
    """
    if number := WHOLE.fullmatch(name):
        return whole(folder, overlay(int(number[1])), client.description(folder.name), program, report)
    if name == snapshots.RESULTS or snapshots.FROZEN.fullmatch(name):
        return _results(client, folder, name)
    try:
        file = folder.open(name)
    except FileNotFoundError:
        raise _missing(folder, name) from None
    return _memory(file, folder.path / name) if snapshots.is_memory(name) else file


def _results(client: Client, folder: Folder, name: str) -> IO[bytes]:
    """The results volume, of whatever layers snapshots have made it."""
    before = None
    while names := _layers(client, folder, name):
        try:
            return layered(folder, names)
        except FileNotFoundError:
            if names == before:
                break
            before = names  # layers have been merged meanwhile
    raise _missing(folder, name)


def _layers(client: Client, folder: Folder, name: str) -> tuple[str, ...]:
    """The files of the results volume, the lowest first, with all in them that its guest has synced."""
    description = client.description(folder.name)
    names = snapshots.results(description, folder.path, name)
    if len(names) > 1 and (node := snapshots.node(description, str(folder.path / names[-1]))):
        # who writes to a disk without a file system, and syncs that, does not have QEMU write what is where
        client.monitor(folder.name, f"qemu-io {node} flush")
    return names


def _memory(file: IO[bytes], path: Path) -> IO[bytes]:
    """A file with a guest's memory, if libvirt has written all of it."""
    with ExitStack() as failing:
        failing.enter_context(file)
        try:
            snapshots.room(file.read(snapshots.HEADER.size), file.seek(0, os.SEEK_END))
        except Unfit as error:
            raise HostFault(f"{path}: {error}", hint=error.hint) from error
        file.seek(0)
        failing.pop_all()
        return file


def _missing(folder: Folder, name: str) -> HostFault:
    return HostFault(f"machine {folder.name} has no file {name}")
