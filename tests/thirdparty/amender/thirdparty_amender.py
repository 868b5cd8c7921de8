"""Gives every machine a kernel parameter that a site wants to see."""

from __future__ import annotations

from msgspec.structs import replace

from vmf.hookspecs import hookimpl
from vmf.model import Machine


@hookimpl
def amend(machine: Machine) -> Machine:
    """Add the parameter."""
    return replace(machine, kernel_parameters=f"{machine.kernel_parameters} site=thirdparty".strip())
