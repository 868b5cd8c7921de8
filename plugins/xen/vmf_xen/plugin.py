"""The hooks of hypervisor type `xen`: the words of its specs. No machine is made yet."""

from __future__ import annotations

from importlib.metadata import version

from vmf.hookspecs import API, HypervisorType, hookimpl
from vmf_xen.settings import XenHost, XenJob


@hookimpl
def hypervisor() -> HypervisorType:
    """Say what this plugin is."""
    return HypervisorType(type="xen", api=API, version=version("vmf-xen"), settings=XenHost, job_settings=XenJob)
