"""Gives every machine a kernel parameter that a site wants to see, and forbids machines with a screen."""

from __future__ import annotations

from msgspec.structs import replace

from vmf.errors import Refused
from vmf.hookspecs import hookimpl
from vmf.model import Machine


@hookimpl
def amend(machine: Machine) -> Machine:
    """Add the parameter."""
    return replace(machine, kernel_parameters=f"{machine.kernel_parameters} site=thirdparty".strip())


@hookimpl
def review(machine: Machine) -> None:
    """Forbid screens."""
    if machine.vnc:
        raise Refused("no screens on this site", hint="leave `vnc` out")
