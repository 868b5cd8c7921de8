"""Bringing a job's files to the host, before its machine is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vmf import plan
from vmf.files import cdrom, images, volume
from vmf.files.beside import naming
from vmf.plugins import Hypervisor
from vmf.store import Record


def furnish(hypervisor: Hypervisor, record: Record, workshop: Path, *, check: Callable[[], None]) -> None:
    """Inspect what the job names, and put its files into its machine's folder.

    Args:
        hypervisor: the host.
        record: the job.
        workshop: a folder for the files that are made here.
        check: is called often; what it raises breaks the work off.

    Raises:
        JobFault: if a file is not what the job says, or must not be used.
    """
    image = record.job.bundle
    images.inspect_image(image)
    images.verify_image(image, check=check)
    for file, source in ((plan.KERNEL, image.kernel), (plan.INITRD, image.initrd)):
        if source is not None:
            hypervisor.put(record.machine, file, source.path)
    if record.job.run is not None:
        _exchange(hypervisor, record, workshop)


def _exchange(hypervisor: Hypervisor, record: Record, workshop: Path) -> None:
    """Make the guest contract's CD and results volume, and put them on the host."""
    job, magic = record.job, volume.magic(record.nonce)
    with naming(workshop):
        workshop.mkdir(mode=0o700, exist_ok=True)
        cdrom.write(workshop / plan.CDROM, cdrom.contents(job, magic))
        volume.make(workshop / plan.RESULTS, size=job.results.size, magic=magic)
    for file in (plan.CDROM, plan.RESULTS):
        hypervisor.put(record.machine, file, workshop / file)
