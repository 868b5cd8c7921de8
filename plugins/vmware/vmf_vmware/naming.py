"""What the files of a machine are called on its host, and which of those that are put stay on this computer. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from vmf.blueprint import INITRD, KERNEL, RESULTS
from vmf.model import Access, Machine
from vmf_vmware.descriptor import FLAT

CONSOLE = "console.log"
BOOT = "boot.iso"
"""The disc that boots a kernel."""
MEMORY = "memory"
"""What the engine calls the memory that a machine goes on from."""
STATES: Mapping[str, str] = MappingProxyType({"state": "memory.vmss", "memory": "memory.vmem"})
"""What that consists of: what its devices hold, and the memory itself; and what VMware has each in."""
NVRAM = "nvram"
"""What the engine calls what the firmware keeps."""
_DISK = re.compile(r"image[0-9]{1,3}")
_LAYER = re.compile(r"disk[0-9]{1,3}\.[0-9]{1,3}")


class Kind(Enum):
    """What becomes of a file that is put into a machine's folder."""

    KEPT = "kept"
    """It stays on this computer until the machine is made: the host has no use for it as it is."""
    DISK = "disk"
    """A disk, which is flat on the host, with a descriptor beside it."""
    MEMORY = "memory"
    NVRAM = "nvram"
    DISC = "disc"


def kind(name: str) -> Kind:
    """What becomes of a file of this name."""
    if name in {KERNEL, INITRD} or _LAYER.fullmatch(name):
        return Kind.KEPT
    if name == RESULTS or _DISK.fullmatch(name):
        return Kind.DISK
    return {MEMORY: Kind.MEMORY, NVRAM: Kind.NVRAM}.get(name, Kind.DISC)


def stored(name: str) -> str:
    """What a file is called on the host that is put there under this name; of a disk, the descriptor."""
    return descriptor(name) if kind(name) is Kind.DISK else f"{name}.iso"


def descriptor(stem: str) -> str:
    """What the descriptor of a disk is called."""
    return f"{stem}.vmdk"


def flat(stem: str) -> str:
    """What the file with a flat disk's data is called."""
    return f"{stem}{FLAT}"


def overlay(number: int) -> str:
    """What is told of a disk's changes by."""
    return f"disk{number}"


def foreign(number: int) -> str:
    """The stem of a disk of a folder that VMware kept, counted by itself."""
    return f"vmx{number}"


def firmware(called: str) -> str:
    """What VMware has in a file of what a machine's firmware keeps, by what that is called in the inventory."""
    return f"{called}.nvram"


def own(machine: Machine, number: int) -> str | None:
    """The stem of the machine's own copy of a disk; None: it uses the very disk that is on the host."""
    disk = machine.disks[number]
    if not disk.file.startswith("/"):
        return overlay(number) if machine.restored else disk.file
    return overlay(number) if disk.access is Access.SNAPSHOT else None
