"""What a hypervisor takes of a machine, so that it can go on elsewhere, and what another one goes on from."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from vmf.model.terms import SHA256


class Why(StrEnum):
    """Why a checkpoint is taken."""

    OWNER = "owner"
    PERIOD = "period"


class Gap(Struct, frozen=True, kw_only=True):
    """A stretch of time that a guest has not seen."""

    seconds: float
    checkpoint: int | None = None
    """The one that it went on from; None: it was suspended."""
    clock_set: bool = False
    """Whether the guest's clock was put right; else it was left to the guest."""


class Platform(Struct, frozen=True, kw_only=True):
    """What a machine's memory was made on: it is restored on the like only."""

    type: str
    """The hypervisor's."""
    accelerator: str
    version: str
    """The hypervisor's own, as its host's facts say it."""
    machine: str
    """The type of machine, in the hypervisor's exact word."""
    cpu: str
    """The model of processor that the guest sees: a named one, never that of a host."""
    vendor: str = ""
    """Who made the processors of its host, as those say it; empty: the guest never meets them, they are emulated."""


class Kept(Struct, frozen=True, kw_only=True):
    """A checkpoint that is complete."""

    number: int
    """No other of the job's has it."""
    sha256: Annotated[str, Meta(pattern=SHA256)]
    """Of its manifest, which has those of all its files."""
    at: float
    """Seconds since 1970."""
    size: int
    """Bytes of its files."""
    stopped: float
    """Seconds that the guest stood still for it."""
    platform: Platform


class Snapshot(Struct, frozen=True, kw_only=True):
    """A machine at one instant: files of its folder on the host, which stay as they are until it is folded."""

    platform: Platform
    stopped: float
    """Seconds that the guest stood still for it."""
    said: int | None = None
    """Bytes that the guest had written to its console by then; None: nobody knows."""
    memory: str
    results: str = ""
    """The results volume; empty: there is none."""
    nvram: str = ""
    """What its firmware keeps; empty: nothing."""
    media: Mapping[int, str] = {}
    """Number of a CD-ROM drive with a disc in it, from 0, to the disc's file: other ones than at first, if they were
    changed. Whoever goes on from here has the same discs in `Machine.cdroms`."""
    layers: Mapping[int, tuple[str, ...]] = {}
    """Number of a disk with an overlay, to the files that hold what the guest changed: each lies on the one before it,
    the first on the disk itself. The last has all that was changed since the snapshot before. Those below it may be one
    by now, since they can be folded, or as many as there were snapshots, where they cannot while the guest runs."""


class Restored(Struct, frozen=True, kw_only=True):
    """What a machine goes on from: the files of a snapshot, put into its folder; see `Snapshot`."""

    platform: Platform
    memory: str
    nvram: str = ""
    layers: Mapping[int, tuple[str, ...]] = {}
