"""How a job's machine begins: awake, from the memory that a golden image has, or by booting."""

from __future__ import annotations

from msgspec.structs import replace

from vmf import plan
from vmf.disks import images
from vmf.errors import JobFault
from vmf.model import Beginning, Disk, DiskFormat, Image, Placement, Warm
from vmf.plugins import Plugins
from vmf.store import Record

NOTHING = "no golden image has memory for it"
"""Why most jobs boot."""


def beginning(placement: Placement, warm: Warm | None, *, name: str, token: str, plugins: Plugins) -> Beginning:
    """How the machine of a placement begins, as far as that is known before it is tried.

    `warm` is the memory that there is for its job, `name` and `token` are those of `plan.blueprint`.
    """
    if warm is None:
        return Beginning(why=NOTHING)
    placed = replace(placement, job=plan.upon(placement.job, warm.disks))
    machine, _ = plugins.amend(placed, plan.blueprint(placed, name, token=token))
    if why := plan.obstacle(placed, machine, warm):
        return Beginning(why=why)
    try:
        images.check_roots((warm.memory.file, warm.state.file, *placed.job.vetted_files), placed.host)
        plugins.review(placed, plan.waking(machine, warm))
    except JobFault as fault:
        return Beginning(why=fault.brief)
    return Beginning(golden=warm.golden)


def begun(record: Record, how: Beginning) -> Record:
    """The record of a job whose machine begins so: upon the disks that go with the memory, or those that it boots."""
    warm = warm_of(record)
    return replace(_upon(record, warm.disks if how.golden else warm.cold), beginning=how) if warm else record


def anew(record: Record) -> Record:
    """The record of a job for which a host is looked for: unless there is something to go on from, it may well boot."""
    warm = warm_of(record)
    return record if warm is None or record.kept or record.placement else _upon(record, warm.cold)


def woken(record: Record) -> Warm | None:
    """The memory that the job's guest wakes from, or woke from; None: it boots."""
    return warm_of(record) if record.beginning and record.beginning.golden else None


def warm_of(record: Record) -> Warm | None:
    """The memory that there is for a job."""
    return record.ground.warm if record.ground else None


def check(warm: Warm, checksum: images.Sum) -> None:
    """See that the memory is what was kept.

    Raises:
        JobFault: if it is not.
    """
    files = (Disk(file=each.file, format=DiskFormat.RAW, sha256=each.sha256) for each in (warm.memory, warm.state))
    images.verify_image(Image(name="memory", disks=tuple(files)), checksum=checksum)


def _upon(record: Record, disks: tuple[Disk, ...]) -> Record:
    job, placement = plan.upon(record.job, disks), record.placement
    return replace(record, job=job, placement=replace(placement, job=job) if placement else None)
