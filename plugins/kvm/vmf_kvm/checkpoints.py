"""Taking memory and disks of a machine at one instant, while its guest runs on, or is saved."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from vmf.disks import qcow2
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, HostLost, JobFault
from vmf.hookspecs import Report, unreported
from vmf.model import ALIVE, DiskFormat, Power, Snapshot
from vmf_kvm import folding, media, platforms, saving, snapshots
from vmf_kvm.folder import Folder
from vmf_kvm.overlays import Overlay, await_made
from vmf_kvm.place import CONSOLE
from vmf_kvm.snapshots import Own
from vmf_libvirt import domains
from vmf_libvirt.client import Client
from vmf_libvirt.errors import LibvirtFault, Sentence, blaming_job
from vmf_libvirt.standing import Stood

LOOK_SECONDS = 0.1
"""How often it is told how far the memory is."""
LIVE_SECONDS = 20
"""How long a guest may run on while its memory is written: then it stands still, so that it cannot go on for ever."""
WRITTEN_MOST = 2
"""How many times its memory a guest that changes it all the time may have written, likewise: it is disk space."""
LAYERS_MOST = 16
"""Files that hold what a guest has changed of a disk: if there are more already, they could not be folded. A machine
that was restored begins with as many as its checkpoint had."""
TAKEN = ALIVE | {Power.SAVED}
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
    breaks it off. A guest that is saved changes nothing: what it has left is the snapshot.

    Raises:
        JobFault: if the machine cannot be taken as it is.
        HostFault: if it could not be done; either leaves the guest on the layers that it had.
    """
    power = saving.power(client, folder)
    if power not in TAKEN:
        raise JobFault(f"machine {folder.name} is {power}: nothing of it can be taken", code=HoldCode.REFUSED)
    description = client.description(folder.name)
    snapshots.check(description, folder.path)
    owned = snapshots.owned(description, folder.path)
    still = _still(client, folder, description, owned)
    if power is Power.SAVED:
        return still
    frozen = replace(
        still,
        memory=f"memory-{number}",
        nvram=still.nvram and f"nvram-{number}",
        results=still.results and f"volume-{number}",
    )
    overlays = {own.disk: own.overlay(number) for own in owned}
    wanted = snapshots.snapshot(description, overlays, str(folder.path / frozen.memory))
    try:
        _cover(folder, owned, overlays, program)
        stood = _taken(client, folder, wanted, report)
        if frozen.nvram:
            with folder.open(still.nvram) as kept:
                folder.write(frozen.nvram, kept, unreported)
    except HostLost:
        raise
    except BaseException:
        folding.sweep(client, folder)
        raise
    return replace(frozen, stopped=stood.seconds, said=stood.said)


def _still(client: Client, folder: Folder, description: str, owned: Sequence[Own]) -> Snapshot:
    """The snapshot of a machine that nothing is written to any more."""
    return Snapshot(
        platform=platforms.made_on(client, description, platforms.vendor()),
        stopped=0.0,
        said=_said(folder),
        memory=saving.file(folder),
        nvram=snapshots.nvram(description),
        results=snapshots.RESULTS if any(own.number is None for own in owned) else "",
        media=media.discs(description, folder.path),
        layers={own.number: own.names for own in owned if own.number is not None},
    )


def _said(folder: Folder) -> int | None:
    """How many bytes are on a guest's console; None if nobody can tell."""
    with suppress(FileNotFoundError, HostFault), folder.open(CONSOLE) as log:
        return log.seek(0, os.SEEK_END)
    return None


def _check(folder: Folder, own: Own) -> None:
    """See that what earlier snapshots have left of a disk has been folded, as far as it has to be."""
    if len(own.layers) > LAYERS_MOST:
        words = f"what snapshots of {folder.name} have left cannot be folded"
        raise HostFault(words, hint="let the guest go on first, and check the space on the host")


def _cover(folder: Folder, owned: Sequence[Own], overlays: Mapping[str, Overlay], program: str) -> None:
    """Make the layers that come on top of disks, all at once."""
    with ExitStack() as stack:
        making = []
        for own in owned:
            _check(folder, own)
            overlay = overlays[own.disk]
            if folder.has(Path(overlay.file).name):
                raise HostFault(f"{overlay.file} is there already", hint="each snapshot needs a number of its own")
            process = overlay.start_sized(folder.account, program, _size(folder, own))
            making.append((overlay, stack.enter_context(process)))
        await_made(making, folder)


def _size(folder: Folder, own: Own) -> int:
    """The bytes of a disk, as its guest sees it."""
    try:
        with folder.open(Path(own.layers[0].file).name) as top:
            is_raw = own.layers[0].format is not DiskFormat.QCOW2
            return top.seek(0, os.SEEK_END) if is_raw else qcow2.disk_size(top)
    except Unfit as error:
        raise HostFault(f"{own.layers[0].file}: {error}", hint=error.hint) from error


def _taken(client: Client, folder: Folder, wanted: str, report: Report) -> Stood:
    machine, began = folder.name, time.monotonic()

    def look() -> None:
        with suppress(LibvirtFault):  # it has just begun, or has just ended
            progress = client.on(machine, domains.progress) or domains.Progress()
            if progress.total:
                report(progress.done, progress.total)
            if _is_endless(progress, time.monotonic() - began):
                client.on(machine, domains.hurry)

    report(0, 0)
    with blaming_job(SENTENCES):
        return _watched(
            lambda: client.once(machine, partial(domains.take, snapshot=wanted, measure=partial(_said, folder))),
            look=look,
            abort=lambda: client.on(machine, domains.abort),
        )


def _is_endless(progress: domains.Progress, seconds: float) -> bool:
    """Whether a guest has to stand still, after so many seconds in which so much was written of it.

    What is done may be the snapshot before, which QEMU tells of until it begins with this one.
    """
    is_at_it = progress.done < progress.total
    return is_at_it and (seconds > LIVE_SECONDS or progress.written > WRITTEN_MOST * progress.total)


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
