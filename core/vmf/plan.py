"""What would be done, as data, each line with its reason. Pure: nothing is touched.

`plan` gives each job a place and takes its share of the host; `blueprint` says what machine a placement becomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from vmf.ads import host_ad, job_ad
from vmf.classad import World
from vmf.match import Match, Matches, Rejection, Seeker, ranked
from vmf.model import Job, Machine, MachineDisk, Offer, Placement, ResultDisks
from vmf.units import format_count, format_size

KERNEL, INITRD, CDROM, RESULTS = "kernel", "initrd", "cdrom", "results"
"""Names of the files that are put into a machine's folder."""


class Unplaced(Struct, frozen=True, kw_only=True):
    """A job without a place now, and what each host objects to."""

    job: Job
    rejected: tuple[Rejection, ...]
    hopeless: bool


class Line(Struct, frozen=True, kw_only=True):
    """One thing that would be done."""

    what: str
    how: str
    why: str


def plan(jobs: Sequence[Job], offers: Sequence[Offer | Rejection], *, world: World) -> tuple[Placement | Unplaced, ...]:
    """Place the jobs in their order, each taking its share of what those before it left.

    Expressions see the hosts as they are at the beginning; only room is counted as places are taken.
    """
    from vmf.match.pool import Pool  # noqa: PLC0415  # numpy is slow to import, and a run needs none
    from vmf.match.resources import COST, RESOURCES  # noqa: PLC0415  # as above

    now = sorted((each for each in offers if isinstance(each, Offer)), key=lambda offer: offer.host.name)
    out = tuple(each for each in offers if isinstance(each, Rejection))
    ads = [host_ad(offer) for offer in now]
    places = Pool(ads, world=world).place([job_ad(job) for job in jobs], RESOURCES, cost=COST)
    planned: list[Placement | Unplaced] = []
    for job, chosen in zip(jobs, places.tolist(), strict=True):
        seeker = Seeker(job, world)
        found: Iterable[Match | Rejection]
        if chosen < 0:
            found = (_without(seeker.judge(offer, ad)) for offer, ad in zip(now, ads, strict=True))
        else:
            found = (seeker.judge(now[chosen], ads[chosen]),)
            now[chosen] = replace(now[chosen], taken=now[chosen].taken + job.claim)
        planned.append(place(job, ranked((*found, *out))))
    return tuple(planned)


def _without(found: Match | Rejection) -> Rejection:
    """Why a host has no place for a job; one that would have, but for the plan's other jobs, has that of its name."""
    if isinstance(found, Rejection):
        return found
    reason = "another job of this plan has the MAC address there"
    return Rejection(host=found.offer.host.name, clause="MAC address", reason=reason, passing=True)


def place(job: Job, matches: Matches) -> Placement | Unplaced:
    """Take the best host that fits."""
    if not matches.fitting:
        return Unplaced(job=job, rejected=matches.rejected, hopeless=matches.hopeless)
    best = matches.fitting[0]
    return Placement(job=job, host=best.offer.host, facts=best.offer.facts, reasons=best.reasons)


def blueprint(placement: Placement, name: str) -> Machine:
    """The machine, called `name`, that a placement becomes."""
    job, image = placement.job, placement.job.bundle
    return Machine(
        name=name,
        memory=job.memory,
        cpus=job.cpus,
        accelerator=placement.facts.accelerator,
        kernel=KERNEL if image.kernel else None,
        initrd=INITRD if image.initrd else None,
        kernel_parameters=image.kernel_parameters,
        disks=tuple(MachineDisk(file=str(disk.file.path), format=disk.layout) for disk in image.disks),
        cdrom=None if job.run is None else CDROM,
        results=None if job.run is None else RESULTS,
        reboots=job.run is None,  # a job with a script is not run twice
    )


def explain(placement: Placement, machine: Machine, amended: Sequence[str] = ()) -> tuple[Line, ...]:
    """The plan of one job as lines for a reader."""
    job, image, facts = placement.job, placement.job.bundle, placement.facts
    boot = f"kernel {image.kernel}" if image.kernel else "the first disk"
    lines = [
        Line(what="host", how=placement.host.name, why="; ".join(placement.reasons)),
        Line(what="accelerator", how=machine.accelerator, why=facts.note or "the fastest that the host has proved"),
        Line(
            what="machine",
            how=f"{format_size(machine.memory)}, {format_count(machine.cpus, 'cpu')}",
            why="the job says so",
        ),
        Line(what="boot", how=boot, why=f"image {job.image.name}" if job.image else "the job says so"),
        *_command_line(job),
        *(
            Line(
                what=f"disk {number}", how=f"overlay over {disk.file} ({disk.layout})", why="originals stay as they are"
            )
            for number, disk in enumerate(image.disks)
        ),
        *_exchange(job),
        *_idle_blocks(placement),
    ]
    if amended:
        changes = "; ".join(_changes(blueprint(placement, machine.name), machine))
        lines.append(Line(what="amended", how=changes, why=f"plugins changed the machine: {', '.join(amended)}"))
    return tuple(lines)


def _command_line(job: Job) -> Iterator[Line]:
    """What the kernel is told; one that is in a disk is told by the boot loader there."""
    if job.bundle.kernel and job.bundle.kernel_parameters:
        image = f"image {job.image.name}" if job.image and job.image.kernel_parameters else ""
        whose = [each for each in (image, "the job" if job.boot.root or job.boot.parameters else "") if each]
        why = f"the words of {' and '.join(whose)}"
        yield Line(what="command line", how=job.bundle.kernel_parameters, why=why)


def _idle_blocks(placement: Placement) -> Iterator[Line]:
    """The job's blocks that other hypervisors would read."""
    for name in sorted(placement.job.settings.keys() - {placement.host.type}):
        how = f"does not count on a host of type {placement.host.type}"
        yield Line(what=f"block {name}", how=how, why="a hypervisor reads the block of its own type only")


def _changes(before: Machine, after: Machine) -> Iterator[str]:
    """What is different, as it is now."""
    for name in after.__struct_fields__:
        if getattr(after, name) != getattr(before, name):
            yield f"{name.replace('_', ' ')}: {getattr(after, name)}"


_DISKS = {ResultDisks.CHANGED: "changed disks", ResultDisks.WHOLE: "whole disks", ResultDisks.NONE: ""}


def _exchange(job: Job) -> tuple[Line, ...]:
    disks = _DISKS[job.result_disks]
    if job.run is None:
        how = disks or "the console only"
        return (Line(what="results", how=how, why="the job gives no script; its end is its shutdown"),)
    wanted = ", ".join(each for each in (*job.results.files, disks) if each) or "exit code and console only"
    folder = job.results.folder or f"./{job.name}.results"
    return (
        Line(
            what="cdrom",
            how=f"the script and {format_count(len(job.env), 'variable')}",
            why="the guest contract's input",
        ),
        Line(what="results", how=f"{wanted}, into {folder}", why=f"a volume of {format_size(job.results.size)}"),
    )
