"""Judging jobs that only one type of hypervisor may run, by the code that describes their machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from vmf.ads import At
from vmf.blueprint import FILES
from vmf.errors import JobFault
from vmf.model import Job, Machine, MachineCdrom, MachineDisk
from vmf.rules import Objection

Media: TypeAlias = MachineDisk | MachineCdrom


def unmade(
    job: Job, made: Machine, checked: Callable[[Media], object], check: Callable[[Machine], object]
) -> Iterator[Objection]:
    """What is wrong with each drive that the job itself names; if nothing is, what is wrong with its whole machine."""
    own = made.disks[len(made.disks) - len(job.disks) :]
    drives: list[tuple[At, Media]] = [(("disks", number), disk) for number, disk in enumerate(own)]
    drives += [(("cdrom",), each) for each in made.cdroms if each.file == FILES]
    alone = [each for at, media in drives for each in objections(at, partial(checked, media))]
    yield from alone or objections(("disks",), partial(check, made), given=("image",))


def objections(at: At, judge: Callable[[], object], given: tuple[str, ...] = ()) -> Iterator[Objection]:
    """The fault of the job's that a judge finds, as an objection."""
    try:
        judge()
    except JobFault as fault:
        yield Objection(at=at, what=fault.brief, hint=fault.hint, given=given)
