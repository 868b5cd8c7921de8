"""Judging jobs that nothing but Xen may run, by the code that describes their machines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from vmf.blueprint import unplaced
from vmf.model import Job, NetworkType
from vmf.rules import Objection
from vmf_libvirt import judging
from vmf_xen.abilities import ABILITIES
from vmf_xen.domain import check
from vmf_xen.drives import checked
from vmf_xen.settings import TYPE, mode


def unmade(job: Job) -> Iterator[Objection]:
    """What a job has of drives that Xen has not; if of none, what its machine has of whatever else."""
    chosen = mode(job)
    machine = unplaced(job, type_=TYPE, network=NetworkType.NAT, abilities=ABILITIES)
    return judging.unmade(job, machine, partial(checked, mode=chosen), partial(check, mode=chosen))
