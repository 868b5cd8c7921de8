"""The hooks of hypervisor type `vmware`: the words of its specs, and their rules. No machine is made yet."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from vmf.hookspecs import API, HypervisorType, hookimpl
from vmf.rules import Check
from vmf_vmware.settings import VmwareHost, VmwareJob


@hookimpl
def hypervisor() -> HypervisorType:
    """Say what this plugin is."""
    return HypervisorType(
        type="vmware", api=API, version=version("vmf-vmware"), settings=VmwareHost, job_settings=VmwareJob
    )


@hookimpl
def lint() -> tuple[Check[Any], ...]:
    """Hold jobs to the rules of this type."""
    from vmf_vmware.rules import CHECKS  # noqa: PLC0415  # slow to import, and only lint asks

    return CHECKS
