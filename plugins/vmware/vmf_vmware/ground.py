"""What a guest's memory is made on, and whether it can go on upon a host."""

from __future__ import annotations

import re
from collections.abc import Callable

from vmf.errors import HostFault
from vmf.model import Platform
from vmf_vmware.probe import vendor
from vmf_vmware.settings import TYPE
from vmf_vmware.site import Site

_MODEL, _PROMISED, _MAKERS = "summary.hardware.cpuModel", "summary.currentEVCModeKey", "hardware.cpuPkg"
"""Properties of a host: its processors' model, what its cluster promises of them, and each with its maker."""

_UNFIT: tuple[tuple[Callable[[Platform, Platform], bool], str], ...] = (
    (lambda kept, here: kept.type != here.type, "it was made by type {kept.type}"),
    (lambda kept, here: kept.vendor != here.vendor, "its processors were by {kept.vendor}, these are by {here.vendor}"),
    (lambda kept, here: kept.cpu != here.cpu, "its processors were {kept.cpu}, these are {here.cpu}"),
    (
        lambda kept, here: _numbers(kept.version) > _numbers(here.version),
        "it was made by vSphere {kept.version}, this is {here.version}",
    ),
    (lambda kept, here: kept.machine != here.machine, "this host makes no machine of version {kept.machine}"),
)


def platform(site: Site, machine: str) -> Platform:
    """What the memory of a machine that is there is made on.

    The processor is the one that the cluster promises to all of its hosts' machines (EVC), or the host's own.
    """
    session = site.session
    found = session.machines.look(machine, "config.version", "runtime.host") or {}
    host = found.get("runtime.host")
    known = session.read(host, _MODEL, _PROMISED, _MAKERS) if host else {}
    return Platform(
        type=TYPE,
        accelerator=TYPE,
        version=session.about.get("version", ""),
        machine=found.get("config.version", ""),
        cpu=known.get(_PROMISED) or known.get(_MODEL, ""),
        vendor=vendor([known]),
    )


def check(kept: Platform, here: Platform) -> None:
    """See that memory that was made on one platform can go on upon another.

    Raises:
        HostFault: if it cannot.
    """
    for is_unfit, reason in _UNFIT:
        if is_unfit(kept, here):
            words = f"the guest's memory does not fit this host: {reason.format(kept=kept, here=here)}"
            raise HostFault(words, hint="the job goes on upon a host like the one that it was on")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]{1,9}", version)))
