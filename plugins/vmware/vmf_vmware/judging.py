"""Whether a machine can be made here at all, judged without a host."""

from __future__ import annotations

from vmf.model import Machine
from vmf_vmware import hardware, lines


def check(machine: Machine) -> None:
    """See that a machine is one that this hypervisor can make.

    Raises:
        JobFault: if it is not.
    """
    hardware.check(machine)
    lines.check(lines.block(machine).vmx)
