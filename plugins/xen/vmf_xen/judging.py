"""Judging jobs that nothing but Xen may run, by the code that describes their machines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from vmf.blueprint import unplaced
from vmf.model import Job, NetworkType
from vmf.rules import Objection
from vmf_libvirt import judging
from vmf_xen import nics
from vmf_xen.abilities import ABILITIES
from vmf_xen.domain import absent, check
from vmf_xen.drives import checked
from vmf_xen.settings import TYPE, mode


def unmade(job: Job) -> Iterator[Objection]:
    """What a job asks for that Xen has not; if of nothing, why its machine as a whole cannot be made."""
    chosen = mode(job)
    machine = unplaced(job, type_=TYPE, network=NetworkType.NAT, abilities=ABILITIES)
    card = () if machine.nic is None else nics.wrong(machine.nic, chosen, None)
    whole = partial(check, mode=chosen)
    return judging.unmade(job, machine, partial(checked, mode=chosen), whole, (*absent(machine), *card))
