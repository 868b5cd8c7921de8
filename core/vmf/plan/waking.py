"""Whether a job's guest wakes from the memory that a golden image has, and what its machine is then. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from vmf.blueprint import booted
from vmf.model import CLONE, Disk, Facts, Host, Image, Job, Machine, Placement, Wakes, Warm

_NAMES: Mapping[str, str] = MappingProxyType({
    "memory": "another size of memory",
    "cpus": "another number of processors",
    "firmware": "another firmware",
    "clock": "another clock",
    "disks": "other disks",
    "cdroms": "other CD-ROM drives",
    "agent": "another word about the QEMU guest agent",
    "vnc": "another word about a screen",
})  # fmt: skip
"""What it is called in which a machine's equipment differs."""


class _Case(Struct, frozen=True, kw_only=True):
    """What is to be judged."""

    placement: Placement
    machine: Machine
    warm: Warm

    @property
    def different(self) -> str:
        """What it has that the machine did not have whose memory this is."""
        ours, theirs = self.machine.equipment, self.warm.equipment
        return next((what for name, what in _NAMES.items() if getattr(ours, name) != getattr(theirs, name)), "")

    @property
    def lacking(self) -> str:
        """Why its host cannot have guests wake."""
        return unable(self.placement.host, self.placement.facts)


def unable(host: Host, facts: Facts) -> str:
    """Why a host cannot have guests wake that lacks the ability."""
    return facts.missing.get(CLONE, f"type {host.type} cannot have guests wake")


def _boots_otherwise(case: _Case) -> bool:
    """Whether its kernel, or what that is told, is not what the image says, by which the memory came to be."""
    job, image = case.placement.job, case.placement.job.image
    used = booted(job, case.placement.host)
    meant = (image.kernel, image.initrd, image.kernel_parameters) if image else (None, None, "")
    return meant != (used.kernel, used.initrd, case.machine.kernel_parameters)


_OBSTACLES: tuple[tuple[Callable[[_Case], bool], str], ...] = (
    (lambda case: CLONE not in case.placement.capabilities, "host {host.name}: {case.lacking}"),
    (
        lambda case: case.warm.platform.type != case.placement.host.type,
        "the memory was made by type {made.type}, and host {host.name} is of type {host.type}",
    ),
    (
        lambda case: case.warm.platform.accelerator != case.machine.accelerator,
        "the memory was made by {made.accelerator}, and host {host.name} has {case.machine.accelerator}",
    ),
    (
        lambda case: case.warm.platform.version != case.placement.facts.version,
        "the memory was made by version {made.version}, and host {host.name} has {facts.version}",
    ),
    (
        lambda case: case.warm.platform.vendor not in {"", case.placement.facts.vendor},
        "the memory was made on processors by {made.vendor}, and host {host.name} has those by {facts.vendor}",
    ),
    (lambda case: bool(case.different), "its machine has {case.different} than the one whose memory was kept"),
    (_boots_otherwise, "it is to be booted in a way of its own"),
    (lambda case: bool(case.machine.settings), "it has words of its own for the hypervisor"),
)


def obstacle(placement: Placement, machine: Machine, warm: Warm) -> str:
    """Why a machine does not wake from such memory, in a sentence; empty: nothing that is known here is in the way.

    `machine` is what the placement becomes of a job that is `upon` the disks that go with the memory.
    """
    case = _Case(placement=placement, machine=machine, warm=warm)
    words = next((words for is_so, words in _OBSTACLES if is_so(case)), "")
    return words.format(case=case, made=warm.platform, host=placement.host, facts=placement.facts)


def upon(job: Job, disks: tuple[Disk, ...]) -> Job:
    """The job whose image has other disks."""
    return replace(job, image=replace(job.image or Image(name=job.name), disks=disks))


def waking(machine: Machine, warm: Warm) -> Machine:
    """The machine, whose guest wakes."""
    return replace(
        machine,
        wakes=Wakes(
            platform=warm.platform,
            equipment=warm.equipment,
            memory=str(warm.memory.file.path),
            state=str(warm.state.file.path),
        ),
    )
