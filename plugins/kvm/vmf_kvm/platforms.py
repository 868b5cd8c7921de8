"""What a guest's memory is made on, and whether it can go on upon this host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from vmf.errors import HoldCode, JobFault
from vmf.model import Platform
from vmf_kvm.domain import KINDS
from vmf_kvm.settings import TYPE
from vmf_libvirt import ground
from vmf_libvirt.client import Client
from vmf_libvirt.described import machine_types, tree, version
from vmf_libvirt.ground import Ground

CPUINFO = Path("/proc/cpuinfo")
ACCELERATORS: Mapping[str, str] = MappingProxyType({kind.type: name for name, kind in KINDS.items()})
EMULATED = frozenset({"tcg"})
"""The accelerators whose guests never meet their host's processors."""


def check(client: Client, kept: Platform, accelerator: str, vendor: str) -> None:
    """See that a machine with this accelerator, on a host with processors by `vendor`, can go on from such memory.

    Raises:
        HostFault: if it cannot.
    """
    here = Ground(
        type=TYPE,
        name="QEMU",
        accelerator=accelerator,
        version=version(client.versions()["qemu"]),
        vendor=_met(accelerator, vendor),
        machines=machine_types(client.capabilities()),
    )
    ground.check(kept, here)


def made_on(client: Client, description: str, vendor: str) -> Platform:
    """What the memory of a machine is made on, as libvirt describes it; `vendor` made the processors of its host.

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
        vendor=_met(accelerator, vendor),
    )


def vendor() -> str:
    """Who made the processors of this computer, as they say it; empty: they do not."""
    return said("vendor_id")


def said(name: str, cpuinfo: Path = CPUINFO) -> str:
    """What the kernel says of the first processor; those beyond it are not even read."""
    with cpuinfo.open() as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _met(accelerator: str, vendor: str) -> str:
    return "" if accelerator in EMULATED else vendor
