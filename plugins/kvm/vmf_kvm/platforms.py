"""What a guest's memory is made on, and whether it can go on upon this host."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Platform
from vmf_kvm.domain import KINDS
from vmf_kvm.settings import TYPE
from vmf_libvirt.client import Client
from vmf_libvirt.described import machine_types, tree, version

CPUINFO = Path("/proc/cpuinfo")
ACCELERATORS: Mapping[str, str] = MappingProxyType({kind.type: name for name, kind in KINDS.items()})
EMULATED = frozenset({"tcg"})
"""The accelerators whose guests never meet their host's processors."""


class Ground(Struct, frozen=True, kw_only=True):
    """What a host has that guests' memory is made on."""

    accelerator: str
    version: str
    """QEMU's."""
    vendor: str
    """Who made the processors that guests meet; empty: they are emulated."""
    machines: Collection[str]
    """The types of machine that QEMU knows, in its exact words."""


_UNFIT: tuple[tuple[Callable[[Platform, Ground], bool], str], ...] = (
    (lambda kept, _: kept.type != TYPE, "it was made by type {kept.type}"),
    (lambda kept, here: kept.accelerator != here.accelerator, "it was made by {kept.accelerator}"),
    (
        lambda kept, here: kept.vendor != here.vendor,
        "it was made on processors by {kept.vendor}, these are {here.vendor}",
    ),
    (
        lambda kept, here: _numbers(kept.version) > _numbers(here.version),
        "it was made by QEMU {kept.version}, this is {here.version}",
    ),
    (lambda kept, here: kept.machine not in here.machines, "this QEMU knows no machine of type {kept.machine}"),
)


def check(client: Client, kept: Platform, accelerator: str) -> None:
    """See that a machine here, with this accelerator, can go on from memory that was made there.

    Raises:
        HostFault: if it cannot.
    """
    here = Ground(
        accelerator=accelerator,
        version=version(client.versions()["qemu"]),
        vendor=_met(accelerator),
        machines=machine_types(client.capabilities()),
    )
    for is_unfit, reason in _UNFIT:
        if is_unfit(kept, here):
            words = f"the guest's memory does not fit this host: {reason.format(kept=kept, here=here)}"
            raise HostFault(words, hint="the job goes on upon a host like the one that it was on")


def made_on(client: Client, description: str) -> Platform:
    """What the memory of a machine that runs here is made on, as libvirt describes it.

    Raises:
        JobFault: if its processor is that of its host.
    """
    root = tree(description)
    os, cpu = root.find("os/type"), root.findtext("cpu/model")
    if os is None or cpu is None:
        raise JobFault(
            "its processor is its host's, which no other host has",
            code=HoldCode.REFUSED,
            hint="make the machine a portable one",
        )
    accelerator = ACCELERATORS.get(root.get("type", ""), "")
    return Platform(
        type=TYPE,
        accelerator=accelerator,
        version=version(client.versions()["qemu"]),
        machine=os.get("machine", ""),
        cpu=cpu,
        vendor=_met(accelerator),
    )


def vendor() -> str:
    """Who made the processors of this computer, as they say it; empty: they do not."""
    return said("vendor_id")


def said(name: str, cpuinfo: Path = CPUINFO) -> str:
    """What the kernel says of the first processor; those beyond it are not even read."""
    with cpuinfo.open() as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _met(accelerator: str) -> str:
    return "" if accelerator in EMULATED else vendor()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]{1,9}", version)))
