"""Having a new machine go on from a snapshot: its memory is QEMU's own stream, all else is described by vmf.

The file with the memory begins with what libvirt said of the machine that it was taken of; what vmf says of the new one
is written over that, and nothing of it is believed but how long it is.

The file `restore` is there from before QEMU reads it until before the guest goes on. So whoever comes after a caller
that was killed knows whether the guest may have run: while the file is there it has not, and all of it can be done
again.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, TYPE_CHECKING

from vmf.disks import qcow2
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.hookspecs import unreported
from vmf.model import Access, Machine, Restored
from vmf_kvm import faults, snapshots
from vmf_kvm.disks import room
from vmf_kvm.folder import Folder
from vmf_kvm.place import RESTORE
from vmf_libvirt import domains
from vmf_libvirt.client import Client
from vmf_libvirt.described import macs
from vmf_libvirt.errors import LibvirtFault, blaming_job
from vmf_libvirt.naming import overlay
from vmf_libvirt.states import DomainState, PausedReason

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SECONDS = 120
SPEED = 2**24
"""Bytes of memory that are read in a second at the least; a stream that was made to may keep QEMU busy for ever."""
SETTLE_SECONDS = 20
"""How long libvirt may take to end a machine that was about to start when it was killed; asked meanwhile, it hangs."""
LOOK_SECONDS = 0.05
STARTING = (DomainState.PAUSED, PausedReason.STARTING)
LOADED = (DomainState.PAUSED, PausedReason.MIGRATION)
"""A machine whose memory has been read, and whose guest has not been let go on."""
ANNOUNCE = '{"execute": "announce-self", "arguments": {"initial": 50, "max": 550, "rounds": 5, "step": 100}}'
"""What makes QEMU say so for each card, and ask its guest to; rounds, and milliseconds between them."""
OTHER = "the guest's memory does not fit: go on from another checkpoint"


def lay(folder: Folder, machine: Machine, restored: Restored) -> None:
    """Give the layers that have been put into a machine's folder their names and the sizes that they may have.

    Raises:
        JobFault: if one is no layer.
        HostFault: if one is not there, or the host cannot do it.
    """
    for number, disk in enumerate(machine.disks):
        if disk.access is not Access.SNAPSHOT:
            continue
        lowest, *upper = restored.layers.get(number) or (overlay(number),)
        folder.rename(lowest, overlay(number))
        for name in (overlay(number), *upper):
            _check(folder, name)
            if (limit := room(disk)) is not None:
                folder.lengthen(name, limit)


def restore(client: Client, folder: Folder, memory: str) -> None:
    """Have the guest of a machine that is defined go on, whose memory has been put into its folder.

    Raises:
        JobFault: if the memory is not such that this machine can go on from it.
        HostFault: if the host cannot do it.
    """
    machine = folder.name
    definition = client.on(machine, domains.definition)
    if definition is None:
        raise HostFault(f"machine {machine} vanished before it was started")
    clear(client, machine)
    folder.rename(memory, RESTORE)
    _describe(folder, definition)
    with blaming_job(faults.memory(OTHER)):
        read(client, folder, RESTORE)
    go_on(client, folder, memory)


def read(client: Client, folder: Folder, name: str) -> None:
    """Have QEMU read a guest's memory from a file as libvirt writes it; the guest stands still then, and has not run.

    Raises:
        JobFault: if that takes longer than anything good can.
        HostFault: if it cannot be done.
    """
    with _found(folder, name) as file:
        size = file.seek(0, os.SEEK_END)
    with bounded(client, folder.name, SECONDS + size / SPEED, OTHER):
        client.restore(folder.name, str(folder.path / name))
    if client.found(folder.name) != LOADED:
        # a libvirt that was killed meanwhile ends the machine when it comes back, and says till then that there is one
        raise HostFault(f"machine {folder.name} went away while its memory was read", hint="try again")


def clear(client: Client, machine: str) -> None:
    """End a machine that has read memory, or was about to, for one who was killed; its guest has not run.

    Raises:
        HostFault: if libvirt, which was killed too, does not come to terms with it.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while client.found(machine) == STARTING:
        if time.monotonic() > deadline:
            raise HostFault(f"libvirt does not come to terms with machine {machine}", hint="end libvirt's daemon")
        time.sleep(LOOK_SECONDS)
    client.force_off(machine)


def go_on(client: Client, folder: Folder, memory: str) -> None:
    """Let a guest go on whose memory QEMU has read; it does not wait until a large file is removed."""
    folder.rename(RESTORE, memory)
    client.resume(folder.name)
    announce(client, folder.name)
    folder.discard(memory)


def announce(client: Client, machine: str) -> None:
    """Have a network learn where the guest is now; QEMU did so when it read the memory, but nobody may have heard."""
    if macs(client.description(machine)):
        with suppress(LibvirtFault):  # packets to it are lost for a while then
            client.on(machine, partial(domains.query, command=ANNOUNCE))


def _check(folder: Folder, name: str) -> None:
    try:
        with _found(folder, name) as layer:
            qcow2.check_overlay(layer)
    except Unfit as error:
        raise JobFault(f"{name}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error


def _describe(folder: Folder, definition: str) -> None:
    """Have the file that QEMU is to read begin with a machine's definition; if that is too long, the rest moves."""
    with _found(folder, RESTORE) as file:
        try:
            room = snapshots.room(file.read(snapshots.HEADER.size), file.seek(0, os.SEEK_END))
        except Unfit as error:
            raise JobFault(f"{folder.path / RESTORE}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
        start = snapshots.saved(definition, room)
        if len(start) == room:
            folder.overwrite(RESTORE, start)
        else:
            file.seek(room)
            folder.write(RESTORE, _joined(start, file), unreported)


def _found(folder: Folder, name: str) -> IO[bytes]:
    try:
        return folder.open(name)
    except FileNotFoundError:
        raise HostFault(f"machine {folder.name} has no file {name}") from None


@contextmanager
def bounded(client: Client, machine: str, seconds: float, hint: str) -> Iterator[None]:
    """End a machine that takes longer to read its memory than anything good can.

    Raises:
        JobFault: with this hint, for one that did.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        client.force_off(machine)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except LibvirtFault as fault:
        if not late.is_set():
            raise
        words = f"the guest's memory could not be read within {seconds:.0f} s"
        raise JobFault(words, code=HoldCode.IMAGE_INVALID, hint=hint) from fault
    finally:
        timer.cancel()


def _joined(start: bytes, rest: IO[bytes]) -> IO[bytes]:
    return io.BufferedReader(_Joined(start, rest))


class _Joined(io.RawIOBase):
    """Reads one after the other."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        super().__init__()
        self._start, self._rest = io.BytesIO(start), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        piece = self._start.read(len(view)) or self._rest.read(len(view))
        view[: len(piece)] = piece
        return len(piece)
