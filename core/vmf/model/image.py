"""Disks, and the images that are made of them."""

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta, Struct, field

from vmf.model.file import File
from vmf.model.step import Hardware, Step
from vmf.model.terms import DEVICE, LINE, NAME, SHA256, URL, Size


class DiskFormat(StrEnum):
    """How a disk's file is laid out; always stated, by the spec or by the file's suffix, never probed."""

    RAW = "raw"
    QCOW2 = "qcow2"
    VMDK = "vmdk"


class Bus(StrEnum):
    """What a disk is attached to."""

    VIRTIO = "virtio"
    SATA = "sata"
    SCSI = "scsi"
    IDE = "ide"
    XEN = "xen"


PREFIXES = MappingProxyType({
    Bus.VIRTIO: "vd",
    Bus.SCSI: "sd",
    Bus.SATA: "sd",
    Bus.IDE: "hd",
    Bus.XEN: "xvd",
})  # fmt: skip
"""What guests' names of a bus's drives begin with; a name alone means the first bus of such names."""


def bus_of(device: str | None, usual: Bus | None = None) -> Bus | None:
    """What a drive of this name is attached to: the usual bus, unless that one's drives are called otherwise."""
    named = [bus for bus, prefix in PREFIXES.items() if device and device.startswith(prefix)]
    return usual if not named or usual in named else named[0]


class Access(StrEnum):
    """What the guest may do with a disk."""

    SNAPSHOT = "snapshot"
    READ = "read"
    IN_PLACE = "in-place"


FORMATS = MappingProxyType({
    ".qcow2": DiskFormat.QCOW2,
    ".raw": DiskFormat.RAW,
    ".img": DiskFormat.RAW,
    ".vmdk": DiskFormat.VMDK,
})  # fmt: skip
"""What a disk's suffix states."""


class Layer(Struct, frozen=True, kw_only=True):
    """A qcow2 file with what of a disk differs from what it lies on; what its header says of that is not followed."""

    file: File
    sha256: Annotated[str, Meta(pattern=SHA256)]


class Disk(Struct, frozen=True, kw_only=True):
    """A disk of a machine; its file is never written unless `access` says so."""

    file: Annotated[File, Meta(description="The disk's file.")]
    format: Annotated[
        DiskFormat | None,
        Meta(
            description="How the file is laid out; what its suffix says if not given.",
            extra={"needs": {DiskFormat.VMDK: "disk-vmdk"}},
        ),
    ] = None
    sha256: Annotated[
        Annotated[str, Meta(pattern=SHA256)] | None,
        Meta(description="The file's SHA-256 in hexadecimal, checked before use."),
    ] = None
    device: Annotated[
        Annotated[str, Meta(pattern=DEVICE)] | None,
        Meta(description="The guest's name for it, such as vdb; by its place if not given.", extra={"needs": "device"}),
    ] = None
    bus: Annotated[
        Bus | None,
        Meta(description="What it is attached to; the host's best if not given.", extra={"needs": "disk-{}"}),
    ] = None
    access: Annotated[
        Access,
        Meta(
            description="snapshot: the guest writes to an overlay; read: it cannot write; in-place: the file changes.",
            extra={"needs": {Access.READ: "disk-read", Access.IN_PLACE: "disk-in-place"}},
        ),
    ] = Access.SNAPSHOT
    layers: Annotated[
        tuple[Layer, ...],
        Meta(description="What lies on the file, each on the one before: a golden image's.", extra={"made": True}),
    ] = ()
    copied: Annotated[
        bool,
        Meta(description="Whether the file is a copy made for one job alone, which travels.", extra={"made": True}),
    ] = False

    @property
    def files(self) -> tuple[File, ...]:
        """All that the disk is made of, the lowest first."""
        return (self.file, *(layer.file for layer in self.layers))

    @property
    def layout(self) -> DiskFormat:
        """How the file is laid out.

        Raises:
            KeyError: if neither the spec nor the suffix says so; no spec that is read leaves it so.
        """
        return self.format or FORMATS[self.file.path.suffix.lower()]


class Download(Struct, frozen=True, kw_only=True):
    """A disk's file that is fetched once, and kept."""

    url: Annotated[
        str, Meta(description="Where it is fetched, by https or http; its suffix states its format.", pattern=URL)
    ]
    sha256: Annotated[str, Meta(description="The file's SHA-256 in hexadecimal, checked before use.", pattern=SHA256)]


class Image(Struct, frozen=True, kw_only=True):
    """What boots on any hypervisor: a kernel with disks, or disks that boot by themselves; and the steps done there."""

    name: Annotated[str, Meta(description="The image's name.", pattern=NAME)]
    base: Annotated[
        str | None,
        Meta(description="The image that it begins with: a folder, a description, a file, or a name in the warehouse."),
    ] = field(default=None, name="from")
    download: Annotated[
        Download | None, Meta(description="The disk that it begins with, which is fetched once, and kept.")
    ] = None
    blank: Annotated[Size | None, Meta(description="The size of the empty disk that it begins with.")] = None
    kernel: Annotated[File | None, Meta(description="A Linux kernel to boot directly.")] = None
    initrd: Annotated[File | None, Meta(description="The initial RAM disk for the kernel.")] = None
    kernel_parameters: Annotated[str, Meta(description="The kernel's command line.", pattern=LINE)] = ""
    disks: Annotated[
        tuple[Disk, ...], Meta(description="The disks, in the order that the guest sees them.", max_length=64)
    ] = ()
    cloud_init: Annotated[
        bool,
        Meta(
            description="Whether its guest uses cloud-init, by which it is then given its work.",
            extra={"needs": "cdroms"},
        ),
    ] = False
    hardware: Annotated[Hardware, Meta(description="The machine that the steps are done on.")] = Hardware()
    steps: Annotated[
        tuple[Step, ...],
        Meta(
            description="What is done on the machine before it is an image.",
            max_length=1000,
        ),
    ] = ()
    earlier: Annotated[
        tuple[Step, ...],
        Meta(description="The steps of the image that it begins with.", extra={"made": True}),
    ] = ()
