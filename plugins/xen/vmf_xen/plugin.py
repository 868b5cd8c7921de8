"""The hooks of hypervisor type `xen`: the words of its specs, and their rules. No machine is made yet."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from vmf.hookspecs import API, HypervisorType, hookimpl
from vmf.rules import Check
from vmf_xen.settings import XenHost, XenJob


@hookimpl
def hypervisor() -> HypervisorType:
    """Say what this plugin is."""
    return HypervisorType(type="xen", api=API, version=version("vmf-xen"), settings=XenHost, job_settings=XenJob)


@hookimpl
def lint() -> tuple[Check[Any], ...]:
    """Hold jobs to the rules of this type."""
    from vmf_xen.rules import CHECKS  # noqa: PLC0415  # slow to import, and only lint asks

    return CHECKS
