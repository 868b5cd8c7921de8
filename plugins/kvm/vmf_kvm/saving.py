"""Putting a guest's memory into a file of its machine's folder, and having it go on from there.

The file is called `saved`, and `waking` from before QEMU reads it until before the guest goes on. So whoever comes
after an attempt that failed, or a caller that was killed, knows whether the guest has run since: while there is a
`waking` it has not, whatever libvirt says of its end, and can be tried again.

A libvirt that is killed when the memory is complete, and before it has noted that, knows of no saved guest when it
returns: QEMU has ended, or it has the guest run on. So a complete `saved` counts, unless the guest has run since.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from vmf.disks.reading import Unfit
from vmf.errors import HostFault
from vmf.model import Ending, MachineState, Power
from vmf_kvm import faults, restoring, snapshots
from vmf_kvm.folder import Folder
from vmf_kvm.place import MEMORY, WAKING
from vmf_libvirt.client import Client
from vmf_libvirt.errors import blaming_job

SAVED = MachineState(power=Power.SAVED)
THROWN_AWAY = MachineState(power=Power.OFF, ending=Ending.KILLED, detail="its memory was thrown away")
UNSEEN = frozenset({Ending.CRASHED, Ending.UNKNOWN})
"""What libvirt says of the ends of machines that it did not see."""
LOST = "the guest's memory is damaged: give the guest up, and have its job run again"


def save(client: Client, folder: Folder) -> None:
    """Put the guest's memory into a file and end its machine, if it runs.

    Raises:
        HostFault: if the host cannot do it; it runs on then.
    """
    if power(client, folder) is not Power.SAVED:
        client.save(folder.name, str(folder.path / MEMORY))


def state(client: Client, folder: Folder, ask: Callable[[], MachineState]) -> MachineState:
    """What a machine is doing, of which `ask` gives what libvirt says; of a guest that runs, no saved memory stays."""
    left = folder.has(MEMORY)  # looked for first: what is saved after libvirt was asked is not stale
    found = ask()
    if found.power is not Power.RUNNING:
        return _judged(client, folder, found)
    if left:
        folder.discard(MEMORY)
    return found


def power(client: Client, folder: Folder) -> Power:
    """What a machine is doing, in a word; as `state`."""
    return state(client, folder, lambda: client.state(folder.name)).power


def file(folder: Folder) -> str:
    """The file with the memory of a guest that is saved."""
    return WAKING if folder.has(WAKING) else MEMORY


def wake(client: Client, folder: Folder) -> None:
    """Have a guest that is saved go on.

    Raises:
        JobFault: if its memory is damaged, or something that its job names is not there any more, or taken.
        HostFault: if the host cannot do it now; after either it is still saved.
    """
    restoring.clear(client, folder.name)
    folder.rename(MEMORY, WAKING)
    description = client.description(folder.name)
    with blaming_job((*faults.memory(LOST), *faults.described(description, folder.path))):
        restoring.read(client, folder, WAKING)
    folder.discard(WAKING)
    client.resume(folder.name)


def forget(folder: Folder) -> None:
    """Throw the memory away."""
    for name in (MEMORY, WAKING):
        folder.discard(name)


def _judged(client: Client, folder: Folder, found: MachineState) -> MachineState:
    if folder.has(WAKING):
        return SAVED
    if found.power is Power.SAVED:
        return found if folder.has(MEMORY) else THROWN_AWAY
    if found.ending in UNSEEN and folder.has(MEMORY):
        written = snapshots.elsewhere(client.description(folder.name), folder.path)
        return SAVED if _is_last(folder, written) else found
    return found


def _is_last(folder: Folder, elsewhere: tuple[Path, ...]) -> bool:
    """Whether the guest's memory is complete, and nothing has been written since that the guest writes to."""
    try:
        with folder.open(MEMORY) as file:
            start, size = file.read(snapshots.HEADER.size), file.seek(0, os.SEEK_END)
            whole = snapshots.room(start, size) < size
            saved = os.fstat(file.fileno()).st_mtime_ns
        written = [*folder.stats(snapshots.WRITTEN).values(), *(path.stat() for path in elsewhere)]
    except (OSError, HostFault, Unfit):
        return False
    # of a device nobody knows when it was written to
    return whole and all(stat.S_ISREG(each.st_mode) and each.st_mtime_ns <= saved for each in written)
