"""What can be read of a machine on a host that is reached by libvirt alone; what layers make together is made here."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Protocol

from vmf.disks.flatten import Base, QemuImg, UnfitBase, Unmade, commit, flatten
from vmf.disks.layered import Layered
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import programs, sparse
from vmf.hookspecs import Report, unreported
from vmf.model import DiskFormat, MachineDisk
from vmf_libvirt import account
from vmf_libvirt.errors import unopened
from vmf_libvirt.naming import stored
from vmf_libvirt.notes import RESULTS, Note
from vmf_libvirt.site import Site
from vmf_libvirt.volumes import Volumes

WHOLE = re.compile(r"whole([0-9]{1,3})")
"""What a disk is called that is to come back whole."""
FROZEN = re.compile(r"volume-([0-9]+)")
"""What the results volume is called as it was when the snapshot of this number was taken."""

LAYERS_MOST = 16
"""Files that one disk is made of: then what all of them hold is put into one while the guest stands still."""

Read = Callable[[Path], IO[bytes]]


class Files(Protocol):
    """A machine's files."""

    @property
    def path(self) -> Path:
        """Where they are."""

    def open(self, name: str) -> IO[bytes]:
        """Open one for reading."""


def fetch(site: Site, machine: str, name: str, report: Report, *, read: Read) -> IO[bytes]:
    """Open what a machine has left; see `vmf.hookspecs.fetch`. `read` opens a file of the host's.

    Raises:
        JobFault: if what an overlay lies on is gone or unfit.
        HostFault: if there is no such file, or it cannot be read or made.
    """
    note, volumes = site.notes.read(machine), site.volumes(machine)
    try:
        if name == RESULTS or FROZEN.fullmatch(name):
            return layered(volumes, _layers(note, name))
        if found := WHOLE.fullmatch(name):
            return _whole(site, machine, int(found[1]), report, read)
        if chain := note.chains.get(name):
            return _merged(site, machine, chain, report) if len(chain) > 1 else volumes.open(chain[0])
        return volumes.open(stored(name))
    except FileNotFoundError:
        raise HostFault(f"machine {machine} has no file {name}") from None


def shortened(site: Site, machine: str, number: int) -> dict[str, tuple[str, ...]]:
    """The chains of a machine whose guest stands still, with one new file in place of each that has become long."""
    note, volumes = site.notes.read(machine), site.volumes(machine)
    chains = dict(note.chains)
    for stem, chain in note.chains.items():
        if len(chain) >= LAYERS_MOST:
            merge = _as_file if stem == RESULTS else _merged
            name = f"{stem}-{number}-merged"
            with merge(site, machine, chain, unreported) as whole:
                volumes.store(name, whole, unreported)
            chains[stem] = (name,)
    return chains


def _as_file(site: Site, machine: str, chain: tuple[str, ...], report: Report) -> IO[bytes]:
    """The results volume that layers make together, as a file of this computer."""
    return _copied(layered(site.volumes(machine), chain), _scratch(site.notes.of(machine)), report)


def _layers(note: Note, name: str) -> tuple[str, ...]:
    """The files of the results volume, the lowest first: as it is, or as a snapshot named it."""
    chain = note.chains.get(RESULTS, (RESULTS,))
    if (frozen := FROZEN.fullmatch(name)) is None:
        return chain
    above = f"{RESULTS}-{frozen[1]}"
    if above not in chain:
        raise FileNotFoundError(name)
    return chain[: chain.index(above)]


def layered(files: Files, names: Sequence[str]) -> IO[bytes]:
    """A raw file with the layers upon it, all of these names, the lowest first, as one.

    Raises:
        FileNotFoundError: if one is not there.
        HostFault: if one cannot be read.
    """
    with ExitStack() as failing:
        base, *overlays = [failing.enter_context(files.open(name)) for name in names]
        try:
            opened = io.BufferedReader(Layered(base, overlays), sparse.GRAIN) if overlays else base
        except Unfit as error:
            raise HostFault(f"{files.path / names[-1]}: {error}", hint=error.hint) from error
        failing.pop_all()
        return opened


def _merged(site: Site, machine: str, chain: tuple[str, ...], report: Report) -> IO[bytes]:
    """One overlay that holds what all of them do."""
    scratch, volumes = partial(_scratch, site.notes.of(machine)), site.volumes(machine)
    tool = QemuImg(program=_qemu_img(), scratch=scratch, process=account.find().process())
    with ExitStack() as failing:
        lowest = failing.enter_context(_copied(volumes.open(chain[0]), scratch(), report))
        try:
            for name in chain[1:]:
                with _copied(volumes.open(name), scratch(), report) as top:
                    commit(tool, top, lowest, DiskFormat.QCOW2)
        except (Unfit, Unmade) as error:
            raise HostFault(f"the layers of {chain[0]} cannot be merged: {error}") from error
        failing.pop_all()
    lowest.seek(0)
    return lowest


def _whole(site: Site, machine: str, number: int, report: Report, read: Read) -> IO[bytes]:
    note, scratch, volumes = site.notes.read(machine), partial(_scratch, site.notes.of(machine)), site.volumes(machine)
    chain = note.chains.get(f"disk{number}", ())
    if note.machine is None or not chain:
        raise FileNotFoundError
    disk = note.machine.disks[number]
    tool = QemuImg(program=_qemu_img(), scratch=scratch, process=account.find().process())
    with ExitStack() as failing, _merged(site, machine, chain, report) as overlay:
        base = failing.enter_context(_copied(_base(disk, volumes, read), scratch(), report))
        new = failing.enter_context(scratch())
        try:
            flatten(tool, overlay, Base(file=base, format=disk.format, part=disk.part), new=new, report=report)
        except UnfitBase as error:
            raise JobFault(f"{disk.file}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
        except (Unfit, Unmade) as error:
            raise HostFault(f"disk{number} cannot be made whole: {error}") from error
        failing.pop_all()
        base.close()
    new.seek(0)
    return new


def _base(disk: MachineDisk, volumes: Volumes, read: Read) -> IO[bytes]:
    try:
        return read(Path(disk.file)) if disk.file.startswith("/") else volumes.open(disk.file)
    except OSError as error:
        raise unopened(Path(disk.file), error) from error


def _copied(stream: IO[bytes], target: IO[bytes], report: Report) -> IO[bytes]:
    """A file of the host's as one of this computer."""
    with stream, ExitStack() as failing:
        failing.enter_context(target)
        sparse.copy(stream, target, report)
        target.flush()
        failing.pop_all()
    return target


def _scratch(folder: Path) -> IO[bytes]:
    """An empty file without a name, of the user's who is to change it."""
    whose = account.find()
    with TemporaryFile(dir=folder) as file:
        os.fchown(file.fileno(), whose.uid, whose.gid)
        return io.BufferedRandom(io.FileIO(os.dup(file.fileno()), "r+b"))


def _qemu_img() -> str:
    return programs.need(programs.QEMU_IMG, fault=HostFault)
