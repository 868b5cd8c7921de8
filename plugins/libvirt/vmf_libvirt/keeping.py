"""Where a guest's memory is: in the machine, or in a file on its host while it stands still, is taken, or moves.

What is to be is noted before it is done, so that whoever comes after a process that was killed can go on: the files
that make a machine's disks are those of its note, and a guest whose memory has been written only to be taken goes on.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from msgspec.structs import replace

from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import sparse
from vmf.hookspecs import Report, unreported
from vmf.model import ALIVE, Ending, Machine, MachineState, Platform, Power, Snapshot
from vmf_libvirt import domains, fetched, laying
from vmf_libvirt.errors import LibvirtFault
from vmf_libvirt.naming import overlay
from vmf_libvirt.notes import RESULTS, Note
from vmf_libvirt.site import Site
from vmf_libvirt.states import DomainState, PausedReason, ShutoffReason

SAVED = "saved"
"""The file with the memory of a guest that its owner has had saved."""
RESTORED = "memory"
"""The one that a new machine goes on from, as the engine calls it."""
MOVED = "memory-moved"
"""The copy of either, or of a snapshot's, that is read where vmf has more to say of the machine than libvirt had."""
THROWN_AWAY = MachineState(power=Power.OFF, ending=Ending.KILLED, detail="its memory was thrown away")
RUNS = MachineState(power=Power.RUNNING, detail="its memory is being written")
LOOK_SECONDS = 0.2
"""Between two looks at a machine whose memory is being written."""
_SAVED = MachineState(power=Power.SAVED)
_GOES_ON = MachineState(power=Power.RUNNING)
_FORGOTTEN = (DomainState.SHUTOFF, ShutoffReason.UNKNOWN)
"""What libvirt says of a machine of whose guest it knows nothing any more."""
_DESTROYED = (DomainState.SHUTOFF, ShutoffReason.DESTROYED)
_SHUT_DOWN = (DomainState.SHUTOFF, ShutoffReason.SHUTDOWN)
_STARTING = (DomainState.PAUSED, PausedReason.STARTING)
_HEADER_MOST = 512
"""Bytes that tell how long what comes before a guest's memory is."""


def state(site: Site, machine: str) -> MachineState:
    """What a machine is doing; a guest that stands still only because somebody was killed goes on."""
    note, found = site.notes.read(machine), site.client.on(machine, domains.standing)
    if found is None:
        return MachineState(power=Power.ABSENT)
    if note.reboots:
        return _started_again(site, machine)
    judged = site.dialect.judge(*found)
    site.overlooked.look(machine, *found[:2])
    if judged.power is Power.OFF:
        judged = _ended(site, machine, note, judged, found)
    if judged.power is Power.SAVED:
        return _saved(site, machine, note, is_there=found[2])
    if judged.power in ALIVE and note.memory:
        return _settled(site, machine, judged)
    return judged


def save(site: Site, machine: str) -> None:
    """Put a guest's memory into a file, and end its machine.

    Raises:
        HostFault: if the host cannot do it; it runs on then.
    """
    if _steady(site, machine, unreported) in ALIVE:
        with site.notes.held(machine):
            _put_away(site, machine, SAVED, goes_on=False)


def wake(site: Site, machine: str) -> None:
    """Have a guest go on whose memory is in a file.

    Raises:
        JobFault: if that is no guest's memory.
        HostFault: if the host cannot do it; it is still saved then.
    """
    note = site.notes.read(machine)
    volumes, description = site.volumes(machine), site.description(note)
    site.client.define(machine, description)
    memory = _described(site, machine, note.memory, description)
    site.notes.keep(machine, replace(note, waking=True))
    try:
        site.client.bring_back(str(volumes.path / memory), paused=site.dialect.pauses)
    except LibvirtFault:
        site.notes.keep(machine, note)
        raise
    go_on(site, machine)
    if memory == MOVED:
        volumes.discard(memory)


def go_on(site: Site, machine: str) -> None:
    """Have a guest go on that has just been made or brought back, with its console read."""
    note = site.notes.read(machine)
    site.consoles.begin(machine)
    if site.dialect.pauses:
        site.client.resume(machine)
    site.notes.keep(machine, replace(note, started=True, memory="", waking=False, goes_on=False, ending=None))
    if note.memory in {SAVED, RESTORED}:
        site.volumes(machine).discard(note.memory)


def take(site: Site, machine: str, number: int, report: Report) -> Snapshot:
    """Take a snapshot: the guest stands still until its memory is written, and goes on upon new layers.

    A guest that is saved has been taken.

    Raises:
        JobFault: if it cannot be taken as it is.
        HostFault: if it could not be done.
    """
    power = _steady(site, machine, report)
    if power is Power.SAVED:
        return _snapshot(site, machine, site.notes.read(machine))
    if power not in ALIVE:
        raise JobFault(f"machine {machine} is {power}: nothing of it can be taken", code=HoldCode.REFUSED)
    report(0, 0)
    with site.notes.held(machine):
        _made_of(site.notes.read(machine), machine)
        began = time.monotonic()
        _put_away(site, machine, f"memory-{number}", goes_on=True)
        try:
            taken = _covered(site, machine, number)
        finally:
            wake(site, machine)
            if power is Power.PAUSED:
                site.client.suspend(machine)
        return replace(taken, stopped=time.monotonic() - began)


def fold(site: Site, machine: str) -> None:
    """Leave nothing of snapshots but the layers that the machine is on."""
    if state(site, machine).power is Power.ABSENT:
        return
    with site.notes.held(machine):
        note, volumes = site.notes.read(machine), site.volumes(machine)
        used = {note.memory, *(name for chain in note.chains.values() for name in chain)}
        stems = (*note.chains, "memory")
        for name in volumes.taken():
            if name not in used and any(name.startswith(f"{stem}-") for stem in stems):
                volumes.discard(name)


def forget(site: Site, machine: str) -> None:
    """Throw the memory of a guest away that is saved."""
    note = site.notes.read(machine)
    if note.memory:
        site.notes.keep(machine, replace(note, memory="", waking=False, goes_on=False))
        site.volumes(machine).discard(note.memory)


def _steady(site: Site, machine: str, report: Report) -> Power:
    """What a machine is doing once nobody writes its memory any more, as for one who was killed."""
    while (found := state(site, machine)) == RUNS:
        report(0, 0)
        time.sleep(LOOK_SECONDS)
    return found.power


def _saved(site: Site, machine: str, note: Note, *, is_there: bool) -> MachineState:
    """What it means that the memory of a guest has been written; it may be there still, and is just being removed."""
    if not note.memory:
        return THROWN_AWAY
    if is_there:
        return RUNS
    if not note.goes_on:
        return _SAVED
    with site.notes.held(machine, wait=False) as free:
        if not free:
            return RUNS
        wake(site, machine)
    return state(site, machine)


def _ended(site: Site, machine: str, note: Note, judged: MachineState, found: tuple[int, int, bool]) -> MachineState:
    """What it means that a machine is off, of which libvirt says `found`."""
    state, reason, is_kept = found
    if note.memory and not note.waking and (state, reason) == _FORGOTTEN:
        return _SAVED
    if is_kept and note.memory and site.client.on(machine, domains.busy):
        return RUNS
    if judged.ending is Ending.REBOOTED and note.machine and note.machine.reboots:
        return _started_again(site, machine)
    if is_kept:
        note, judged = _resolved(site, machine, judged)
    site.consoles.finish(machine)
    return note.ending or site.notes.told(machine) or judged


def _started_again(site: Site, machine: str) -> MachineState:
    """Have a guest go on that has rebooted, and may: it is kept as it was then, until somebody does so.

    Raises:
        HostFault: if the host cannot start it now; whoever looks next tries again.
    """
    with site.notes.held(machine, wait=False) as free:
        if not free:
            return _GOES_ON
        note, found = site.notes.read(machine), site.client.on(machine, domains.standing)
        if found and (judged := site.dialect.judge(*found)).ending is Ending.REBOOTED:
            site.notes.keep(machine, replace(note, ending=judged))
            site.consoles.finish(machine)
            site.client.force_off(machine)
            found = site.client.on(machine, domains.standing)
        if found and found[:2] == _SHUT_DOWN:  # it had powered off, and was just being removed
            site.notes.keep(machine, replace(note, ending=None))
            return site.dialect.judge(*found)
        site.client.start(machine, lambda state, _: state != DomainState.SHUTOFF, paused=site.dialect.pauses)
        go_on(site, machine)
    return _GOES_ON


def _resolved(site: Site, machine: str, judged: MachineState) -> tuple[Note, MachineState]:
    """Tell a guest that is kept as it was when it ended from one that is just being removed.

    To force it off waits for that, and finds nothing then. What it is otherwise known by is gone with it, so it is
    noted before.
    """
    with site.notes.held(machine):
        before = site.notes.read(machine)
        site.notes.keep(machine, replace(before, ending=judged))
        site.client.force_off(machine)
        found = site.client.on(machine, domains.standing)
        if found is not None and found[:2] != _DESTROYED:
            site.notes.keep(machine, before)
            judged = site.dialect.judge(*found)
        return site.notes.read(machine), judged


def _put_away(site: Site, machine: str, memory: str, *, goes_on: bool) -> None:
    """Put the memory of a guest that runs, or stands still, into a file, and end its machine."""
    note = site.notes.read(machine)
    site.notes.keep(machine, replace(note, memory=memory, waking=False, goes_on=goes_on))
    is_paused = site.client.state(machine).power is Power.PAUSED
    if is_paused:  # a guest has to help to save itself
        site.client.resume(machine)
    try:
        site.client.put_away(machine, str(site.volumes(machine).path / memory))
    except LibvirtFault:
        site.notes.keep(machine, note)
        site.volumes(machine).discard(memory)
        if is_paused:
            site.client.suspend(machine)
        raise
    site.consoles.finish(machine)


def _snapshot(site: Site, machine: str, note: Note, number: int | None = None) -> Snapshot:
    """What a guest has left that stands still; number: the one of the layers that it goes on upon."""
    made, platform = _made_of(note, machine)
    layers = {
        number: (f"{chain[0]}.0" if chain[0] == stem else chain[0], *chain[1:])  # `stem` is what they make together
        for number, stem in enumerate(map(overlay, range(len(made.disks))))
        if (chain := note.chains.get(stem))
    }
    results = RESULTS if number is None else f"volume-{number}"
    return Snapshot(
        platform=platform,
        stopped=0.0,
        said=site.consoles.said(machine),
        memory=note.memory,
        results=results if RESULTS in note.chains else "",
        media={at: drive.file for at, drive in enumerate(made.cdroms) if drive.file},
        layers=layers,
    )


def _covered(site: Site, machine: str, number: int) -> Snapshot:
    """The snapshot of a guest that stands still, upon whose layers there are new ones then."""
    note = replace(site.notes.read(machine), chains=fetched.shortened(site, machine, number))
    covered = laying.cover(note.chains, site.volumes(machine), number)
    taken = _snapshot(site, machine, note, number)
    site.notes.keep(machine, replace(note, chains=covered))
    return taken


def _made_of(note: Note, machine: str) -> tuple[Machine, Platform]:
    """What a machine was made as, and what its memory is made on.

    Raises:
        JobFault: if no other host has that.
        HostFault: if nobody knows.
    """
    if note.machine is None:
        raise HostFault(f"nothing is known here of how machine {machine} was made")
    if note.platform is None:
        words, hint = "its processor is its host's, which no other host has", "make the machine a portable one"
        raise JobFault(words, code=HoldCode.REFUSED, hint=hint)
    return note.machine, note.platform


def _described(site: Site, machine: str, memory: str, description: str) -> str:
    """The file with a guest's memory that begins with what vmf says of its machine: it itself, unless that is too long.

    Nothing of what it says itself is believed, but how long that is.
    """
    volumes = site.volumes(machine)
    with _opened(site, machine, memory) as file:
        try:
            room = site.dialect.room(file.read(_HEADER_MOST), file.seek(0, os.SEEK_END))
        except Unfit as error:
            raise JobFault(f"{volumes.path / memory}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
        header = site.dialect.header(description, room)
        if len(header) == room:
            volumes.overwrite(memory, header)
            return memory
        file.seek(room)
        with NamedTemporaryFile(dir=site.notes.of(machine)) as whole:
            whole.write(header)
            shutil.copyfileobj(file, whole, sparse.STREAMED)
            whole.flush()
            volumes.put(MOVED, Path(whole.name), unreported)
    return MOVED


def _opened(site: Site, machine: str, memory: str) -> IO[bytes]:
    try:
        return site.volumes(machine).open(memory)
    except FileNotFoundError:
        raise HostFault(f"machine {machine} has no file {memory}") from None


def _settled(site: Site, machine: str, judged: MachineState) -> MachineState:
    """Remove the memory of a guest that was judged to run, unless it is just being written or read.

    A host goes on with that when whoever asked for it is killed, or cut off. One that was brought back so goes on.
    """
    with site.notes.held(machine, wait=False) as free:
        if not free:
            return judged
        if site.client.on(machine, domains.busy):
            return RUNS
        found = site.client.on(machine, domains.standing)
        if found is None or found[:2] == _STARTING or site.dialect.judge(*found).power not in ALIVE:
            return judged
        if not (site.dialect.pauses and site.notes.read(machine).waking and found[0] == DomainState.PAUSED):
            forget(site, machine)
            return judged
        go_on(site, machine)
    return state(site, machine)
