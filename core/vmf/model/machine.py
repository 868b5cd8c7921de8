"""Where a job goes, the machine that it becomes, and what the hypervisor says of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from vmf.model.host import Facts, Host
from vmf.model.image import DiskFormat
from vmf.model.job import Job
from vmf.model.terms import LINE, MEBIBYTE, NAME


class Placement(Struct, frozen=True, kw_only=True):
    """This job on this host, with the reasons."""

    job: Job
    host: Host
    facts: Facts
    reasons: tuple[str, ...]


class MachineDisk(Struct, frozen=True, kw_only=True):
    """A disk of a machine; see `Machine` for what `file` means."""

    file: str
    format: DiskFormat
    overlay: bool = True
    """True: written through an overlay in the machine's folder; False: written in place."""


class Machine(Struct, frozen=True, kw_only=True):
    """A guest to be, in neutral words.

    A file without a slash is one that the engine has put into the machine's own folder on the host; an absolute
    path is a file that is already on the host.
    """

    name: Annotated[str, Meta(pattern=NAME)]
    memory: Annotated[int, Meta(ge=MEBIBYTE)]
    cpus: Annotated[int, Meta(ge=1, le=1024)]
    accelerator: str
    kernel: str | None = None
    initrd: str | None = None
    kernel_parameters: Annotated[str, Meta(pattern=LINE)] = ""
    disks: tuple[MachineDisk, ...] = ()
    cdrom: str | None = None
    results: str | None = None
    """The results volume: a raw disk, written in place, after all other disks."""
    reboots: bool = True
    """False: a reboot ends the machine."""


class Handle(Struct, frozen=True, kw_only=True):
    """Enough to find a machine again after any restart: plain data, versioned."""

    host: str
    machine: str
    version: int = 1
    data: Mapping[str, str] = {}
    """What the plugin adds; `machine` alone must be enough to find it again."""


class Power(StrEnum):
    """What the hypervisor says of a machine, and nothing else."""

    ABSENT = "absent"
    OFF = "off"
    RUNNING = "running"
    PAUSED = "paused"
    UNKNOWN = "unknown"


class Ending(StrEnum):
    """How a machine that is off came to be off."""

    SHUTDOWN = "shutdown"
    CRASHED = "crashed"
    KILLED = "killed"
    UNKNOWN = "unknown"


class MachineState(Struct, frozen=True, kw_only=True):
    """A machine as the hypervisor sees it now."""

    power: Power
    ending: Ending | None = None
    """How it ended; given exactly when `power` is OFF."""
    detail: str = ""


class Stop(StrEnum):
    """How to end a machine."""

    ASK = "ask"
    FORCE = "force"
