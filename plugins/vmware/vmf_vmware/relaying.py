"""Disks as they were when a snapshot was taken: what was below, with all of its layers, brought as one flat disk."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count, takewhile
from typing import IO

from msgspec.structs import replace

from vmf.disks import differing, qcow2
from vmf.disks.layered import Layered
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import sparse
from vmf.files.beside import appearing
from vmf.hookspecs import unreported
from vmf.model import Machine
from vmf_vmware import naming, putting
from vmf_vmware.paths import parse
from vmf_vmware.site import Site


def opened(site: Site, machine: Machine, number: int) -> IO[bytes]:
    """The original of a disk, on the host.

    Raises:
        FileNotFoundError: if it is not there any more.
    """
    disk = machine.disks[number]
    if disk.file.startswith("/"):
        return site.session.store.open(parse(disk.file))
    return site.session.store.open(site.at(machine.name, naming.flat(disk.file)))


def kept(site: Site, machine: str, name: str) -> IO[bytes]:
    """A file of a machine's that has stayed on this computer.

    Raises:
        HostFault: if it is not there.
    """
    try:
        return site.notes.file(machine, name).open("rb")
    except FileNotFoundError:
        raise HostFault(f"machine {machine} has no file {name}: it was not put here") from None


def relay(site: Site, machine: Machine, number: int) -> None:
    """Bring a disk of the job's.

    Raises:
        JobFault: if a layer is not what it should be.
    """
    layers = tuple(machine.restored.layers[number]) if machine.restored else ()
    with opened(site, machine, number) as base:
        _bring(site, machine.name, naming.overlay(number), naming.overlay(number), layers, base)


def foreign(site: Site, machine: Machine, number: int) -> None:
    """Bring a disk of a folder that VMware kept, by its number there: its layers hold all of it.

    Raises:
        JobFault: if a layer is not there, or is not what it should be.
    """
    stem = naming.overlay(len(machine.disks) + number)
    layers = tuple(_layers(site, machine.name, stem))
    with site.scratch(machine.name) as base:
        if not layers:
            raise JobFault(f"nothing was kept of {naming.foreign(number)}", code=HoldCode.IMAGE_INVALID, hint=_ANEW)
        with kept(site, machine.name, layers[0]) as lowest:
            base.truncate(_size(lowest, layers[0]))
        _bring(site, machine.name, naming.foreign(number), stem, layers, base)


_ANEW = "the checkpoint is spoilt: release the job to go on from another one"


def _layers(site: Site, machine: str, stem: str) -> Iterator[str]:
    every = (f"{stem}.{number}" for number in count())
    return takewhile(lambda name: site.notes.file(machine, name).exists(), every)


def _size(layer: IO[bytes], name: str) -> int:
    try:
        return qcow2.check_overlay(layer).size
    except Unfit as error:
        raise _spoilt(name, error) from error


def _bring(site: Site, machine: str, target: str, stem: str, layers: tuple[str, ...], base: IO[bytes]) -> None:
    """Bring what a base and its layers hold as the flat disk `target`; `stem` is what is told of its changes by."""
    with ExitStack() as stack:
        files = [stack.enter_context(kept(site, machine, name)) for name in layers]
        try:
            disk = io.BufferedReader(Layered(base, files), sparse.GRAIN)
        except Unfit as error:
            raise _spoilt(layers[-1], error) from error
        with appearing(site.notes.file(machine, f"{layers[-1]}.digests")) as file:
            file.write(differing.digests(disk, unreported))
        site.session.store.store(site.at(machine, naming.flat(target)), disk, unreported)
        putting.describe(site, machine, target, disk.seek(0, os.SEEK_END))
    note = site.notes.read(machine)
    site.notes.keep(machine, replace(note, chains={**note.chains, stem: layers}))


def _spoilt(name: str, error: Unfit) -> JobFault:
    return JobFault(f"{name}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint)
