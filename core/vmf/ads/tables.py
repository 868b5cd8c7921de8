"""What a job's and a host's ad contain: these tables are the whole of it, and `docs/ads.md` is written from them.

Names are HTCondor's where it has one, so that expressions written for it work. Memory is in MiB and disk in KiB, as
there; what a job wants is rounded up, what a host has is rounded down.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterable
from functools import lru_cache, reduce
from typing import Final, Generic, TypeVar

from msgspec import Struct

from vmf import classad
from vmf.ads.growth import least_growth
from vmf.classad import Node
from vmf.classad.tree import Binary, Parentheses
from vmf.model import Access, Claim, File, Host, Job, NetworkType, Offer, Platform, Verdict

T = TypeVar("T")
MANY: Final = 10_000
"""The most machines on a host that sets no limit."""
MIB: Final = 2**20
KIB: Final = 2**10

OWN_IMAGES: Final = (
    "stringList_regexpMember(MY.VM_Foreign_Files, MY.VM_Local ? TARGET.JobVMFiles : TARGET.JobVMHostFiles, "
    '"\\n") =!= true'
)
"""What a host asks that lets machines use files of some folders only."""
OWN_GROWTH: Final = "TARGET.JobVMDiskGrowth <= MY.VM_Disk_Growth"
"""What a host asks that lets machines write so much only."""
_NETWORK: Final = "network-"
KINDS: Final = (NetworkType.NAT, NetworkType.USER, NetworkType.BRIDGE)
"""The kinds of network; the first that a host has is meant by default."""
_UNNAMED: Final = frozenset({NetworkType.NONE, NetworkType.DEFAULT})


@lru_cache(maxsize=4096)
def tree(text: str) -> Node:
    """The tree of an expression's text; many jobs and hosts use the same words."""
    return classad.parse(text)


class Attribute(Struct, Generic[T], frozen=True, kw_only=True):
    """One attribute of an ad."""

    name: str
    meaning: str
    value: Callable[[T], Node | None]
    """Its value; None: the ad has no such attribute."""


def capacity(offer: Offer) -> Claim:
    """All that a host gives to machines: its policy where it has one, else what the probe found."""
    host, facts = offer.host, offer.facts
    return Claim(memory=host.memory or facts.memory, cpus=host.cpus or facts.cpus, machines=host.machines or MANY)


def _free(offer: Offer, what: str) -> int:
    return max(0, int(getattr(capacity(offer), what)) - int(getattr(offer.taken, what)))


def networks(host: Host, capabilities: Iterable[str]) -> tuple[NetworkType, ...]:
    """The kinds of network that a host has, of those that its policy offers, if it has one; see `model.granted`."""
    able = [each for each in KINDS if f"{_NETWORK}{each}" in capabilities]
    offered = host.networks.types
    return tuple(able) if offered is None else tuple(each for each in offered if each in able)


def default_network(host: Host, capabilities: Iterable[str]) -> NetworkType:
    """The kind of network that a job gets that names none: the host's word, if it has that one for this job.

    Else the first that it has; NONE if it has none.
    """
    there, meant = networks(host, capabilities), host.networks.default
    return meant if meant and meant in there else next(iter(there), NetworkType.NONE)


def _disk_space(offer: Offer) -> Node | None:
    space = offer.free_disk if offer.host.disk_space is None else offer.host.disk_space
    return None if space is None else space // KIB


def _disk_growth(offer: Offer) -> Node | None:
    most = offer.host.limits.disk_growth
    return None if most is None else most // KIB


def _image_folders(offer: Offer) -> Node | None:
    roots = offer.host.images
    return None if roots is None else ",".join(str(root.path) for root in roots)


def _foreign_files(offer: Offer) -> Node | None:
    if offer.host.images is None:
        return None
    roots = "|".join(re.escape(str(root.path).rstrip("/")) for root in offer.host.images)
    return f"^(?!({roots})(/|$))" if offer.host.images else "^"


def _listed(files: Iterable[File]) -> Node | None:
    return "\n".join(os.path.normpath(file.path) for file in files) or None


def _writes_here(job: Job) -> Node | None:
    mine = (disk for disk in job.bundle.disks if not disk.file.on_host)
    return True if any(disk.access is Access.IN_PLACE for disk in mine) else None


def _asked_at_end(job: Job) -> bool:
    return job.at_end is not None and any(step.on_host is None for step in job.at_end.steps)


def _start(offer: Offer) -> Node | None:
    return None if offer.host.start is None else tree(offer.host.start)


def _requirements(offer: Offer) -> Node | None:
    images = None if offer.host.images is None else tree(OWN_IMAGES)
    growth = None if offer.host.limits.disk_growth is None else tree(OWN_GROWTH)
    asked = [each for each in (_start(offer), images, growth) if each is not None]
    return reduce(_both, asked) if asked else None


def _flat(text: str) -> str:
    return " ".join(text.split())


def _both(left: Node, right: Node) -> Node:
    return Binary(operator="&&", left=Parentheses(inner=left), right=right)


JOB: Final[tuple[Attribute[Job], ...]] = (
    Attribute(name="MyType", meaning="`Job`", value=lambda _: "Job"),
    Attribute(name="JobName", meaning="The job's name.", value=lambda job: job.name),
    Attribute(name="JobUniverse", meaning="13: HTCondor's number of its VM universe.", value=lambda _: 13),
    Attribute(
        name="JobVMType",
        meaning="The hypervisor's type, if only one can be.",
        value=lambda job: job.hypervisors[0] if len(job.hypervisors) == 1 else None,
    ),
    Attribute(
        name="JobVMTypes",
        meaning="The hypervisors' types, a string list, if several can be.",
        value=lambda job: ",".join(job.hypervisors) if len(job.hypervisors) > 1 else None,
    ),
    Attribute(name="JobVMMemory", meaning="The guest's memory in MiB.", value=lambda job: -(-job.memory // MIB)),
    Attribute(name="RequestMemory", meaning="The same.", value=lambda job: -(-job.memory // MIB)),
    Attribute(name="JobVM_VCPUS", meaning="The guest's processors.", value=lambda job: job.cpus),
    Attribute(name="RequestCpus", meaning="The same.", value=lambda job: job.cpus),
    Attribute(
        name="RequestDisk",
        meaning="The disk space in KiB that the host must have free, if the job says so.",
        value=lambda job: None if job.disk_space is None else -(-job.disk_space // KIB),
    ),
    Attribute(
        name="JobVMDiskGrowth",
        meaning="What its machine writes beside the disks themselves, in KiB, at the least: its results volume, and 1 "
        "MiB for each overlay.",
        value=lambda job: -(-least_growth(job) // KIB),
    ),
    Attribute(
        name="JobImage",
        meaning="The image's name, if the job names one.",
        value=lambda job: job.image.name if job.image else None,
    ),
    Attribute(
        name="JobVMFiles",
        meaning="The files of its disks, kernel, initial RAM disk and ISO, those that blocks of hypervisor types name, "
        "and all others that are on the host: a string list with a line for each, in which no path has a `..`.",
        value=lambda job: _listed(job.vetted_files),
    ),
    Attribute(
        name="JobVMHostFiles",
        meaning="Those of them that are on the host, if there are any: they need not travel to it.",
        value=lambda job: _listed(file for file in job.vetted_files if file.on_host),
    ),
    Attribute(
        name="JobVMLocalDisks",
        meaning="`true`, if the guest writes to a disk of this computer in place.",
        value=_writes_here,
    ),
    Attribute(
        name="JobVMNetworking",
        meaning="`true`, if the machine has a network.",
        value=lambda job: None if job.network.type is NetworkType.NONE else True,
    ),
    Attribute(
        name="JobVMNetworkingType",
        meaning="The kind of network, if the job names one.",
        value=lambda job: None if job.network.type in _UNNAMED else str(job.network.type),
    ),
    Attribute(
        name="JobVM_MACADDR", meaning="The MAC address, if the job names one.", value=lambda job: job.network.mac
    ),
    Attribute(
        name="JobVMFolders",
        meaning="The host's folders that the guest mounts, a string list of names, if there are any.",
        value=lambda job: ",".join(share.name for share in job.shares) or None,
    ),
    Attribute(
        name="JobVMWritableFolders",
        meaning="Those of them that it writes in, if there are any.",
        value=lambda job: ",".join(share.name for share in job.shares if share.write) or None,
    ),
    Attribute(
        name="JobVMActions",
        meaning="The host's actions that its steps have run, a string list of names, if there are any.",
        value=lambda job: ",".join(job.actions) or None,
    ),
    Attribute(
        name="JobVMGuestAtEnd",
        meaning="`true`, if its guest is asked for something by a disc before it is ended.",
        value=lambda job: True if _asked_at_end(job) and not job.agent else None,
    ),
    Attribute(
        name="JobVMAgentAtEnd",
        meaning="`true`, if its guest's agent is asked for something before it is ended.",
        value=lambda job: True if _asked_at_end(job) and job.agent else None,
    ),
    Attribute(
        name="JobVMCheckpoint",
        meaning="`true`, if checkpoints are taken.",
        value=lambda job: True if job.checkpoint else None,
    ),
    Attribute(name="JobPrio", meaning="The priority, unless it is 0.", value=lambda job: job.priority or None),
)

KEPT: Final[tuple[Attribute[Platform], ...]] = (
    Attribute(
        name="JobVMCheckpointType", meaning="The type of hypervisor that took it.", value=lambda platform: platform.type
    ),
    Attribute(
        name="JobVMCheckpointAccelerator",
        meaning="What ran the guest's instructions there.",
        value=lambda platform: platform.accelerator,
    ),
    Attribute(
        name="JobVMCheckpointVersion",
        meaning="That hypervisor's version.",
        value=lambda platform: platform.version or None,
    ),
    Attribute(
        name="JobVMCheckpointVendor",
        meaning="Who made the processors there, unless the guest never met them.",
        value=lambda platform: platform.vendor or None,
    ),
)

ENDED: Final[tuple[Attribute[Verdict], ...]] = (
    Attribute(name="JobOutcome", meaning="How the last attempt ended.", value=lambda verdict: str(verdict.outcome)),
    Attribute(name="ExitCode", meaning="The exit code, the guest's or vmf's.", value=lambda verdict: verdict.exit_code),
    Attribute(
        name="HoldReason",
        meaning="Why the job is held.",
        value=lambda verdict: _flat(verdict.reason) if verdict.code else None,
    ),
    Attribute(name="HoldReasonCode", meaning="The hold code, a word.", value=lambda verdict: verdict.code or None),
)

HOST: Final[tuple[Attribute[Offer], ...]] = (
    Attribute(name="MyType", meaning="`Machine`", value=lambda _: "Machine"),
    Attribute(name="Name", meaning="The host's name.", value=lambda offer: offer.host.name),
    Attribute(name="Machine", meaning="The same.", value=lambda offer: offer.host.name),
    Attribute(name="Arch", meaning="The processors' architecture.", value=lambda offer: offer.facts.arch.upper()),
    Attribute(name="Cpus", meaning="Processors for all machines together.", value=lambda offer: capacity(offer).cpus),
    Attribute(
        name="Memory",
        meaning="Memory for all machines together, in MiB.",
        value=lambda offer: capacity(offer).memory // MIB,
    ),
    Attribute(name="TotalCpus", meaning="The computer's processors.", value=lambda offer: offer.facts.cpus),
    Attribute(
        name="TotalMemory", meaning="The computer's memory in MiB.", value=lambda offer: offer.facts.memory // MIB
    ),
    Attribute(
        name="Disk",
        meaning="Disk space for a machine in KiB, as the host's spec says; else what is free, if that is known.",
        value=_disk_space,
    ),
    Attribute(
        name="VM_Disk_Growth",
        meaning="What a machine may write so, in KiB, if the host's spec limits it.",
        value=_disk_growth,
    ),
    Attribute(name="HasVM", meaning="`true`: it runs machines.", value=lambda _: True),
    Attribute(
        name="VMOfflineReason",
        meaning="The abilities that are set aside because the host has failed at them, each with the reason, if there "
        "are any.",
        value=lambda offer: "; ".join(f"{name}: {_flat(each.reason)}" for name, each in offer.setbacks.items()) or None,
    ),
    Attribute(
        name="VMOfflineTime",
        meaning="When it failed at the first of them, in seconds since 1970.",
        value=lambda offer: min((int(each.at) for each in offer.setbacks.values()), default=None),
    ),
    Attribute(name="VM_Local", meaning="Whether it is this computer.", value=lambda offer: not offer.host.elsewhere),
    Attribute(name="VM_Type", meaning="The hypervisor's type.", value=lambda offer: offer.host.type),
    Attribute(name="VM_Memory", meaning="Free memory in MiB.", value=lambda offer: _free(offer, "memory") // MIB),
    Attribute(name="VM_Cpus", meaning="Processors that are free.", value=lambda offer: _free(offer, "cpus")),
    Attribute(
        name="VM_AvailNum",
        meaning="How many more machines may run, of 10000 if nothing limits them.",
        value=lambda offer: _free(offer, "machines"),
    ),
    Attribute(name="VM_Running", meaning="How many machines run.", value=lambda offer: offer.taken.machines),
    Attribute(
        name="VM_Accelerator",
        meaning="What runs the guests' instructions: `kvm`, `tcg`, …",
        value=lambda offer: offer.facts.accelerator,
    ),
    Attribute(
        name="VM_Hypervisor_Version",
        meaning="The hypervisor's version, if the plugin says it.",
        value=lambda offer: offer.facts.version or None,
    ),
    Attribute(
        name="VM_Cpu_Vendor",
        meaning="Who made the processors, such as `GenuineIntel`, if the plugin says it.",
        value=lambda offer: offer.facts.vendor or None,
    ),
    Attribute(
        name="VM_Networking",
        meaning="Whether machines can have a network.",
        value=lambda offer: bool(networks(offer.host, offer.capabilities)),
    ),
    Attribute(
        name="VM_Networking_Types",
        meaning="The kinds of network, a string list.",
        value=lambda offer: ",".join(networks(offer.host, offer.capabilities)),
    ),
    Attribute(
        name="VM_All_Guest_Macs",
        meaning="The MAC addresses of all machines of the pool, a string list, if there are any.",
        value=lambda offer: ",".join(offer.taken.macs) or None,
    ),
    Attribute(
        name="VM_Folders",
        meaning="The folders that machines can share, a string list of names.",
        value=lambda offer: ",".join(offer.host.folders),
    ),
    Attribute(
        name="VM_Writable_Folders",
        meaning="Those of them that a guest may write in.",
        value=lambda offer: ",".join(name for name, each in offer.host.folders.items() if each.write),
    ),
    Attribute(
        name="VM_Actions",
        meaning="The actions that steps may have run, a string list of names.",
        value=lambda offer: ",".join(offer.host.actions),
    ),
    Attribute(
        name="VM_Image_Folders",
        meaning="The folders in which `JobVMFiles` have to lie, a string list, if the host's spec says so; if it is "
        "another computer, `JobVMHostFiles`: the others travel there.",
        value=_image_folders,
    ),
    Attribute(
        name="VM_Foreign_Files",
        meaning="A regular expression that fits every file outside those folders.",
        value=_foreign_files,
    ),
    Attribute(name="Start", meaning="What the host asks of a job, if its spec says so.", value=_start),
    Attribute(
        name="Requirements",
        meaning="The same; and that the job's files lie in `VM_Image_Folders`, if the host's spec names any, and that "
        "what its machine writes has room in `VM_Disk_Growth`, if that is limited.",
        value=_requirements,
    ),
)
