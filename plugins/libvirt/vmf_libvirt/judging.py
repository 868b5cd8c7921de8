"""Judging jobs that only one type of hypervisor may run, by the code that describes their machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias

from msgspec.structs import replace

from vmf.ads import At
from vmf.blueprint import FILES, brought
from vmf.errors import JobFault
from vmf.model import Job, Machine, MachineCdrom, MachineDisk, Placement
from vmf.rules import Objection

Media: TypeAlias = MachineDisk | MachineCdrom


def named(placement: Placement, made: Machine) -> Machine:
    """The machine with its disks called as the job's owner knows them, wherever they lie on the host."""
    paths = {name: str(file.path) for name, file in brought(placement.job, placement.host).items()}
    return replace(made, disks=tuple(replace(disk, file=paths.get(disk.file, disk.file)) for disk in made.disks))


def unmade(
    job: Job,
    made: Machine,
    checked: Callable[[Media], object],
    check: Callable[[Machine], object],
    known: Iterable[Objection] = (),
) -> Iterator[Objection]:
    """What is known to be wrong, and what is with each drive that the job itself names.

    If nothing is, what is wrong with its whole machine, the most of which is its disks.
    """
    own = made.disks[len(made.disks) - len(job.disks) :]
    drives: list[tuple[At, Media]] = [(("disks", number), disk) for number, disk in enumerate(own)]
    drives += [(("cdrom",), each) for each in made.cdroms if each.file == FILES]
    alone = [*known, *(each for at, media in drives for each in objections(at, partial(checked, media)))]
    yield from alone or objections(("disks",), partial(check, made), given=("image",))


def objections(at: At, judge: Callable[[], object], given: tuple[str, ...] = ()) -> Iterator[Objection]:
    """The fault of the job's that a judge finds, as an objection."""
    try:
        judge()
    except JobFault as fault:
        yield Objection(at=at, what=fault.brief, hint=fault.hint, given=given)
