"""The parts of a job: what it boots, what it is given, how it is connected, what comes back."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from vmf.model.file import File
from vmf.model.terms import DEVICE, DEVICE_PATH, GUEST_PATH, LINE, LOGIN, MAC, MEBIBYTE, Duration, Name, Port

Kernel: TypeAlias = File | Literal["included"]


class Firmware(StrEnum):
    """What starts a machine that boots from its disk."""

    BIOS = "bios"
    UEFI = "uefi"


class Clock(StrEnum):
    """What the machine's hardware clock shows."""

    UTC = "utc"
    LOCAL = "local"


class Reboot(StrEnum):
    """What a guest's reboot does."""

    CONTINUE = "continue"
    END = "end"


class Boot(Struct, frozen=True, kw_only=True):
    """How the machine starts; what is not given is the image's, then the host's."""

    kernel: Annotated[
        Kernel | None,
        Meta(
            description="A Linux kernel's file; `included`: the kernel is in the first disk.",
            extra={"needs": {"included": "kernel-included"}},
        ),
    ] = None
    initrd: Annotated[File | None, Meta(description="The initial RAM disk for the kernel.")] = None
    root: Annotated[
        Annotated[str, Meta(pattern=DEVICE_PATH)] | None,
        Meta(description="The device of the root file system, such as /dev/vda1."),
    ] = None
    parameters: Annotated[str, Meta(description="More words for the kernel's command line.", pattern=LINE)] = ""
    firmware: Annotated[
        Firmware | None,
        Meta(description="bios or uefi; the host's usual one if not given.", extra={"needs": "firmware-{}"}),
    ] = None


class Cdrom(Struct, frozen=True, kw_only=True):
    """A CD-ROM beside the guest contract's own."""

    files: Annotated[
        tuple[File, ...],
        Meta(description="Files and folders to make it of.", max_length=1000, extra={"needs": "cdroms"}),
    ] = ()
    iso: Annotated[File | None, Meta(description="An ISO to use as it is.", extra={"needs": "cdroms"})] = None
    device: Annotated[
        Annotated[str, Meta(pattern=DEVICE)] | None,
        Meta(description="The guest's name for it, such as hdc.", extra={"needs": "device"}),
    ] = None


class CloudInit(Struct, frozen=True, kw_only=True):
    """The seed for an image that uses cloud-init (NoCloud)."""

    user_data: Annotated[File | None, Meta(description="The file with the user data.")] = None
    meta_data: Annotated[File | None, Meta(description="The file with the metadata.")] = None
    network_config: Annotated[File | None, Meta(description="The file with the network configuration.")] = None


class NetworkType(StrEnum):
    """How a machine reaches the network."""

    NONE = "none"
    DEFAULT = "default"
    NAT = "nat"
    BRIDGE = "bridge"
    USER = "user"


class NicModel(StrEnum):
    """The network card that the guest sees."""

    VIRTIO = "virtio"
    E1000 = "e1000"
    E1000E = "e1000e"
    RTL8139 = "rtl8139"


class Protocol(StrEnum):
    """What a forwarded port carries."""

    TCP = "tcp"
    UDP = "udp"


class Forward(Struct, frozen=True, kw_only=True):
    """A port of the guest that can be reached on the host."""

    port: Annotated[Port, Meta(description="The guest's port.")]
    host_port: Annotated[Port | None, Meta(description="The host's port; any free one if not given.")] = None
    protocol: Annotated[Protocol, Meta(description="tcp or udp.")] = Protocol.TCP


class Network(Struct, frozen=True, kw_only=True):
    """The machine's network."""

    type: Annotated[NetworkType, Meta(description="none, nat, bridge, user, or default: the host's default.")] = (
        NetworkType.DEFAULT
    )
    mac: Annotated[
        Annotated[str, Meta(pattern=MAC)] | None,
        Meta(description="The MAC address; a stable one of vmf's making if not given.", extra={"needs": "static-mac"}),
    ] = None
    model: Annotated[
        NicModel | None,
        Meta(description="The network card; the host's best if not given.", extra={"needs": "nic-{}"}),
    ] = None
    forwards: Annotated[
        tuple[Forward, ...],
        Meta(
            description="Ports of the guest that can be reached on the host.",
            max_length=100,
            extra={"needs": "port-forwards"},
        ),
    ] = ()


class Ssh(Struct, frozen=True, kw_only=True):
    """The way into the guest by ssh, with a key of vmf's making."""

    user: Annotated[str, Meta(description="The guest's user who gets the key.", pattern=LOGIN)] = "root"
    port: Annotated[Port, Meta(description="The guest's port, which is forwarded.")] = 22


class Share(Struct, frozen=True, kw_only=True):
    """A folder of the host that the guest can mount."""

    name: Annotated[Name, Meta(description="The host's name for it, and the guest's.")]
    write: Annotated[bool, Meta(description="Whether the guest writes in it; the host must allow that.")] = False


class CheckpointHow(StrEnum):
    """What the guest does while a checkpoint is taken."""

    STOPPED = "stopped"
    LIVE = "live"


class Checkpoint(Struct, frozen=True, kw_only=True):
    """When memory and disks are kept, so that the job can go on elsewhere."""

    on_eviction: Annotated[bool, Meta(description="Whether one is taken when the job has to leave its host.")] = False
    period: Annotated[
        Duration | None,
        Meta(description="How often one is taken while the guest runs.", extra={"needs": "periodic-checkpoint"}),
    ] = None
    keep: Annotated[int, Meta(description="How many are kept.", ge=1, le=100)] = 1
    how: Annotated[
        CheckpointHow,
        Meta(
            description="live: only on a host whose guests go on meanwhile; stopped: they may stand still.",
            extra={"needs": {CheckpointHow.LIVE: "live-checkpoint"}},
        ),
    ] = CheckpointHow.STOPPED
    lose_connections: Annotated[
        bool,
        Meta(description="The consent to checkpoints with a network: open connections and leases may be lost."),
    ] = False


class Suspend(StrEnum):
    """What becomes of the memory of a suspended machine."""

    SOFT = "soft"
    HARD = "hard"


class ResultDisks(StrEnum):
    """What comes back of the disks that the guest wrote to."""

    CHANGED = "changed"
    WHOLE = "whole"
    NONE = "none"


class Results(Struct, frozen=True, kw_only=True):
    """What comes back from the guest."""

    disks: Annotated[
        ResultDisks | None,
        Meta(
            description="changed: what the guest changed, over the original; whole; or none. "
            "If not given, changed for a job without a script and none for one with.",
            extra={"needs": {ResultDisks.WHOLE: "whole-disks"}},
        ),
    ] = None
    files: Annotated[
        tuple[Annotated[str, Meta(pattern=GUEST_PATH)], ...],
        Meta(description="Files or folders, relative to where the script runs, to bring back.", max_length=1000),
    ] = ()
    folder: Annotated[Path | None, Meta(description="Where results are unpacked; ./NAME.results if not given.")] = None
    size: Annotated[
        Annotated[int, Meta(ge=MEBIBYTE, le=2**40, extra={"unit": "size"})],
        Meta(description="Size of the results volume: the most that can come back."),
    ] = 64 * MEBIBYTE

    @property
    def volume(self) -> int:
        """The bytes of the results volume: whole MiB, of which a disk can be made on any hypervisor."""
        return -(-self.size // MEBIBYTE) * MEBIBYTE
