"""What can be read of a machine; of a disk that consists of several files, the host makes a flat copy first."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import IO

from msgspec.structs import replace

from vmf.blueprint import RESULTS
from vmf.disks import differing
from vmf.disks.flatten import Base, Unmade, convert
from vmf.disks.reading import Unfit
from vmf.errors import HostFault
from vmf.files import sparse
from vmf.files.beside import appearing
from vmf.hookspecs import Report, unreported
from vmf.model import DiskFormat, Machine, MachineDisk
from vmf_vmware import descriptor, keeping, naming, packed
from vmf_vmware.paths import DatastorePath, parse
from vmf_vmware.relaying import opened
from vmf_vmware.site import Site

COPY = "copy"
"""What the stems of disks begin with that the host has made of others, for reading only."""
_NUMBER = r"([0-9]{1,3})"
_FROZEN = re.compile(rf"(?:disk{_NUMBER}|{RESULTS}|{naming.MEMORY}|{naming.NVRAM})-[0-9]+")


def fetch(site: Site, machine: str, name: str, report: Report) -> IO[bytes]:
    """Open what a machine has left; see `vmf.hookspecs.fetch`.

    Raises:
        HostFault: if there is no such file, or it cannot be read or made.
    """
    try:
        for pattern, open_ in _WAYS:
            if found := pattern.fullmatch(name):
                return open_(site, machine, found, report)
        return site.session.store.open(site.at(machine, naming.stored(name)))
    except FileNotFoundError:
        raise HostFault(f"machine {machine} has no file {name}") from None


def _results(site: Site, machine: str, _found: re.Match[str], report: Report) -> IO[bytes]:
    return _flat(site, machine, _disk(site, machine, RESULTS), report)


def _changed(site: Site, machine: str, found: re.Match[str], report: Report) -> IO[bytes]:
    """What a guest has changed of a disk, as an overlay of the original."""
    number, made = int(found[1]), _made(site, machine)
    with ExitStack() as failing, _flat(site, machine, _disk(site, machine, naming.overlay(number)), report) as disk:
        overlay = failing.enter_context(site.scratch(machine))
        grains = differing.changed(disk, _originally(site, made, number), bytearray(), report)
        _write(overlay, grains, _original(made, number), disk)
        failing.pop_all()
    overlay.seek(0)
    return overlay


def _whole(site: Site, machine: str, found: re.Match[str], report: Report) -> IO[bytes]:
    """A disk with all that is in it, as a qcow2 that needs no other file."""
    with ExitStack() as failing, site.scratch(machine) as raw:
        with _flat(site, machine, _disk(site, machine, naming.overlay(int(found[1]))), report) as disk:
            sparse.copy(disk, raw, report)
        raw.flush()
        whole = failing.enter_context(site.scratch(machine))
        base = Base(file=raw, format=DiskFormat.RAW)
        try:
            convert(site.qemu_img(machine), base, new=whole, layout=DiskFormat.QCOW2, report=report)
        except (Unfit, Unmade) as error:
            raise HostFault(f"{found[0]} cannot be made whole: {error}") from error
        failing.pop_all()
    whole.seek(0)
    return whole


def _kept(site: Site, machine: str, found: re.Match[str], _report: Report) -> IO[bytes]:
    return site.notes.file(machine, found[0]).open("rb")


def _frozen(site: Site, machine: str, found: re.Match[str], report: Report) -> IO[bytes]:
    """What a snapshot has frozen; of a disk, what was changed since the one before."""
    if found[1] is not None and site.notes.file(machine, found[0]).exists():
        return _kept(site, machine, found, report)
    files = keeping.frozen(site, machine, found[0])
    if found[0].startswith(naming.MEMORY):
        return packed.pack({part: site.session.store.open(file) for part, file in files.items()})
    if found[0].startswith(naming.NVRAM):
        return site.session.store.open(files[""])
    disk = _flat(site, machine, files[""], report)
    if found[1] is None:
        return disk
    with disk:
        _freeze(site, machine, int(found[1]), found[0], disk, report)
    return _kept(site, machine, found, report)


def _freeze(site: Site, machine: str, number: int, name: str, disk: IO[bytes], report: Report) -> None:
    """Keep here, as an overlay, what of a disk was changed since the last one that was kept."""
    made, stem = _made(site, machine), naming.overlay(number)
    chain = site.notes.read(machine).chains.get(stem, ())
    before = site.notes.file(machine, f"{chain[-1]}.digests").read_bytes() if chain else None
    after = bytearray()
    with appearing(site.notes.file(machine, name)) as overlay:
        known = _originally(site, made, number) if before is None else before
        _write(overlay, differing.changed(disk, known, after, report), _original(made, number), disk)
    with appearing(site.notes.file(machine, f"{name}.digests")) as file:
        file.write(after)
    with site.notes.held(machine):
        note = site.notes.read(machine)
        site.notes.keep(machine, replace(note, chains={**note.chains, stem: (*chain, name)}))


def _write(overlay: IO[bytes], grains: Iterable[tuple[int, bytes]], original: MachineDisk, disk: IO[bytes]) -> None:
    size = disk.seek(0, os.SEEK_END)
    differing.write(overlay, grains, size=size, name=original.file, layout=original.format)


def _original(made: Machine, number: int) -> MachineDisk:
    """What a disk's changes lie on; those of a folder that VMware kept lie on nothing, and hold all of it."""
    several = len(made.disks)
    nothing = MachineDisk(file=naming.foreign(number - several), format=DiskFormat.RAW)
    return made.disks[number] if number < several else nothing


def _originally(site: Site, made: Machine, number: int) -> bytes:
    """What stands for all that a disk held before its guest had it."""
    if number >= len(made.disks):
        return b""
    disk = made.disks[number]
    if not disk.file.startswith("/"):
        return site.notes.file(made.name, f"{disk.file}.digests").read_bytes()
    with opened(site, made, number) as original:
        return differing.digests(original, unreported)


def _flat(site: Site, machine: str, file: DatastorePath, report: Report) -> IO[bytes]:
    """All bytes of a disk, by its descriptor; one that lies on others is made one by the host."""
    store = site.session.store
    with store.open(file) as said:
        try:
            found = descriptor.read(said.read(descriptor.MOST + 1))
        except descriptor.Unfit as error:
            raise HostFault(f"{file}: {error}") from error
    if found.flat is not None:
        return store.open(file.folder / found.flat)
    stem = f"{COPY}-{file.name.removesuffix('.vmdk')}"
    store.copy_disk(file, site.at(machine, naming.descriptor(stem)), report)
    return store.open(site.at(machine, naming.flat(stem)))


def _disk(site: Site, machine: str, stem: str) -> DatastorePath:
    """The file that a disk is now, or the results volume."""
    backing = keeping.disks(site, machine).get(stem)
    if backing is None:
        raise FileNotFoundError(stem)
    return parse(backing["fileName"])


def _made(site: Site, machine: str) -> Machine:
    made = site.notes.read(machine).machine
    if made is None:
        raise HostFault(f"nothing is known here of how machine {machine} was made")
    return made


_WAYS: tuple[tuple[re.Pattern[str], Callable[[Site, str, re.Match[str], Report], IO[bytes]]], ...] = (
    (re.compile(RESULTS), _results),
    (re.compile(rf"disk{_NUMBER}"), _changed),
    (re.compile(rf"whole{_NUMBER}"), _whole),
    (_FROZEN, _frozen),
    (re.compile(rf"disk{_NUMBER}\.{_NUMBER}"), _kept),
)
"""How what is asked for by these names is had."""
