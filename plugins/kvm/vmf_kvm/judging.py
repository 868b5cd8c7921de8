"""Judging jobs that nothing but KVM may run, by the code that describes their machines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from vmf.blueprint import unplaced
from vmf.errors import JobFault
from vmf.model import Job, Machine, NetworkType
from vmf.rules import Objection
from vmf_kvm import nics
from vmf_kvm.abilities import ABILITIES
from vmf_kvm.domain import check
from vmf_kvm.drives import checked, renamed
from vmf_kvm.settings import TYPE
from vmf_libvirt import judging


def unattachable(job: Job) -> Iterator[Objection]:
    """What a job has of such drives; if of none, what its machine has."""
    return judging.unmade(job, _machine(job), checked, check)


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
            yield from judging.objections(at, partial(nics.check_port, each.host_port))


def _machine(job: Job) -> Machine:
    # a card of type user takes no slot that a disk could have
    return unplaced(job, type_=TYPE, network=NetworkType.USER, abilities=ABILITIES)
