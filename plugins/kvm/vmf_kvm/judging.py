"""Judging jobs that nothing but KVM may run, by the code that describes their machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from vmf.ads import At
from vmf.blueprint import FILES, blueprint
from vmf.errors import JobFault
from vmf.model import Facts, Folder, Host, Job, Machine, Networks, NetworkType, Placement
from vmf.rules import Objection
from vmf_kvm import nics
from vmf_kvm.abilities import ABILITIES
from vmf_kvm.domain import check
from vmf_kvm.drives import Media, checked, renamed


def unattachable(job: Job) -> Iterator[Objection]:
    """What a job has of such drives; if of none, what its machine has."""
    machine = _machine(job)
    own = machine.disks[len(machine.disks) - len(job.disks) :]
    drives: list[tuple[At, Media]] = [(("disks", number), disk) for number, disk in enumerate(own)]
    drives += [(("cdrom",), each) for each in machine.cdroms if each.file == FILES]
    alone = [each for at, media in drives for each in _objections(at, partial(checked, media))]
    yield from alone or _objections(("disks",), partial(check, machine), given=("image",))


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
    """What the job becomes on a host that allows everything; its ports are judged by themselves."""
    host = Host(
        name="any",
        type="kvm",
        networks=Networks(default=NetworkType.USER),  # whose card takes no slot that a disk could have
        folders={share.name: Folder(path=Path("/"), write=True) for share in job.shares},
    )
    facts = Facts(identity="any", memory=job.memory, cpus=job.cpus, arch="x86_64", accelerator="tcg")
    place = Placement(job=job, host=host, facts=facts, capabilities=tuple(ABILITIES), reasons=())
    machine = blueprint(place, job.name)
    return replace(machine, nic=machine.nic and replace(machine.nic, forwards=()))


def _objections(at: At, judge: Callable[[], object], given: tuple[str, ...] = ()) -> Iterator[Objection]:
    try:
        judge()
    except JobFault as fault:
        yield Objection(at=at, what=fault.brief, hint=fault.hint, given=given)
