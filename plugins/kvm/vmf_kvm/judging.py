"""Judging jobs that nothing but KVM may run, by the code that describes their machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from vmf.errors import JobFault
from vmf.model import Bus, Cdrom, DiskFormat, Job, Machine, MachineCdrom, MachineDisk, MachineShare
from vmf.rules import Objection
from vmf_kvm import nics
from vmf_kvm.domain import check
from vmf_kvm.drives import Media, checked, renamed

Place: TypeAlias = tuple[str | int, ...]
"""Keys and numbers that lead to what is wrong; see `Objection`."""


def unattachable(job: Job) -> Iterator[Objection]:
    """What a job has of such drives; if of none, what its machine has."""
    disks = map(MachineDisk.of, job.disks)
    drives: list[tuple[Place, Media]] = [(("disks", number), disk) for number, disk in enumerate(disks)]
    if job.cdrom is not None:
        drives.append((("cdrom",), MachineCdrom(device=job.cdrom.device)))
    alone = [each for at, media in drives for each in _objections(at, partial(checked, media))]
    yield from alone or _objections(("disks",), partial(check, _machine(job)), given=("image",))


def misnamed(job: Job) -> Iterator[Objection]:
    """What a job has of such names."""
    try:
        names = renamed(_machine(job))
    except JobFault:  # the other rule tells of it
        return
    for number, disk in enumerate(job.disks):
        if name := names.get(disk.device or ""):
            what = f"Linux calls this disk {name}: it counts without gaps"
            hint = f"write `device: {name}`, or leave it out"
            yield Objection(at=("disks", number, "device"), what=what, hint=hint, given=("image",))


def privileged(job: Job) -> Iterator[Objection]:
    """What a job has of such ports."""
    for number, each in enumerate(job.network.forwards):
        if each.host_port is not None:
            at = ("network", "forwards", number, "host_port")
            yield from _objections(at, partial(nics.check_port, each.host_port))


def _machine(job: Job) -> Machine:
    """The least that such a job's machine has on any host: what is the host's to choose is left out."""
    disks = tuple(map(MachineDisk.of, job.bundle.disks))
    bus = disks[0].bus if disks else None
    return Machine(
        name=job.name,
        memory=job.memory,
        cpus=job.cpus,
        accelerator="tcg",
        disks=disks,
        results=None if job.run is None else MachineDisk(file="results", format=DiskFormat.RAW, bus=bus),
        cdroms=tuple(_cdroms(job, bus)),
        shares=tuple(MachineShare(name=share.name, folder="/") for share in job.shares),
        agent=job.agent,
        vnc=job.vnc,
    )


def _cdroms(job: Job, bus: Bus | None) -> Iterator[MachineCdrom]:
    for each in (job.run, job.cdrom, job.cloud_init):
        if each is not None:
            yield MachineCdrom(bus=bus, device=each.device if isinstance(each, Cdrom) else None)


def _objections(at: Place, judge: Callable[[], object], given: tuple[str, ...] = ()) -> Iterator[Objection]:
    try:
        judge()
    except JobFault as fault:
        yield Objection(at=at, what=fault.brief, hint=fault.hint, given=given)
