"""The job."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from vmf.model.file import File
from vmf.model.host import Claim
from vmf.model.image import Access, Disk, Image
from vmf.model.parts import (
    Boot,
    Cdrom,
    Checkpoint,
    Clock,
    CloudInit,
    Network,
    NetworkType,
    Reboot,
    ResultDisks,
    Results,
    Share,
    Ssh,
    Suspend,
)
from vmf.model.step import Finally, Step
from vmf.model.terms import MEBIBYTE, NAME, TEXT, VARIABLE, Attributes, Duration, Expression, Labels, Name, Size


class Job(Struct, frozen=True, kw_only=True):
    """What the user wants run."""

    name: Annotated[str, Meta(description="The job's name, unique among its owner's live jobs.", pattern=NAME)]
    labels: Annotated[Labels, Meta(description="Words to find the job by, name to text.")] = {}
    types: Annotated[
        tuple[Name, ...],
        Meta(
            description="The hypervisor's type, such as kvm, or a list of types; any that matches if not given.",
            max_length=10,
            extra={"single": True},
        ),
    ] = field(default=(), name="type")
    image: Annotated[
        Image | None,
        Meta(description="A folder or *.image.yaml, a disk's or an appliance's file, or a name in the warehouse."),
    ] = None
    memory: Annotated[Size, Meta(description="The guest's memory.")]
    cpus: Annotated[int, Meta(description="The guest's processors.", ge=1, le=1024)] = 1
    disk_space: Annotated[
        Size | None,
        Meta(description="Free disk space that the host must have; no disk's overlay grows beyond it."),
    ] = None
    disks: Annotated[
        tuple[Disk, ...],
        Meta(
            description="Disks, after those of the image, in the order that the guest sees them.",
            max_length=64,
        ),
    ] = ()
    boot: Annotated[Boot, Meta(description="How the machine starts; what is not given is the image's.")] = Boot()
    clock: Annotated[
        Clock, Meta(description="What the hardware clock shows: utc or local.", extra={"needs": "clock-{}"})
    ] = Clock.UTC
    reboot: Annotated[
        Reboot | None,
        Meta(description="What a guest's reboot does: continue, or end the job; end for a job with a script."),
    ] = None
    cdrom: Annotated[Cdrom | None, Meta(description="A CD-ROM beside the one with the script.")] = None
    cloud_init: Annotated[
        CloudInit | None,
        Meta(description="The seed for an image that uses cloud-init.", extra={"needs": "cdroms"}),
    ] = None
    run: Annotated[
        str | None,
        Meta(description="A shell script for a guest that keeps the guest contract; its exit code is the job's."),
    ] = None
    steps: Annotated[
        tuple[Step, ...],
        Meta(
            description="What is done on the machine before the script, after the image's own steps.",
            max_length=1000,
        ),
    ] = ()
    keep_image: Annotated[
        bool,
        Meta(
            description="Whether the machine is kept as an image once its steps are done, so that they are done once.",
        ),
    ] = False
    at_end: Annotated[
        Finally | None,
        Meta(description="What is done when the machine is destroyed."),
    ] = field(default=None, name="finally")
    arguments: Annotated[
        tuple[Annotated[str, Meta(pattern=TEXT)], ...],
        Meta(description="The script's arguments.", max_length=1000),
    ] = ()
    env: Annotated[
        Mapping[Annotated[str, Meta(pattern=VARIABLE)], Annotated[str, Meta(pattern=TEXT)]],
        Meta(description="Environment variables for the script.", max_length=1000),
    ] = {}
    secrets: Annotated[
        Mapping[Annotated[str, Meta(pattern=VARIABLE)], File],
        Meta(description="More variables, whose values are in files.", max_length=100),
    ] = {}
    network: Annotated[Network, Meta(description="The machine's network; none if not given.")] = Network(
        type=NetworkType.NONE
    )
    ssh: Annotated[
        Ssh | None,
        Meta(
            description="The way in by `vmf ssh`; it needs a network that forwards ports.",
            extra={"needs": "port-forwards"},
        ),
    ] = None
    shares: Annotated[
        tuple[Share, ...],
        Meta(
            description="Folders of the host that the guest can mount, by the host's names for them.",
            max_length=100,
            extra={"needs": "shares"},
        ),
    ] = ()
    agent: Annotated[
        bool, Meta(description="Whether the guest runs the QEMU guest agent.", extra={"needs": "guest-agent"})
    ] = False
    checkpoint: Annotated[
        Checkpoint | None,
        Meta(description="When checkpoints are taken; never if not given.", extra={"needs": "checkpoint"}),
    ] = None
    suspend: Annotated[
        Suspend | None,
        Meta(
            description="What a suspension does with the memory: soft keeps it, hard saves and frees it.",
            extra={"needs": "{}-suspend"},
        ),
    ] = None
    vnc: Annotated[bool, Meta(description="Whether the machine has a screen, by VNC.", extra={"needs": "vnc"})] = False
    results: Annotated[Results, Meta(description="What comes back, and where to.")] = Results()
    event_log: Annotated[
        Path | None, Meta(description="A file that gets a line for each event of the job, for others to follow.")
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
    priority: Annotated[
        int,
        Meta(
            description="Which of its owner's jobs goes first: more is sooner.",
            ge=-1000,
            le=1000,
            extra={"needs": "priority"},
        ),
    ] = 0
    retries: Annotated[
        int,
        Meta(description="How often a job that fails is run again.", ge=0, le=1000, extra={"needs": "retries"}),
    ] = 0
    time_limit: Annotated[
        Duration | None, Meta(description="How long the guest may run; then it is asked to power off, and ended.")
    ] = None
    silence_limit: Annotated[
        Duration | None,
        Meta(description="How long the guest's console may be silent while it runs, before it is taken for hung."),
    ] = None
    settings: Annotated[
        Mapping[str, Mapping[str, Any]],
        Meta(description="The blocks named after hypervisor types, each in the words of that type's plugin."),
    ] = {}
    block_needs: Mapping[str, Mapping[str, tuple[str | int, ...]]] = {}
    """By hypervisor type: each ability that its block needs of a host of that type, and the keys of the field."""
    block_files: Mapping[str, tuple[File, ...]] = {}
    """By hypervisor type: the files and folders that its block names."""

    @property
    def claim(self) -> Claim:
        """What its machine takes of a host: memory in whole MiB, as hosts and ads count it."""
        return Claim(memory=-(-self.memory // MEBIBYTE) * MEBIBYTE, cpus=self.cpus, machines=1)

    def claimed(self, token: str) -> Claim:
        """The same, with the address of the machine's card, if it has one; see `mac`."""
        networked = self.network.type is not NetworkType.NONE
        return replace(self.claim, macs=(self.mac(token).lower(),) if networked else ())

    def mac(self, token: str) -> str:
        """The MAC address of its machine's card; of a job that names none, one made of its random token's digits.

        It is administered locally; no two jobs have the same, by 46 bits of chance.
        """
        if self.network.mac:
            return self.network.mac
        first, *others = bytes.fromhex(token[:12])
        return ":".join(f"{byte:02x}" for byte in ((first & 0xFC) | 0x02, *others))

    @property
    def contract(self) -> bool:
        """Whether its guest is to keep the guest contract: it is given a script, or steps to do."""
        steps = (*self.steps, *(self.image.steps if self.image else ()))
        return self.run is not None or any(step.on_host is None for step in steps)

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions that it asks of its host, each once."""
        image = (*self.image.earlier, *self.image.steps) if self.image else ()
        steps = (*image, *self.steps, *(self.at_end.steps if self.at_end else ()))
        return tuple(dict.fromkeys(step.on_host for step in steps if step.on_host))

    @property
    def seed(self) -> CloudInit | None:
        """What cloud-init is given, if the job or its image says that the guest uses it."""
        return self.cloud_init or (CloudInit() if self.image and self.image.cloud_init else None)

    @property
    def hypervisors(self) -> tuple[str, ...]:
        """The types that it can run on; none: any. What only a hypervisor's block describes, only that one boots."""
        bundle = self.bundle
        bootable = bundle.kernel or bundle.disks or self.boot.kernel
        return self.types or (() if bootable else tuple(sorted(self.settings)))

    @property
    def bundle(self) -> Image:
        """All that the machine boots from: the image, with the job's own words on how to boot, and its disks."""
        image, boot = self.image or Image(name=self.name), self.boot
        kernel = image.kernel if boot.kernel is None else boot.kernel
        words = (image.kernel_parameters, f"root={boot.root}" if boot.root else "", boot.parameters)
        return replace(
            image,
            kernel=kernel if isinstance(kernel, File) else None,
            initrd=boot.initrd or image.initrd,
            kernel_parameters=" ".join(word for word in words if word),
            disks=(*image.disks, *self.disks),
        )

    @property
    def overlaid(self) -> Mapping[int, Disk]:
        """The disks that the guest changes in overlays, each by its number among the machine's disks."""
        return {number: disk for number, disk in enumerate(self.bundle.disks) if disk.access is Access.SNAPSHOT}

    @property
    def vetted_files(self) -> tuple[File, ...]:
        """The files that a host's owner has a say in: those that its machine uses in place, and all that lie there."""
        image, discs, cloud = self.bundle, self.cdrom, self.cloud_init
        whole = (
            image.kernel,
            image.initrd,
            *(file for disk in image.disks for file in disk.files if not disk.copied),
            discs.iso if discs else None,
        )
        seeds = (cloud.user_data, cloud.meta_data, cloud.network_config) if cloud else ()
        read = (*(discs.files if discs else ()), *self.secrets.values(), *seeds)
        blocks = (file for files in self.block_files.values() for file in files)
        return (*(file for file in whole if file), *blocks, *(file for file in read if file and file.on_host))

    @property
    def result_disks(self) -> ResultDisks:
        """What comes back of its disks."""
        return self.results.disks or (ResultDisks.CHANGED if self.run is None else ResultDisks.NONE)
