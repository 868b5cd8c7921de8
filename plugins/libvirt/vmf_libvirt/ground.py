"""What guests' memory is made on, and whether it can go on upon a host. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from msgspec import Struct

from vmf.errors import HostFault
from vmf.model import Platform


class Ground(Struct, frozen=True, kw_only=True):
    """What a host has that guests' memory is made on."""

    type: str
    """The hypervisor's, as hosts have it."""
    name: str
    """What people call it."""
    accelerator: str
    version: str
    """The hypervisor's."""
    vendor: str
    """Who made the processors that guests meet; empty: they are emulated."""
    machines: Collection[str]
    """The types of machine that it knows, in its exact words."""


_UNFIT: tuple[tuple[Callable[[Platform, Ground], bool], str], ...] = (
    (lambda kept, here: kept.type != here.type, "it was made by type {kept.type}"),
    (lambda kept, here: kept.accelerator != here.accelerator, "it was made by {kept.accelerator}"),
    (
        lambda kept, here: kept.vendor != here.vendor,
        "it was made on processors by {kept.vendor}, these are {here.vendor}",
    ),
    (
        lambda kept, here: _numbers(kept.version) > _numbers(here.version),
        "it was made by {here.name} {kept.version}, this is {here.version}",
    ),
    (lambda kept, here: kept.machine not in here.machines, "this {here.name} knows no machine of type {kept.machine}"),
)


def check(kept: Platform, here: Ground) -> None:
    """See that memory that was made on this platform can go on here.

    Raises:
        HostFault: if it cannot.
    """
    for is_unfit, reason in _UNFIT:
        if is_unfit(kept, here):
            words = f"the guest's memory does not fit this host: {reason.format(kept=kept, here=here)}"
            raise HostFault(words, hint="the job goes on upon a host like the one that it was on")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]{1,9}", version)))
