"""Merging again what snapshots have made of a machine's disks, and removing what they have left.

While a guest runs, what it writes to stays as it is: only what lies below is merged, so nothing that it has written is
ever at stake, whoever is killed. libvirt and QEMU go on with what a caller began who was killed, and tell of it: so
whoever comes next asks them, and does what is missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from vmf.disks.flatten import QemuImg, Unmade, commit
from vmf.disks.reading import Unfit
from vmf.errors import HostFault
from vmf.model import ALIVE, Power
from vmf_kvm import saving, snapshots
from vmf_kvm.folder import Folder
from vmf_kvm.snapshots import Own
from vmf_libvirt import domains
from vmf_libvirt.client import Client
from vmf_libvirt.errors import Code, LibvirtFault

LOOK_SECONDS = 0.02
MERGE_SECONDS = 600
"""How long the layers of one disk may be merged."""
LATER = ("is read-only", "Cannot find device", "could not find image")
"""What is said of layers that cannot be merged now: their guest stands still since its snapshot; or they have been
merged, and libvirt, which was killed meanwhile, does not know: it does when the next ones have been."""


def fold(client: Client, folder: Folder, program: str) -> None:
    """Leave of each disk, and of the results volume, one layer, or two while its guest may write; of snapshots no more.

    What cannot be merged now stays as it is: a disk whose guest stands still since before its snapshot, or one of which
    the layers together need more room than there is. One that is saved keeps all of them. Of a machine that has ended,
    `program`, qemu-img, merges all.

    Raises:
        HostFault: if layers of a machine that has ended cannot be merged.
    """
    power = saving.power(client, folder)
    if power in ALIVE:
        try:
            _fold_alive(client, folder)
        except LibvirtFault:
            if saving.power(client, folder) in ALIVE:
                raise
        power = saving.power(client, folder)
    if power is Power.OFF:
        _fold_ended(client, folder, program)
    if power is not Power.ABSENT:
        sweep(client, folder)


def sweep(client: Client, folder: Folder) -> None:
    """Remove what snapshots have left that no disk is made of.

    Raises:
        HostFault: if QEMU has something of it open, of which libvirt does not know.
    """
    try:
        names = folder.taken(snapshots.STRAY)
    except FileNotFoundError:
        return
    left = snapshots.left(client.description(folder.name), names)
    if left and client.state(folder.name).power in ALIVE:
        _release(client, folder, left)
    for name in left:
        folder.discard(name)


def _fold_alive(client: Client, folder: Folder) -> None:
    for own in _owned(client, folder):
        _await(client, folder.name, own.disk)  # what a killed caller began
    for own in _owned(client, folder):
        if own.layers[1:-1]:
            _merge(client, folder.name, own)
    _settle(client, folder)


def _merge(client: Client, machine: str, own: Own) -> None:
    """Merge the layers of a disk that its guest does not write to."""
    _, top, *_, base = own.layers
    try:
        client.on(machine, partial(domains.commit, disk=own.disk, base=base.file, top=top.file))
    except LibvirtFault as fault:
        if fault.code != Code.BLOCK_COPY_ACTIVE and not any(words in fault.brief for words in LATER):
            raise  # else libvirt takes it for being merged still
    else:
        _await(client, machine, own.disk)


def _await(client: Client, machine: str, disk: str) -> None:
    """Wait until what is being merged of a disk is; give up on what never is."""
    deadline = time.monotonic() + MERGE_SECONDS
    while client.on(machine, partial(domains.merging, disk=disk)):
        if time.monotonic() > deadline:
            client.on(machine, partial(domains.cancel, disk=disk))
            return
        time.sleep(LOOK_SECONDS)


def _settle(client: Client, folder: Folder) -> None:
    """Have libvirt remember the layers that there are when the guest has ended."""
    chains = {own.disk: (*own.layers, *own.beneath) for own in _owned(client, folder)}
    _redefine(client, folder.name, partial(snapshots.rechained, chains=chains))


def _fold_ended(client: Client, folder: Folder, program: str) -> None:
    owned = [own for own in _owned(client, folder) if len(own.layers) > 1]
    tool = QemuImg(program=program, scratch=folder.scratch, process=folder.account.process())
    for own in owned:
        lowest, *upper = own.names
        for name in upper:
            try:
                with folder.open(name) as top, folder.open(lowest) as bottom:
                    commit(tool, top, bottom, own.layers[-1].format)
            except FileNotFoundError as error:
                raise HostFault(f"machine {folder.name} has no file {error.filename}") from error
            except (Unfit, Unmade) as error:
                words = f"{folder.path / name} cannot be merged into {lowest}: {error}"
                raise HostFault(words, hint="check the space on the host") from error
    chains = {own.disk: (own.layers[-1], *own.beneath) for own in owned}
    _redefine(client, folder.name, partial(snapshots.rechained, chains=chains))


def _owned(client: Client, folder: Folder) -> tuple[Own, ...]:
    return snapshots.owned(client.description(folder.name), folder.path)


def _redefine(client: Client, machine: str, change: Callable[[str], str]) -> None:
    """Change what a machine is defined by; empty: it stays as it is."""
    definition = client.on(machine, domains.definition)
    if definition and (changed := change(definition)):
        client.on(machine, partial(domains.redefine, definition=changed))


def _release(client: Client, folder: Folder, left: tuple[str, ...]) -> None:
    """Have QEMU close files that a killed libvirt had it open for a snapshot that never was."""

    def ask(command: str, **arguments: object) -> list[dict[str, object]]:
        words = json.dumps({"execute": command, "arguments": arguments})
        answer = json.loads(client.on(folder.name, partial(domains.query, command=words)) or "{}")
        found = answer.get("return", [])  # else QEMU refuses, as where another file lies on it
        return found if isinstance(found, list) else []

    nodes = [str(each["node-name"]) for each in ask("query-named-block-nodes", flat=True)]
    for node in snapshots.unused(nodes, client.description(folder.name)):
        ask("blockdev-del", **{"node-name": node})
    files = [str(each.get("file", "")) for each in ask("query-named-block-nodes", flat=True)]
    for path in (str(folder.path / name) for name in left):
        if any(path == file or f'"{path}"' in file for file in files):
            raise HostFault(f"QEMU uses {path}, and libvirt does not know of it")
