"""Putting a guest's memory into a file of its machine's folder, and having it go on from there.

The file is called `memory`, and `waking` from before QEMU reads it until before the guest goes on. So whoever comes
after an attempt that failed, or a caller that was killed, knows whether the guest has run since: while there is a
`waking` it has not, whatever libvirt says of its end, and can be tried again.
"""

from __future__ import annotations

from vmf.model import Ending, MachineState, Power
from vmf_kvm import faults, restoring
from vmf_kvm.folder import Folder
from vmf_kvm.place import MEMORY, WAKING
from vmf_libvirt.client import Client
from vmf_libvirt.errors import blaming_job

SAVED = MachineState(power=Power.SAVED)
LOST = "the guest's memory is damaged: give the guest up, and have its job run again"


def save(client: Client, folder: Folder) -> None:
    """Put the guest's memory into a file and end its machine, if it runs.

    Raises:
        HostFault: if the host cannot do it; it runs on then.
    """
    client.save(folder.name, str(folder.path / MEMORY))


def judged(folder: Folder, found: MachineState) -> MachineState:
    """What a machine is doing of which libvirt says this."""
    if found.power is not Power.RUNNING and folder.has(WAKING):
        return SAVED
    if found.power is Power.SAVED and not folder.has(MEMORY):
        return MachineState(power=Power.OFF, ending=Ending.KILLED, detail="its memory was thrown away")
    return found


def power(client: Client, folder: Folder) -> Power:
    """What a machine is doing, in a word."""
    return judged(folder, client.state(folder.name)).power


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
