"""Where a guest's memory is: in the machine, in the file of one that is suspended, or in that of a snapshot.

A snapshot freezes the files that its disks consist of; what each of them held is made of that when it is asked for, see
`fetched`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from vmf.blueprint import RESULTS
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.hookspecs import Report
from vmf.model import Power, Snapshot
from vmf_vmware import drives, naming
from vmf_vmware.data import Data
from vmf_vmware.machines import SUSPENDED
from vmf_vmware.notes import Note
from vmf_vmware.paths import DatastorePath, parse
from vmf_vmware.site import Site

_LAYOUT = "layoutEx.file"
_DEVICES = "config.hardware.device"
_SNAPSHOT = "snapshot.currentSnapshot"
_KINDS: Mapping[bool, Mapping[str, str]] = MappingProxyType({
    True: MappingProxyType({"state": "suspend", "memory": "suspendMemory"}),
    False: MappingProxyType({"state": "snapshotData", "memory": "snapshotMemory"}),
})  # fmt: skip
"""The types of the files that a guest's memory consists of, by whether it is suspended; not both need be there."""


def take(site: Site, machine: str, power: Power, number: int, report: Report) -> Snapshot:
    """Take a snapshot of a machine; one that is suspended has been taken.

    Raises:
        JobFault: if it cannot be taken as it is.
        HostFault: if it could not be done.
    """
    if power not in {Power.RUNNING, Power.SAVED}:
        raise JobFault(f"machine {machine} is {power}: nothing of it can be taken", code=HoldCode.REFUSED)
    report(0, 0)
    with site.notes.held(machine):
        note = site.notes.read(machine)
        snapshot = _snapshot(note, machine, number)
        if power is Power.SAVED:
            return replace(snapshot, said=site.session.store.size(site.at(machine, naming.CONSOLE)) or 0)
        began = time.monotonic()
        site.session.machines.snapshot(machine, f"vmf-{number}", memory=True)
        stopped = time.monotonic() - began
        site.notes.keep(machine, replace(note, taken=_taken(site, note, machine, number, is_suspended=False)))
        return replace(snapshot, stopped=stopped)


def fold(site: Site, machine: str) -> None:
    """Leave nothing of snapshots: what their layers hold is merged by the host."""
    with site.notes.held(machine):
        found = site.session.machines.look(machine, _SNAPSHOT)
        if found and found.get(_SNAPSHOT):
            site.session.machines.remove_snapshots(machine)
        note = site.notes.read(machine)
        if note.taken:
            site.notes.keep(machine, replace(note, taken={}))


def frozen(site: Site, machine: str, name: str) -> dict[str, DatastorePath]:
    """The files on the host that a name of a snapshot stands for, each with the rest of its own; of disks, descriptors.

    Raises:
        FileNotFoundError: if there are none.
    """
    note = site.notes.read(machine)
    taken = note.taken
    if not _of(taken, name) and note.machine and site.session.machines.power(machine) == SUSPENDED:
        taken = _taken(site, note, machine, int(name.rpartition("-")[2]), is_suspended=True)
    if found := _of(taken, name):
        return found
    raise FileNotFoundError(name)


def _of(taken: Mapping[str, str], name: str) -> dict[str, DatastorePath]:
    files = {each: parse(file) for each, file in taken.items() if each == name or each.startswith(f"{name}-")}
    return {each.removeprefix(name).removeprefix("-"): file for each, file in files.items()}


def disks(site: Site, machine: str) -> dict[str, Data]:
    """The backings that a machine's disks have now, by what is told of them by: `disk0`, … and `results`.

    Raises:
        HostFault: if one has gone.
    """
    note = site.notes.read(machine)
    found = (site.session.machines.look(machine, _DEVICES) or {}).get(_DEVICES, ())
    several = [disk["backing"] for disk in found if disk.type == drives.DISK]
    tops = {file: backing for backing in several for file in _chain(backing)}
    try:
        return {stem: tops[str(file)] for stem, file in _files(site, note, machine).items()}
    except KeyError as error:
        raise HostFault(f"machine {machine} has no disk {error} any more") from None


def _files(site: Site, note: Note, machine: str) -> dict[str, DatastorePath]:
    """The descriptors that a machine's disks began with."""
    made, folder = note.machine, site.at(machine)
    if made is None:
        return {}
    files = drives.files(made, folder)
    own = {naming.overlay(number): files[number] for number in range(len(made.disks))}
    others = {
        naming.overlay(len(own) + number): folder / naming.descriptor(naming.foreign(number))
        for number in range(note.foreign)
    }
    return own | others | ({RESULTS: files[-1]} if made.results else {})


def _snapshot(note: Note, machine: str, number: int) -> Snapshot:
    """What is told of a snapshot of a machine."""
    made = note.machine
    if made is None or note.platform is None:
        raise HostFault(f"nothing is known here of how machine {machine} was made")
    layers = {}
    for at in range(len(made.disks) + note.foreign):
        if at >= len(made.disks) or naming.own(made, at) is not None:
            chain, name = note.chains.get(naming.overlay(at), ()), f"{naming.overlay(at)}-{number}"
            layers[at] = chain if name in chain else (*chain, name)
    return Snapshot(
        platform=note.platform,
        stopped=0.0,
        memory=f"{naming.MEMORY}-{number}",
        results=f"{RESULTS}-{number}" if made.results else "",
        media={at: drive.file for at, drive in enumerate(made.cdroms) if drive.file},
        nvram=f"{naming.NVRAM}-{number}" if note.has_nvram else "",
        layers=layers,
    )


def _taken(site: Site, note: Note, machine: str, number: int, *, is_suspended: bool) -> dict[str, str]:
    """What the host has frozen, by the names by which it is fetched."""
    found = {}
    for stem, backing in disks(site, machine).items():
        file = backing if is_suspended else backing.get("parent") or backing
        found[f"{stem}-{number}"] = file["fileName"]
    for part, file in _memory(site, machine, is_suspended=is_suspended).items():
        found[f"{naming.MEMORY}-{number}-{part}"] = file
    if note.has_nvram:
        name = naming.firmware(site.session.machines.called(machine))
        found[f"{naming.NVRAM}-{number}"] = str(site.at(machine, name))
    return found


def _chain(backing: Data | None) -> Iterator[str]:
    """The files that a disk consists of, the topmost first."""
    while backing is not None:
        yield str(backing["fileName"])
        backing = backing.get("parent")


def _memory(site: Site, machine: str, *, is_suspended: bool) -> dict[str, str]:
    """The newest files that the guest's memory consists of."""
    files = (site.session.machines.look(machine, _LAYOUT) or {}).get(_LAYOUT, ())
    found = {}
    for part, kind in _KINDS[is_suspended].items():
        if several := [each for each in files if each["type"] == kind]:
            found[part] = str(max(several, key=_key)["name"])
    if "state" not in found:
        raise HostFault(f"the host does not say where the memory of machine {machine} is")
    return found


def _key(file: Data) -> int:
    return int(file["key"])
