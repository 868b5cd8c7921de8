"""Where a job goes, the machine that it becomes, and what the hypervisor says of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from msgspec import Meta, Struct

from vmf.model.bid import Bid
from vmf.model.checkpoint import Restored
from vmf.model.clone import Equipment, Seat, Wakes
from vmf.model.file import Slice
from vmf.model.host import Facts, Host, Limits
from vmf.model.image import Access, Bus, Disk, DiskFormat, bus_of
from vmf.model.job import Job
from vmf.model.parts import Clock, Firmware, Forward, NetworkType, NicModel, Protocol, Suspend
from vmf.model.terms import LINE, MAC, MEBIBYTE, NAME


class Placement(Struct, frozen=True, kw_only=True):
    """This job on this host, with the reasons."""

    job: Job
    host: Host
    facts: Facts
    capabilities: tuple[str, ...] = ()
    """What the host can, of what not all can."""
    reasons: tuple[str, ...]
    bid: Bid | None = None
    """What the host asks for it; None: nobody has said, as in what an older vmf has kept."""

    def suspend(self, wish: Suspend | None) -> Suspend:
        """How its machine is to be suspended: the host's word, else `wish`, else the job's, else what the host can."""
        words = {True: Suspend.SOFT, False: Suspend.HARD, None: wish or self.job.suspend}
        usual = Suspend.HARD if "soft-suspend" not in self.capabilities else Suspend.SOFT
        return words[self.host.soft_suspend] or usual


class MachineDisk(Struct, frozen=True, kw_only=True):
    """A disk of a machine; see `Machine` for what `file` means."""

    file: str
    format: DiskFormat
    part: Slice | None = None
    """The stretch of the file that is the disk; None: all of it."""
    layers: tuple[str, ...] = ()
    """Full paths of qcow2 files, each with what differs from the one before, the first from `file`. Nobody writes to
    them, and what their headers say of what is beneath is not followed."""
    served: tuple[str, ...] = ()
    """Those of `file` and `layers` that are sockets, at each of which the file is served by NBD, read only."""
    access: Access = Access.SNAPSHOT
    bus: Bus | None = None
    """None: the host's best."""
    device: str | None = None
    """The guest's name for it; None: the next one of its bus."""
    growth: int | None = None
    """The most bytes that its overlay may take on the host; None: no limit."""

    @property
    def top(self) -> str:
        """The file that an overlay over the disk lies on."""
        return self.layers[-1] if self.layers else self.file

    @property
    def top_format(self) -> DiskFormat:
        """How that one is laid out."""
        return DiskFormat.QCOW2 if self.layers else self.format

    @classmethod
    def of(cls, disk: Disk, *, growth: int | None = None) -> Self:
        """What a disk that a job names becomes; `growth` bounds its overlay, if it has one."""
        return cls(
            file=str(disk.file.path),
            part=disk.file.part,
            format=disk.layout,
            layers=tuple(str(layer.file.path) for layer in disk.layers),
            served=tuple(str(file.path) for file in disk.files if file.served),
            access=disk.access,
            bus=disk.bus or bus_of(disk.device),
            device=disk.device,
            growth=growth if disk.access is Access.SNAPSHOT else None,
        )


class MachineCdrom(Struct, frozen=True, kw_only=True):
    """A CD-ROM drive of a machine; see `Machine` for what `file` means."""

    file: str | None = None
    """None: the drive is empty."""
    bus: Bus | None = None
    """None: the host's best."""
    device: str | None = None


class MachineNic(Struct, frozen=True, kw_only=True):
    """A machine's network card."""

    type: NetworkType
    """What it is connected to: nat, bridge or user."""
    mac: Annotated[str, Meta(pattern=MAC)]
    model: NicModel | None = None
    """None: the host's best."""
    forwards: tuple[Forward, ...] = ()
    bridge: str | None = None
    """The bridge's name, for type bridge."""
    outside: bool = False
    """Type user: whether the guest reaches what is beyond this computer."""
    together: bool = False
    """Types nat and bridge: whether machines reach each other."""


class MachineShare(Struct, frozen=True, kw_only=True):
    """A folder of the host that the guest can mount."""

    name: str
    """What the guest mounts it by."""
    folder: str
    """Its full path on the host."""
    write: bool = False


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
    firmware: Firmware | None = None
    """None: the host's usual one."""
    clock: Clock = Clock.UTC
    disks: tuple[MachineDisk, ...] = ()
    results: MachineDisk | None = None
    """The results volume: raw, written in place, after all other disks."""
    cdroms: tuple[MachineCdrom, ...] = ()
    """The guest contract's first, where there is one."""
    nic: MachineNic | None = None
    shares: tuple[MachineShare, ...] = ()
    agent: bool = False
    """Whether its guest runs the QEMU guest agent."""
    vnc: bool = False
    """Whether it has a screen."""
    limits: Limits = Limits()
    reboots: bool = True
    """False: a reboot ends the machine."""
    portable: bool = False
    """Whether snapshots are taken of it: its processor is then one that other hosts have."""
    settings: Mapping[str, Any] = {}
    """The job's block for the host's type, in the words of that type's plugin."""
    restored: Restored | None = None
    """What it goes on from; None: it begins."""
    template: bool = False
    """Whether it is made to be imprinted: its memory is a file, it has neither card, shared folders nor results volume,
    and its CD-ROM drives are empty. Its guest can see that it is one, and waits for its disc without an end."""
    wakes: Wakes | None = None
    """What it wakes from; None: it boots. With `restored` as well it goes on from that, and is built like one that
    woke: as its first life was."""

    @property
    def equipment(self) -> Equipment:
        """What it has in common with the template that it can wake from, and with all others that do."""
        return Equipment(
            memory=self.memory,
            cpus=self.cpus,
            firmware=self.firmware,
            clock=self.clock,
            disks=tuple(
                Seat(bus=disk.bus, device=disk.device, writable=disk.access is not Access.READ) for disk in self.disks
            ),
            cdroms=tuple(Seat(bus=drive.bus, device=drive.device, writable=False) for drive in self.cdroms),
            agent=self.agent,
            vnc=self.vnc,
        )


class Address(Struct, frozen=True, kw_only=True):
    """Where a port of a guest can be reached."""

    port: int
    """The guest's."""
    protocol: Protocol
    host: str
    """An address of the host."""
    host_port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.host_port}->{self.port}/{self.protocol}"


class MachineFacts(Struct, frozen=True, kw_only=True):
    """What a hypervisor knows of a machine that runs."""

    addresses: tuple[str, ...] = ()
    """The guest's IP addresses, as far as they can be learnt."""
    forwards: tuple[Address, ...] = ()
    screen: str = ""
    """How its screen is reached, such as a socket's path; empty if it has none."""
    cpu_seconds: float = 0.0
    """Processor time that it has used."""
    memory: int = 0
    """Bytes of the host's memory that it takes."""
    disks: Mapping[str, int] = {}
    """`disk0`, …: bytes that its overlays take on the host."""

    @property
    def reached(self) -> str:
        """The guest's addresses and the ports that are forwarded to it, in a few words; empty if none is known."""
        return ", ".join((*self.addresses, *map(str, self.forwards)))


class Handle(Struct, frozen=True, kw_only=True):
    """Enough to find a machine again after any restart: plain data, versioned."""

    host: str
    machine: str
    version: int = 1
    data: Mapping[str, str] = {}
    """What the plugin adds; `machine` alone must be enough to find it again."""


class Power(StrEnum):
    """What the hypervisor says of a machine, and nothing else.

    A machine that is SAVED has its memory in a file on its host, and takes neither memory nor processors there.
    """

    ABSENT = "absent"
    OFF = "off"
    RUNNING = "running"
    PAUSED = "paused"
    SAVED = "saved"
    UNKNOWN = "unknown"


ALIVE = frozenset({Power.RUNNING, Power.PAUSED})
"""The states of a machine whose guest has its memory."""


class Ending(StrEnum):
    """How a machine that is off came to be off."""

    SHUTDOWN = "shutdown"
    REBOOTED = "rebooted"
    """Its guest rebooted, and it may not."""
    PANICKED = "panicked"
    """Its guest's kernel gave up."""
    CRASHED = "crashed"
    """Its hypervisor's process died."""
    KILLED = "killed"
    """Somebody ended it through the hypervisor."""
    UNKNOWN = "unknown"


class MachineState(Struct, frozen=True, kw_only=True):
    """A machine as the hypervisor sees it now."""

    power: Power
    ending: Ending | None = None
    """How it ended; given exactly when `power` is OFF."""
    detail: str = ""
    limit: str = ""
    """Which of its own limits a machine has reached that is PAUSED for ever; empty: none."""
    starved: bool = False
    """Whether a machine that is PAUSED could not read a file of its that is served, and goes on once it can."""
    halted: bool = False
    """Whether its guest has stopped all processors for good, without powering off; only `examine` tells that."""


class Stop(StrEnum):
    """How to end a machine."""

    ASK = "ask"
    FORCE = "force"
