"""Bringing a job's files to the host, before its machine is made of them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import IO

from msgspec import Struct
from msgspec.structs import replace

from vmf import plan
from vmf.disks import images, whole
from vmf.disks.reading import SliceReader
from vmf.errors import HostFault, JobFault
from vmf.files import cdrom, disc, gathering, iso9660, secret, seed, sparse, sshkey, steps, volume
from vmf.files.access import open_disk
from vmf.files.beside import naming
from vmf.files.faults import changed
from vmf.files.source import Content, find
from vmf.model import Disk, File, Home, Job, Pace
from vmf.plugins import Hypervisor
from vmf.run.bidding import size_of
from vmf.run.checksums import Checksums
from vmf.run.progress import Progress
from vmf.run.sums import check_steps
from vmf.steps.graph import in_guest, to_do
from vmf.store import Record
from vmf.warehouse.initrd import text

FILES_LABEL = "VMF_FILES"
"""Of the disc that is made of `cdrom.files`."""
_KEEPING = ("guest", "exchange")
"""What keeps the guest contract in an image that has cloud-init alone."""


class _Disc(Struct, frozen=True):
    """A disc to be made."""

    label: str
    contents: Mapping[str, Content]


def furnish(
    hypervisor: Hypervisor,
    record: Record,
    home: Home,
    *,
    checksums: Checksums,
    progress: Progress,
    identity: bytes | None,
) -> Pace:
    """Inspect all that the job names, then put its files into its machine's folder.

    Args:
        hypervisor: the host.
        record: the job.
        home: where the job's folders are, for what is made here; `clear` empties them.
        checksums: tells those of the disks.
        progress: is told how far it is; what it raises breaks the work off.
        identity: who the guest is, see `vmf.files.identity`; empty: it boots, and finds that out by itself. None: it is
            given nothing, as it goes on from a checkpoint, which brings its discs and its results volume, or is that of
            a template, which has none.

    Returns:
        How fast the host took it.

    Raises:
        JobFault: if a file is not what the job says, cannot be given to a guest, or must not be used.
        HostFault: if the host's own kernel is not what it should be.
    """
    job, anew = record.job, identity is not None
    images.check_roots(job.vetted_files, hypervisor.host)
    _inspect(hypervisor, job)
    images.verify_image(job.bundle, checksum=partial(checksums.of, check=progress.check), on_host=hypervisor.read)
    if anew and job.cdrom and job.cdrom.iso:
        iso9660.inspect(find(job.cdrom.iso, hypervisor.read))
    discs = {} if identity is None else dict(_discs(hypervisor, record, home.keys(record.id), identity))
    with _workshop(home.workshop(record.id)) as workshop:
        carrier = _Carrier(hypervisor, record.machine, workshop, progress)
        for name, file in plan.brought(job, hypervisor.host).items():
            if anew or name != plan.FILES:
                carrier.bring(name, file)
        capabilities = record.placement.capabilities if record.placement else ()
        for name, disk in plan.merged(job, hypervisor.host, capabilities).items():
            carrier.merge(name, disk)
        for name, made in discs.items():
            carrier.make(name, made)
        if anew and record.ground:
            check_steps(job, record.ground, checksums, check=progress.check)
        if anew and job.contract:
            volume.make(workshop / plan.RESULTS, size=job.results.volume, magic=volume.magic(record.nonce))
            carrier.put(plan.RESULTS, workshop / plan.RESULTS, called="results volume")
        return Pace(amount=carrier.brought, seconds=carrier.seconds)


def clear(home: Home, number: int) -> None:
    """Remove what was made for a job in its folder: discs that were never brought away, and its keys."""
    for folder in (home.workshop(number), home.keys(number), home.exchange(number)):
        shutil.rmtree(folder, ignore_errors=True)


def _inspect(hypervisor: Hypervisor, job: Job) -> None:
    """Look at all that the machine is made of; what the job does not name is the host's to mend."""
    images.inspect_image(job.bundle, on_host=hypervisor.read)
    booted = plan.booted(job, hypervisor.host)
    if booted.kernel != job.bundle.kernel:
        try:
            images.inspect_image(replace(booted, disks=()), on_host=hypervisor.read)
        except JobFault as fault:
            what = f"the kernel for jobs that name none: {fault.brief}"
            raise HostFault(what, ability="default-kernel", hint=fault.hint) from fault


@contextmanager
def _workshop(workshop: Path) -> Iterator[Path]:
    """A folder for what is made here on its way to the host; it may hold secrets, and does not stay."""
    shutil.rmtree(workshop, ignore_errors=True)  # of an engine that was killed
    try:
        with naming(workshop):
            workshop.mkdir(mode=0o700)
            yield workshop
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _discs(hypervisor: Hypervisor, record: Record, keys: Path, identity: bytes) -> Iterator[tuple[str, _Disc]]:
    """The discs to be made, with all that is to be on them; nothing is written but the job's keys."""
    job = record.job
    key = sshkey.make(keys) if job.ssh else ""
    if job.contract:
        secrets = secret.read_all(job.secrets, hypervisor.read)
        contents = cdrom.contents(job, volume.magic(record.nonce), secrets=secrets, key=key, identity=identity)
        given = steps.before(contents, in_guest(to_do(job)), hypervisor.read)
        yield plan.CDROM, _Disc(cdrom.LABEL, {**given, **_inspected(record)})
    if job.cdrom and job.cdrom.files:
        yield plan.FILES, _Disc(FILES_LABEL, gathering.gather(job.cdrom.files, hypervisor.read))
    if job.seed:
        programs = {f"vmf-{each}": text(f"{each}.sh") for each in _KEEPING} if job.contract else {}
        made = seed.contents(job.seed, hypervisor.read, name=job.name, token=record.token, key=key, programs=programs)
        yield plan.SEED, _Disc(seed.LABEL, made)


def _inspected(record: Record) -> Mapping[str, Content]:
    """What has a guest stay when a step fails, if somebody wants to look into it then."""
    building = record.ground.building if record.ground else None
    if not (building and building.inspect):
        return {}
    name = record.job.name
    told = f"the machine stays: `vmf console {name}` looks into it; `exit` there, or `vmf rm {name}`, ends it"
    return {"inspect": f"/dev/console\n{told}\n".encode()}


class _Carrier:
    """Brings files into the folder of one job's machine."""

    def __init__(self, hypervisor: Hypervisor, machine: str, workshop: Path, progress: Progress) -> None:
        self._hypervisor = hypervisor
        self._machine = machine
        self._workshop = workshop
        self._progress = progress
        self.brought = 0
        """Bytes, without holes."""
        self.seconds = 0.0

    def put(self, name: str, path: Path, *, called: str) -> None:
        """Bring a file of this computer."""
        began = time.monotonic()
        self._hypervisor.put(self._machine, name, path, self._progress.of(called))
        self.seconds += time.monotonic() - began
        self.brought += size_of(File(path=path))

    def bring(self, name: str, file: File) -> None:
        """Bring a file as it is.

        Raises:
            JobFault: if it changed meanwhile.
        """
        source, called = find(file, self._hypervisor.read, open_disk), file.path.name
        with source.open() as whole:
            stream = BufferedReader(SliceReader(whole, file.part)) if file.part else whole
            self.put(name, self._local(stream, name, called), called=called)
        (self._workshop / name).unlink(missing_ok=True)
        if find(file, self._hypervisor.read, open_disk).stamp != source.stamp:
            raise changed(source.name)

    def merge(self, name: str, disk: Disk) -> None:
        """Bring a disk of several files as one.

        Raises:
            JobFault: if one of them changed meanwhile.
        """
        sources, called = [find(file, open_disk, open_disk) for file in disk.files], disk.file.path.name
        with whole.opened(disk) as stream:
            self.put(name, self._local(stream, name, called), called=called)
        (self._workshop / name).unlink()
        for source, file in zip(sources, disk.files, strict=True):
            if find(file, open_disk, open_disk).stamp != source.stamp:
                raise changed(source.name)

    def _local(self, stream: IO[bytes], name: str, called: str) -> Path:
        """A path, on this computer, of what is to be put: the file itself, if it lies here, or else a copy."""
        number = sparse.descriptor(stream)
        if number is not None:  # not by its own path: what was opened is what is put
            return Path(f"/proc/{os.getpid()}/fd/{number}")
        path = self._workshop / name
        with path.open("xb") as target:
            sparse.copy(stream, target, self._progress.of(called))
        return path

    def make(self, name: str, made: _Disc) -> None:
        """Make a disc, and bring it."""
        path, called = self._workshop / name, f"disc {made.label}"
        disc.write(path, made.contents, label=made.label, report=self._progress.of(called))
        self.put(name, path, called=called)
        path.unlink()
