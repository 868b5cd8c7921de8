"""What can be wrong with a job that KVM is to run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from vmf.errors import JobFault
from vmf.model import Job, MachineCdrom, MachineDisk
from vmf.rules import Check, Objection, Rule
from vmf_kvm.drives import checked

DRIVE = Rule(
    id="KVM201",
    title="a drive that no machine on KVM can have",
    why="KVM attaches whole disks, by names that its buses have; a vmdk or a part of a file is not written in place, "
    "and on SATA or IDE no disk is only read. Such a job would be held when it starts.",
    mend="Do what the hint says, or let a host of another type run the job.",
)


def _unattachable(job: Job) -> Iterator[Objection]:
    """What a job that nothing but KVM may run has of such drives."""
    if job.types != ("kvm",):
        return
    for number, disk in enumerate(job.disks):
        media = MachineDisk(
            file=str(disk.file),
            part=disk.file.part,
            format=disk.layout,
            access=disk.access,
            bus=disk.bus,
            device=disk.device,
        )
        yield from _objections(("disks", number), media)
    if job.cdrom is not None:
        yield from _objections(("cdrom",), MachineCdrom(device=job.cdrom.device))


def _objections(at: tuple[str | int, ...], media: MachineDisk | MachineCdrom) -> Iterator[Objection]:
    try:
        checked(media)
    except JobFault as fault:
        yield Objection(at=at, what=fault.brief, hint=fault.hint)


CHECKS: Final[tuple[Check[Any], ...]] = (Check(rule=DRIVE, kind=Job, judge=_unattachable),)
