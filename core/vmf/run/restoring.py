"""Bringing a checkpoint to the host that its job goes on upon."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import replace

from vmf import checkpoints
from vmf.checkpoints import CONSOLE, MEMORY, NVRAM, WORKERS, Manifest, Unusable
from vmf.disks import qcow2
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, JobFault
from vmf.model import Home, Machine, Restored
from vmf.plugins import Hypervisor
from vmf.run import stamps
from vmf.run.progress import Progress
from vmf.run.stamps import Read
from vmf.store import Record


def newest(home: Home, record: Record) -> tuple[Path, Manifest] | None:
    """The checkpoint that the job goes on from, and where it is; None: it begins.

    Raises:
        Unusable: if it is not what was kept.
    """
    if not record.kept:
        return None
    place = home.checkpoints(record.id) / str(record.kept[-1].number)
    return place, checkpoints.read(place, record.kept[-1].sha256)


def _restored(record: Record, manifest: Manifest) -> Restored:
    """What the machine goes on from; its files are called on the host as in the checkpoint."""
    disks = range(len(record.job.bundle.disks))
    return Restored(
        platform=manifest.platform,
        memory=MEMORY,
        nvram=NVRAM if NVRAM in manifest.parts else "",
        layers={number: layers for number in disks if (layers := manifest.layers(number))},
    )


def fitted(machine: Machine, record: Record, manifest: Manifest) -> Machine:
    """The machine with what it goes on from, and the discs that were in its drives then."""
    drives = (replace(drive, file=manifest.media.get(number)) for number, drive in enumerate(machine.cdroms))
    return replace(machine, restored=_restored(record, manifest), cdroms=tuple(drives))


def check_originals(record: Record, manifest: Manifest, read: Read) -> None:
    """See that the disks beneath what a checkpoint holds are as they were.

    Raises:
        JobFault: if one is not; it is so for all checkpoints, and all are good again when it is.
    """
    if file := stamps.changed(record.job.overlaid.values(), manifest.originals, read):
        raise JobFault(
            f"{file.path} is not as it was when the guest began: what was kept lies on that",
            code=HoldCode.IMAGE_INVALID,
            hint="put that very file back (a copy is another one) and release the job; "
            "or begin anew, with its checkpoints removed",
        )


def bring(hypervisor: Hypervisor, record: Record, place: Path, manifest: Manifest, progress: Progress) -> None:
    """Put all that a checkpoint has into the machine's folder, as it was kept.

    A layer is what a guest, or whoever escaped from one, wrote: what its header could lead to is looked at.

    Raises:
        Unusable: if something of it is not what was kept, or must not be used.
    """
    checkpoints.check_files(place, manifest)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:  # sums have to be right before a machine is made, no sooner
        sums = [
            pool.submit(checkpoints.verify_file, place / name, part, lambda *_: progress.check())
            for name, part in manifest.parts.items()
        ]
        for name in sorted(manifest.parts.keys() - {CONSOLE}):
            hypervisor.put(record.machine, name, place / name, progress.of(name))
        for each in sums:
            each.result()
    for number, _ in enumerate(record.job.bundle.disks):
        for name in manifest.layers(number):
            try:
                with (place / name).open("rb") as file:
                    qcow2.check_overlay(file)
            except Unfit as unfit:
                raise Unusable(f"{place / name}: {unfit}") from unfit
