"""Bringing the files of a machine to its host, each as what it is there; some stay here until the machine is made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from vmf.blueprint import RESULTS
from vmf.disks import differing, images, qcow2, vmdk
from vmf.disks.flatten import Base, Unmade, convert
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import sparse
from vmf.files.access import CODES, open_disk
from vmf.files.beside import appearing
from vmf.hookspecs import Report, unreported
from vmf.model import DiskFormat
from vmf_vmware import descriptor, naming, packed
from vmf_vmware.naming import Kind
from vmf_vmware.site import Site

MAGICS: Mapping[bytes, DiskFormat] = {qcow2.MAGIC: DiskFormat.QCOW2, vmdk.MAGIC: DiskFormat.VMDK}
"""How an image begins that is not raw. What it is here is compared with what it is stated to be before it is used."""


def put(site: Site, machine: str, name: str, source: Path, report: Report) -> None:
    """Bring a file; see `vmf.hookspecs.put`.

    Raises:
        JobFault: if it is not there, may not be read, or is a disk that cannot be used.
        HostFault: if the host cannot do it.
    """
    try:
        file = open_disk(source)
    except OSError as error:
        raise unopened(source, error) from error
    with file:
        if name != RESULTS and naming.kind(name) is Kind.DISK:
            _put_disk(site, machine, name, file, report)
        else:
            _PUTS[naming.kind(name)](site, machine, name, file, report)


def unopened(path: Path, error: OSError) -> JobFault | HostFault:
    """Whose fault it is that a file of this computer cannot be opened."""
    reason = f"{path}: {error.strerror or error}"
    code = CODES.get(error.errno)
    if code is None:
        return HostFault(reason, hint="check the disk that it lies on")
    hint = "put the file itself there" if code is HoldCode.IMAGE_INVALID else "check the job's paths"
    return JobFault(reason, code=code, hint=hint)


def describe(site: Site, machine: str, stem: str, size: int) -> None:
    """Have the descriptor of a flat disk there."""
    site.session.store.write(site.at(machine, naming.descriptor(stem)), descriptor.flat(stem, size))


def _keep(site: Site, machine: str, name: str, file: IO[bytes], report: Report) -> None:
    with appearing(site.notes.file(machine, name)) as copy:
        sparse.copy(file, copy, report)


def put_flat(site: Site, machine: str, name: str, file: IO[bytes], report: Report) -> None:
    """Bring a flat disk with its descriptor."""
    site.session.store.store(site.at(machine, naming.flat(name)), file, report)
    describe(site, machine, name, file.seek(0, os.SEEK_END))


@contextmanager
def flattened(site: Site, machine: str, name: str, file: IO[bytes], layout: DiskFormat) -> Iterator[IO[bytes]]:
    """A disk as a raw one, made of an image of this format if it is another.

    Raises:
        JobFault: if it is not what it is taken for, or must not be used.
        HostFault: if it cannot be made.
    """
    with ExitStack() as stack:
        raw = file
        try:
            if layout is not DiskFormat.RAW:
                raw = stack.enter_context(site.scratch(machine))
                convert(site.qemu_img(machine), Base(file=file, format=layout), new=raw, layout=DiskFormat.RAW)
            images.check(raw, DiskFormat.RAW)
        except Unfit as error:
            raise JobFault(f"{name}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
        except Unmade as error:
            raise HostFault(f"{name} cannot be made a flat disk: {error}") from error
        yield raw


def _put_file(site: Site, machine: str, name: str, file: IO[bytes], report: Report) -> None:
    site.session.store.store(site.at(machine, naming.stored(name)), file, report)


def _put_memory(site: Site, machine: str, name: str, file: IO[bytes], report: Report) -> None:
    try:
        members = packed.unpack(file, naming.STATES)
    except Unfit as error:
        raise JobFault(f"{name}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
    for member, stream in members.items():
        site.session.store.store(site.at(machine, naming.STATES[member]), stream, report)


def _put_nvram(site: Site, machine: str, _name: str, file: IO[bytes], report: Report) -> None:
    name = naming.firmware(site.session.machines.called(machine))
    site.session.store.store(site.at(machine, name), file, report)


def _put_disk(site: Site, machine: str, name: str, file: IO[bytes], report: Report) -> None:
    """Bring a disk, and keep here what stands for what it holds."""
    file.seek(0)
    start = file.read(max(map(len, MAGICS)))
    layout = next((layout for magic, layout in MAGICS.items() if start.startswith(magic)), DiskFormat.RAW)
    with flattened(site, machine, name, file, layout) as raw:
        with appearing(site.notes.file(machine, f"{name}.digests")) as digests:
            digests.write(differing.digests(raw, unreported))
        put_flat(site, machine, name, raw, report)
    with site.notes.held(machine):
        note = site.notes.read(machine)
        site.notes.keep(machine, replace(note, formats={**note.formats, name: layout}))


_PUTS = {Kind.KEPT: _keep, Kind.DISK: put_flat, Kind.MEMORY: _put_memory, Kind.NVRAM: _put_nvram, Kind.DISC: _put_file}
