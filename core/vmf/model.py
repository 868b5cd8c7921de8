"""The nouns: frozen values that say what is wanted, what is offered, and what is.

Sizes are bytes, times are seconds, paths are absolute. A field's sentence is its documentation everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct

API_VERSION = "vmf/v1"
NAME = r"^(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]{0,62}(?!\n)$"
GUEST_PATH = r"^(?![/-])(?!(?:.*/)?\.{1,2}(?:/|$))[^\x00-\x1f\x7f]{1,200}$"
ATTRIBUTE = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
TINY = "tiny"
"""The image in the warehouse that proves an accelerator and runs the examples."""
MEBIBYTE = 2**20

Size: TypeAlias = Annotated[int, Meta(ge=MEBIBYTE, le=2**60, extra={"unit": "size"})]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
Expression: TypeAlias = Annotated[str, Meta(extra={"language": "classad"})]
Attributes: TypeAlias = Mapping[Annotated[str, Meta(pattern=ATTRIBUTE)], Expression]


class Home(Struct, frozen=True):
    """The state folder of one user: everything that vmf keeps lies below it, private to its owner."""

    root: Path

    @property
    def store(self) -> Path:
        """The database of jobs, claims and facts."""
        return self.root / "store.db"

    @property
    def images(self) -> Path:
        """The warehouse: images that a job can name."""
        return self.root / "images"

    def job(self, number: int) -> Path:
        """The folder of one job: its lock, log and socket, and the files under construction."""
        return self.root / "jobs" / str(number)

    def host(self, name: str) -> Path:
        """What a hypervisor plugin keeps for one host."""
        return self.root / "hosts" / name


class DiskFormat(StrEnum):
    """How a disk's file is laid out; always stated, never probed."""

    RAW = "raw"
    QCOW2 = "qcow2"


class Disk(Struct, frozen=True, kw_only=True):
    """A disk of an image: used through an overlay, never written."""

    file: Annotated[Path, Meta(description="The disk's file.")]
    format: Annotated[DiskFormat, Meta(description="How the file is laid out.")]
    sha256: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None,
        Meta(description="The file's SHA-256 in hexadecimal, checked before use."),
    ] = None


class Image(Struct, frozen=True, kw_only=True):
    """A bundle that boots on any hypervisor: a kernel with its disks, or disks that boot by themselves."""

    name: Annotated[str, Meta(description="The image's name.", pattern=NAME)]
    kernel: Annotated[Path | None, Meta(description="A Linux kernel to boot directly.")] = None
    initrd: Annotated[Path | None, Meta(description="The initial RAM disk for the kernel.")] = None
    kernel_parameters: Annotated[str, Meta(description="The kernel's command line.", pattern=r"^[^\x00-\x1f]*$")] = ""
    disks: Annotated[tuple[Disk, ...], Meta(description="The disks, in the order that the guest sees them.")] = ()


class Results(Struct, frozen=True, kw_only=True):
    """What comes back from the guest."""

    files: Annotated[
        tuple[Annotated[str, Meta(pattern=GUEST_PATH)], ...],
        Meta(description="Files or folders, relative to where the script runs, to bring back."),
    ] = ()
    folder: Annotated[Path | None, Meta(description="Where results are unpacked; ./NAME.results if not given.")] = None
    size: Annotated[
        Annotated[int, Meta(ge=MEBIBYTE, le=2**40, extra={"unit": "size"})],
        Meta(description="Size of the results volume: the most that can come back."),
    ] = 64 * MEBIBYTE


class Claim(Struct, frozen=True, kw_only=True):
    """What one machine, or all machines of a host together, take of the host."""

    memory: int = 0
    cpus: int = 0
    machines: int = 0

    def __add__(self, other: Claim) -> Claim:
        """Both together."""
        return Claim(
            memory=self.memory + other.memory,
            cpus=self.cpus + other.cpus,
            machines=self.machines + other.machines,
        )


class Job(Struct, frozen=True, kw_only=True):
    """What the user wants run."""

    name: Annotated[str, Meta(description="The job's name, unique among its owner's live jobs.", pattern=NAME)]
    image: Annotated[
        Image, Meta(description="A folder or *.image.yaml, a disk's file, or the name of an image in the warehouse.")
    ]
    memory: Annotated[Size, Meta(description="The guest's memory.")]
    cpus: Annotated[int, Meta(description="The guest's processors.", ge=1, le=1024)] = 1
    disk: Annotated[Size | None, Meta(description="Free disk space that the host must have.")] = None
    type: Annotated[
        str | None, Meta(description="The hypervisor's type, such as kvm; any that matches if not given.")
    ] = None
    requirements: Annotated[
        Expression | None, Meta(description="What the job asks of a host, as a ClassAd expression.")
    ] = None
    rank: Annotated[
        Expression | None, Meta(description="How much the job likes a host, as a ClassAd expression: more is better.")
    ] = None
    attributes: Annotated[
        Attributes, Meta(description="More attributes of the job's ad, name to ClassAd expression.")
    ] = {}
    run: Annotated[
        str | None,
        Meta(description="A shell script for a guest that keeps the guest contract; its exit code is the job's."),
    ] = None
    env: Annotated[
        Mapping[Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Annotated[str, Meta(pattern=r"^[^\x00]*$")]],
        Meta(description="Environment variables for the script."),
    ] = {}
    results: Annotated[Results, Meta(description="What comes back, and where to.")] = Results()

    @property
    def claim(self) -> Claim:
        """What its machine takes of a host: memory in whole MiB, as hosts and ads count it."""
        return Claim(memory=-(-self.memory // MEBIBYTE) * MEBIBYTE, cpus=self.cpus, machines=1)


class Host(Struct, frozen=True, kw_only=True):
    """One hypervisor connection that machines run on, with its policy."""

    name: Annotated[str, Meta(description="The host's name.", pattern=NAME)]
    type: Annotated[str, Meta(description="The hypervisor's type: the plugin that drives it.")]
    memory: Annotated[
        Size | None, Meta(description="Memory for all machines together; what the probe finds if not given.")
    ] = None
    cpus: Annotated[
        Count | None, Meta(description="Processors for all machines together; what the probe finds if not given.")
    ] = None
    machines: Annotated[Count | None, Meta(description="The most machines at once; no limit if not given.")] = None
    disk: Annotated[Size | None, Meta(description="Disk space for a machine; not matched if not given.")] = None
    start: Annotated[Expression | None, Meta(description="What the host asks of a job, as a ClassAd expression.")] = (
        None
    )
    attributes: Annotated[
        Attributes, Meta(description="More attributes of the host's ad, name to ClassAd expression.")
    ] = {}
    settings: Annotated[
        Mapping[str, Any], Meta(description="The block named after the type, in the words of that type's plugin.")
    ] = {}


class Facts(Struct, frozen=True, kw_only=True):
    """What a probe found on a host; the host's ad is made of it."""

    identity: Annotated[str, Meta(description="What these facts hold for; when it changes, the host is probed again.")]
    memory: Annotated[int, Meta(description="Memory of the host in bytes.")]
    cpus: Annotated[int, Meta(description="Processors of the host.")]
    arch: Annotated[str, Meta(description="Processor architecture, such as x86_64.")]
    accelerator: Annotated[str, Meta(description="What runs the guests' instructions: kvm, tcg, …")]
    note: Annotated[str, Meta(description="Why this accelerator and no faster one; empty if it is the fastest.")] = ""
    versions: Annotated[Mapping[str, str], Meta(description="Versions of hypervisor, library and plugin.")] = {}


class Offer(Struct, frozen=True, kw_only=True):
    """A host with what is known of it and what is taken of it: all that a match sees."""

    host: Host
    facts: Facts
    taken: Claim = Claim()
    capabilities: tuple[str, ...] = ()
    """What the host's hypervisor plugin declares that it can."""


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
    kernel_parameters: Annotated[str, Meta(pattern=r"^[^\x00-\x1f]*$")] = ""
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


class Outcome(StrEnum):
    """How a job's last attempt ended."""

    COMPLETED = "completed"
    NEVER_SPOKE = "never-spoke"
    CUT_SHORT = "cut-short"
    UNSAFE_RESULTS = "unsafe-results"
    CRASHED = "crashed"
    KILLED = "killed"
    STOPPED = "stopped"
    JOB_FAULT = "job-fault"
    HOST_FAULT = "host-fault"


class Verdict(Struct, frozen=True, kw_only=True):
    """How an attempt ended."""

    outcome: Outcome
    exit_code: int
    """The guest's, if `source` is guest; else vmf's word, see `vmf.errors.Exit`."""
    source: str
    """`guest` or `vmf`: who chose the exit code."""
    reason: str = ""
    """A sentence, where the outcome alone does not say enough."""
    code: str = ""
    """The hold code, if the job is at fault."""
