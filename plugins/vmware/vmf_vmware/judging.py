"""Whether a machine can be made here at all, judged without a host."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from vmf.blueprint import unplaced
from vmf.errors import JobFault
from vmf.model import Job, Machine, NetworkType, Transport
from vmf.rules import Objection
from vmf_vmware import hardware, lines
from vmf_vmware.abilities import ABILITIES
from vmf_vmware.settings import TYPE


def check(machine: Machine) -> None:
    """See that a machine is one that this hypervisor can make.

    Raises:
        JobFault: if it is not.
    """
    hardware.check(machine)
    lines.check(lines.block(machine).vmx)


def unmade(job: Job) -> Iterator[Objection]:
    """What of a job's machine cannot be made; of its lines others tell."""
    machine = unplaced(job, type_=TYPE, network=NetworkType.NAT, abilities=ABILITIES, transport=Transport.API)
    try:
        hardware.check(replace(machine, settings={**machine.settings, "vmx": {}}))
    except JobFault as fault:
        yield Objection(at=("disks",), what=fault.brief, hint=fault.hint, given=("image",))
