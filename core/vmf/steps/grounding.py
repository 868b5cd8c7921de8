"""What jobs with steps ask of the warehouse, and the jobs that they become upon what is found there. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from vmf.ads import has
from vmf.model import (
    CLONE,
    LAYERS_MOST,
    Building,
    DiskFormat,
    File,
    Golden,
    GoldenHardware,
    Ground,
    Image,
    Job,
    Network,
    NetworkType,
    ResultDisks,
    Results,
    Step,
)
from vmf.steps.golden import Request
from vmf.steps.graph import digest, graph, to_do
from vmf.steps.phases import phases

PREFIX = "build-"
"""What the names of jobs begin with that build images."""
IMPRINT = "memory-"
"""Likewise of those that keep the memory of one."""
READY_SECONDS, QUIET_SECONDS = 300, 60
"""How long a guest may take to be ready, so that its memory is kept, and how long it may be silent meanwhile."""
_NAME_MOST = 63


def files(job: Job) -> Iterator[File]:
    """The files whose sums tell what a job's image begins with, and what its steps do."""
    image = job.image
    if image is not None:
        yield from (file for file in (image.kernel, image.initrd) if file)
        yield from (disk.file for disk in image.disks if disk.sha256 is None)
    for step in to_do(job):
        yield from step.files.values()


def start(image: Image | None, sums: Mapping[File, str]) -> str:
    """The SHA-256, in hexadecimal, of what an image begins with, before any step; `sums` are those of `files`."""
    image = image or Image(name="none")
    begun = {
        "kernel": sums[image.kernel] if image.kernel else None,
        "initrd": sums[image.initrd] if image.initrd else None,
        "parameters": image.kernel_parameters,
        "disks": [
            (
                disk.sha256 or sums[disk.file],
                *(layer.sha256 for layer in disk.layers),
                disk.layout,
                disk.bus,
                disk.device,
                disk.access,
            )
            for disk in image.disks
        ],
    }
    return hashlib.sha256(msgspec.json.encode(begun)).hexdigest()


def request(job: Job, sums: Mapping[File, str]) -> Request:
    """What a job asks of the warehouse."""
    return Request(
        start=start(job.image, sums),
        graph=graph(to_do(job), sums),
        types=job.hypervisors,
        memory=job.memory,
        cpus=job.cpus,
    )


def upon(job: Job, found: tuple[Golden, Image] | None, sums: Mapping[File, str]) -> tuple[Job, Ground]:
    """The job that is run in place of one with steps: upon a golden image that was found, with only the rest to do.

    What the spec says that a step publishes counts, over what the golden image has of it.

    Args:
        job: the job as its spec has it.
        found: a golden image that serves its request, and what boots from it; None: all is to be done.
        sums: those of `files`.
    """
    steps, golden = to_do(job), found[0] if found else None
    digests = {step.name: digest(step, sums) for step in steps}
    said = _published(steps, digests)
    performed = golden.performed if golden else ()
    done = tuple(replace(each, attributes={**each.attributes, **said[each.digest]}) for each in performed)
    passed = {each.digest for each in done}
    rest = (replace(step, publish=said[digests[step.name]]) for step in steps if digests[step.name] not in passed)
    left = _once(tuple(rest), digests)
    image = replace(found[1], cloud_init=bool(job.image and job.image.cloud_init)) if found else job.image
    ground = Ground(
        asked=job,
        start=start(job.image, sums),
        golden=golden.id if golden else "",
        done=done,
        left=tuple(digests[step.name] for step in left),
    )
    return replace(job, image=replace(image, steps=(), earlier=()) if image else None, steps=left), ground


def _published(steps: Iterable[Step], digests: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """What a spec says that each action publishes, by its digest: of those that ask for the same, the last counts."""
    found: dict[str, dict[str, str]] = {}
    for step in steps:
        found.setdefault(digests[step.name], {}).update(step.publish)
    return found


def _once(steps: tuple[Step, ...], digests: Mapping[str, str]) -> tuple[Step, ...]:
    """Each action once, in the turns of host and guest, as `phases` has them, and so that those stay as they are.

    A guest does its steps one after another; a host may do those of one turn at once.
    """
    first: dict[str, Step] = {}
    for step in steps:
        first.setdefault(digests[step.name], step)
    known = {name: first[digest].name for name, digest in digests.items() if digest in first}
    kept = (replace(step, after=_renamed(step, known)) for step in first.values())
    found: list[Step] = []
    for turn in phases(tuple(kept)):
        before, names = tuple(each.name for each in found), tuple(each.name for each in turn.steps)
        for number, step in enumerate(turn.steps):
            inside = tuple(name for name in step.after if name in names) if turn.on_host else names[:number][-1:]
            found.append(replace(step, after=inside or before[-1:]))
    return tuple(found)


def _renamed(step: Step, known: Mapping[str, str]) -> tuple[str, ...]:
    """What a step comes after, by the names of those that are done."""
    return tuple(dict.fromkeys(known[name] for name in step.after if known.get(name, step.name) != step.name))


def builder(image: Image) -> Job:
    """The job whose machine becomes an image, with all the image's steps."""
    return Job(
        name=f"{PREFIX}{image.name}"[:_NAME_MOST],
        image=image,
        types=image.hardware.types,
        memory=image.hardware.memory,
        cpus=image.hardware.cpus,
        network=Network(type=NetworkType.DEFAULT),
        results=Results(disks=ResultDisks.CHANGED),
    )


def kept(job: Job) -> Job:
    """The job whose machine becomes the image that another one is to be run on, by its `keep_image`."""
    image = job.image or Image(name=job.name)
    whole = replace(image, name=job.name, steps=to_do(job), earlier=(), cloud_init=job.seed is not None)
    return replace(builder(whole), types=job.types, memory=job.memory, cpus=job.cpus, network=job.network)


def building(job: Job, *, inspect: bool = False) -> Building:
    """What the machine of a `builder` is to become."""
    name = job.image.name if job.image else job.name
    return Building(name=name, hardware=GoldenHardware(types=job.types), inspect=inspect)


def template(job: Job, ground: Ground) -> tuple[Job, Ground]:
    """The job whose machine is imprinted when its guest is ready, and what it is begun upon.

    `job` is one whose image has all its steps done, and `ground` what that is begun upon.
    """
    built = building(ground.asked)
    name = f"{IMPRINT}{built.name}"[:_NAME_MOST]
    made = replace(
        handed_over(job),
        name=name,
        run="",
        steps=(),
        requirements=has(CLONE),
        network=Network(type=NetworkType.NONE),
        time_limit=READY_SECONDS,
        silence_limit=QUIET_SECONDS,
    )
    hardware = replace(built.hardware, memory=job.memory, cpus=job.cpus)
    return made, replace(ground, building=replace(built, hardware=hardware, memory=True))


def handed_over(job: Job) -> Job:
    """The job of a build whose disks come back as they can be kept: what was changed, if a layer can lie on the rest.

    None is laid upon a vmdk, upon what only a host has, or upon as many layers as there may be.
    """
    beneath = job.overlaid.values()
    whole = any(
        disk.layout is DiskFormat.VMDK or disk.file.on_host or len(disk.files) >= LAYERS_MOST for disk in beneath
    )
    return replace(job, results=replace(job.results, disks=ResultDisks.WHOLE if whole else ResultDisks.CHANGED))


def is_same(one: Ground, other: Ground) -> bool:
    """Whether two are to become the same image, whatever each begins with."""
    return one.start == other.start and _all(one) == _all(other)


def _all(ground: Ground) -> frozenset[str]:
    return frozenset((*(each.digest for each in ground.done), *ground.left))
