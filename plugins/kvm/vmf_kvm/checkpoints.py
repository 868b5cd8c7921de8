"""Taking memory and disks of a machine at one instant, while its guest runs on."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from vmf.disks import qcow2
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, HostLost, JobFault
from vmf.hookspecs import Report, unreported
from vmf.model import DiskFormat, Snapshot
from vmf_kvm import folding, media, platforms, snapshots
from vmf_kvm.folder import Folder
from vmf_kvm.overlays import Overlay
from vmf_kvm.snapshots import Own
from vmf_libvirt import domains
from vmf_libvirt.client import Client
from vmf_libvirt.errors import LibvirtFault, Sentence, blaming_job

LOOK_SECONDS = 0.1
"""How often it is told how far the memory is."""
LAYERS_MOST = 16
"""Files that hold what a guest has changed of a disk: if there are more already, they could not be folded. A machine
that was restored begins with as many as its checkpoint had."""
SENTENCES = (
    Sentence(
        words="Migration is disabled when VirtFS export path",
        code=HoldCode.REFUSED,
        brief="the guest has mounted a shared folder, which cannot be kept",
        hint="let it unmount the folders that are shared with it first",
    ),
    Sentence(
        words="paused due to previous migration",
        code=HoldCode.REFUSED,
        brief="the guest has stood still since the snapshot before",
        hint="let it go on first",
    ),
)
"""What libvirt says of guests that QEMU cannot take as they are."""

T = TypeVar("T")


def take(client: Client, folder: Folder, number: int, report: Report, *, program: str) -> Snapshot:
    """Take a snapshot with this number, which no other one of the machine has or had; its guest goes on.

    What the guest changes from then on goes into new layers, which `program`, qemu-img, makes. What `report` raises
    breaks it off.

    Raises:
        JobFault: if the machine cannot be taken as it is.
        HostFault: if it could not be done; either leaves the guest on the layers that it had.
    """
    _running(client, folder.name)
    description = client.description(folder.name)
    snapshots.check(description, folder.path)
    platform = platforms.made_on(client, description)
    owned = snapshots.owned(description, folder.path)
    for own in owned:
        _check(folder, own)
    overlays = {own.disk: own.overlay(number) for own in owned}
    memory, nvram = f"memory-{number}", snapshots.nvram(description) and f"nvram-{number}"
    wanted = snapshots.snapshot(description, overlays, str(folder.path / memory))
    try:
        for own in owned:
            _cover(folder, own, overlays[own.disk], program)
        stopped = _taken(client, folder.name, wanted, report)
        if nvram:
            with folder.open(snapshots.nvram(description)) as kept:
                folder.write(nvram, kept, unreported)
    except HostLost:
        raise
    except BaseException:
        folding.sweep(client, folder)
        raise
    return Snapshot(
        platform=platform,
        stopped=stopped,
        memory=memory,
        nvram=nvram,
        results=f"volume-{number}" if any(own.number is None for own in owned) else "",
        media=media.discs(description, folder.path),
        layers={own.number: own.names for own in owned if own.number is not None},
    )


def _running(client: Client, machine: str) -> None:
    """See that a machine runs, or stands still in its memory."""
    power = client.state(machine).power
    if power not in folding.ALIVE:
        words = f"machine {machine} is {power}: nothing of it can be taken"
        raise JobFault(words, code=HoldCode.REFUSED, hint="let it run first")


def _check(folder: Folder, own: Own) -> None:
    """See that what earlier snapshots have left of a disk has been folded, as far as it has to be."""
    if len(own.layers) > LAYERS_MOST:
        words = f"what snapshots of {folder.name} have left cannot be folded"
        raise HostFault(words, hint="let the guest go on first, and check the space on the host")


def _cover(folder: Folder, own: Own, overlay: Overlay, program: str) -> None:
    """Make the layer that comes on top of a disk."""
    name = Path(overlay.file).name
    if folder.has(name):
        raise HostFault(f"{overlay.file} is there already", hint="each snapshot needs a number of its own")
    try:
        with folder.open(Path(own.layers[0].file).name) as top:
            size = qcow2.disk_size(top) if overlay.format is DiskFormat.QCOW2 else top.seek(0, os.SEEK_END)
    except Unfit as error:
        raise HostFault(f"{own.layers[0].file}: {error}", hint=error.hint) from error
    making = overlay.start_sized(folder.account, program, size)
    _, words = making.communicate()
    if making.returncode:
        raise LibvirtFault(words.decode(errors="replace"))
    if overlay.room is not None:
        folder.lengthen(name, overlay.room)


def _taken(client: Client, machine: str, wanted: str, report: Report) -> float:
    def look() -> None:
        with suppress(LibvirtFault):  # it has just begun, or has just ended
            done, total = client.on(machine, domains.progress) or (0, 0)
            if total:
                report(done, total)

    report(0, 0)
    with blaming_job(SENTENCES):
        return _watched(
            lambda: client.once(machine, partial(domains.take, snapshot=wanted)),
            look=look,
            abort=lambda: client.on(machine, domains.abort),
        )


def _watched(take: Callable[[], T], *, look: Callable[[], object], abort: Callable[[], object]) -> T:
    """What `take` returns; meanwhile `look` is called often, and if that raises, `abort` is, until it has ended."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        taking: Future[T] = pool.submit(take)
        try:
            while not wait((taking,), LOOK_SECONDS).done:
                look()
        except BaseException:
            abort()
            while not wait((taking,), LOOK_SECONDS).done:  # else it had not begun yet
                abort()
            raise
        return taking.result()
