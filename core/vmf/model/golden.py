"""Golden images: machines as they were once some steps had been performed on them, kept in the warehouse."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from vmf.model.checkpoint import Platform
from vmf.model.clone import Equipment
from vmf.model.file import Slice
from vmf.model.image import Bus, DiskFormat, Image
from vmf.model.terms import ATTRIBUTE, DEVICE, LINE, NAME, SHA256, Name

ID = r"^[0-9a-f]{32}$"
SHELVED = r"^[a-z][a-z0-9]{0,30}(\.[a-z0-9]{1,10})?(?!\n)$"
"""Of a golden image's file: it leads out of no folder."""
INSIDE = r"^(?!(?:.*/)?\.{1,2}(?:/|$))[^\x00-\x1f\x7f]{1,4000}$"
"""A path without a way back."""
LAYERS_MOST = 32
"""Files that one disk is made of at the most: whoever has as many hands over the whole disk."""

Id = Annotated[str, Meta(pattern=ID)]
Moment = Annotated[float, Meta(ge=0, le=2**33)]
"""In seconds since 1970, no later than calendars go."""
Sha256 = Annotated[str, Meta(pattern=SHA256)]


class Performed(Struct, frozen=True, kw_only=True):
    """A step that was done on the machine."""

    name: Name
    digest: Sha256
    """Of its action; see `vmf.steps.graph.digest`."""
    seconds: Annotated[float, Meta(ge=0)]
    """How long it took, with all tries."""
    at: Moment
    """When it had been done."""
    failed: bool = False
    """Whether it failed, and counts as done, since that is what it says."""
    attributes: Mapping[Annotated[str, Meta(pattern=ATTRIBUTE)], str] = {}
    """What it published, name to ClassAd literal."""


class Shelved(Struct, frozen=True, kw_only=True):
    """A file in the folder of a golden image."""

    image: Id | None = None
    """The id of the one whose file it is; None: this one's own."""
    name: Annotated[str, Meta(pattern=SHELVED)]
    size: Annotated[int, Meta(ge=0)]
    """Bytes, holes included."""
    sha256: Sha256


class Original(Struct, frozen=True, kw_only=True):
    """A disk's file that is used where it lies, which is not in the folder of any golden image."""

    path: Annotated[str, Meta(pattern=INSIDE)]
    """Below the warehouse's folder, or from / on."""
    part: Slice | None = None
    """The stretch of the file that is the disk; None: all of it."""
    format: DiskFormat
    sha256: Sha256
    """Of the file, or of the stretch."""


class GoldenDisk(Struct, frozen=True, kw_only=True):
    """A disk of a golden image: what it was at first, and layers of what has changed, each upon the one before."""

    size: Annotated[int, Meta(ge=1)]
    """Bytes, as the guest sees it."""
    base: Original | None = None
    """None: the first layer needs no other file."""
    layers: Annotated[tuple[Shelved, ...], Meta(max_length=LAYERS_MOST)] = ()
    """Qcow2 files."""
    bus: Bus | None = None
    device: Annotated[str, Meta(pattern=DEVICE)] | None = None


class GoldenHardware(Struct, frozen=True, kw_only=True):
    """What a golden image runs on."""

    types: Annotated[tuple[Name, ...], Meta(max_length=10)] = ()
    """The hypervisors' types; any, if there is none."""
    memory: Annotated[int, Meta(ge=1)] | None = None
    """Bytes of the guest whose memory it has; None: it has disks alone."""
    cpus: Annotated[int, Meta(ge=1)] | None = None


class GoldenMemory(Struct, frozen=True, kw_only=True):
    """The memory of a guest that was ready, from which others wake."""

    platform: Platform
    """What it only fits."""
    equipment: Equipment
    """The devices that the guest has met: whoever wakes has the same."""
    memory: Shelved
    state: Shelved
    """Of all devices."""


class Golden(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A golden image."""

    version: Literal[1] = 1
    id: Id
    """The same work has the same one; see `vmf.warehouse.identity`."""
    name: Annotated[str, Meta(pattern=NAME)]
    """Of the image or job that it was made for."""
    start: Sha256
    """The digest of what it began with."""
    performed: Annotated[tuple[Performed, ...], Meta(max_length=1000)]
    """In the order in which it was done."""
    hardware: GoldenHardware = GoldenHardware()
    kernel: Shelved | None = None
    initrd: Shelved | None = None
    kernel_parameters: Annotated[str, Meta(pattern=LINE, max_length=4096)] = ""
    disks: Annotated[tuple[GoldenDisk, ...], Meta(max_length=64)]
    memory: GoldenMemory | None = None
    attributes: Mapping[Annotated[str, Meta(pattern=ATTRIBUTE)], str] = {}
    """What its steps have published, name to ClassAd literal."""
    made: Moment
    vmf: str
    """The version of the one that made it."""

    @property
    def shelved(self) -> tuple[Shelved, ...]:
        """Every file of golden images that it is made of."""
        memory = (self.memory.memory, self.memory.state) if self.memory else ()
        layers = (layer for disk in self.disks for layer in disk.layers)
        return tuple(each for each in (self.kernel, self.initrd, *layers, *memory) if each)

    @property
    def own(self) -> tuple[Shelved, ...]:
        """Those in its own folder."""
        return tuple(each for each in self.shelved if not each.image)

    @property
    def parents(self) -> frozenset[str]:
        """The ids of the images whose files it needs."""
        return frozenset(each.image for each in self.shelved if each.image)


class Draft(Struct, frozen=True, kw_only=True):
    """What is known of a golden image before its files are kept."""

    name: str
    start: str
    performed: tuple[Performed, ...]
    hardware: GoldenHardware = GoldenHardware()
    image: Image
    """What its machine was booted from."""
    attributes: Mapping[str, str] = {}
    platform: Platform | None = None
    """What its memory fits; None: it has none."""
    equipment: Equipment | None = None
    """The devices that its guest has met; given exactly when there is a platform."""
