"""What would be done, as data, each line with its reason. Pure: nothing is touched.

`plan` gives each job a place and takes its share of the host; `blueprint` says what machine a placement becomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from vmf.ads import default_network, host_ad, job_ad
from vmf.classad import World
from vmf.match import Match, Matches, Rejection, Seeker, ranked
from vmf.model import (
    Access,
    Bus,
    Disk,
    DiskFormat,
    Forward,
    Host,
    Job,
    Machine,
    MachineCdrom,
    MachineDisk,
    MachineNic,
    MachineShare,
    NetworkType,
    Offer,
    Placement,
    ResultDisks,
)
from vmf.units import format_count, format_size

KERNEL, INITRD, CDROM, FILES, SEED, RESULTS = "kernel", "initrd", "cdrom", "files", "seed", "results"
"""Names of the files that are put into a machine's folder."""


class Unplaced(Struct, frozen=True, kw_only=True):
    """A job without a place now, and what each host objects to."""

    job: Job
    rejected: tuple[Rejection, ...]
    hopeless: bool


class Line(Struct, frozen=True, kw_only=True):
    """One thing that would be done."""

    what: str
    how: str
    why: str


def plan(jobs: Sequence[Job], offers: Sequence[Offer | Rejection], *, world: World) -> tuple[Placement | Unplaced, ...]:
    """Place the jobs in their order, each taking its share of what those before it left.

    Expressions see the hosts as they are at the beginning; only room is counted as places are taken.
    """
    from vmf.match.pool import Pool  # noqa: PLC0415  # numpy is slow to import, and a run needs none
    from vmf.match.resources import COST, RESOURCES  # noqa: PLC0415  # as above

    now = sorted((each for each in offers if isinstance(each, Offer)), key=lambda offer: offer.host.name)
    out = tuple(each for each in offers if isinstance(each, Rejection))
    ads = [host_ad(offer) for offer in now]
    places = Pool(ads, world=world).place([job_ad(job) for job in jobs], RESOURCES, cost=COST)
    planned: list[Placement | Unplaced] = []
    for job, chosen in zip(jobs, places.tolist(), strict=True):
        seeker = Seeker(job, world)
        found: Iterable[Match | Rejection]
        if chosen < 0:
            found = (_without(seeker.judge(offer, ad)) for offer, ad in zip(now, ads, strict=True))
        else:
            found = (seeker.judge(now[chosen], ads[chosen]),)
            now[chosen] = replace(now[chosen], taken=now[chosen].taken + job.claim)
        planned.append(place(job, ranked((*found, *out))))
    return tuple(planned)


def _without(found: Match | Rejection) -> Rejection:
    """Why a host has no place for a job; one that would have, but for the plan's other jobs, has that of its name."""
    if isinstance(found, Rejection):
        return found
    reason = "another job of this plan has the MAC address there"
    return Rejection(host=found.offer.host.name, clause="MAC address", reason=reason, passing=True)


def place(job: Job, matches: Matches) -> Placement | Unplaced:
    """Take the best host that fits."""
    if not matches.fitting:
        return Unplaced(job=job, rejected=matches.rejected, hopeless=matches.hopeless)
    best = matches.fitting[0]
    return Placement(
        job=job,
        host=best.offer.host,
        facts=best.offer.facts,
        capabilities=best.offer.capabilities,
        reasons=best.reasons,
    )


NO_TOKEN = "0" * 12
"""Stands for a job's token where there is no job yet."""


def blueprint(placement: Placement, name: str, *, token: str = NO_TOKEN) -> Machine:
    """The machine, called `name`, that a placement becomes.

    `token` are hexadecimal digits that no other job has; its MAC address is made of them, if the job names none: the
    same on every host.
    """
    job, host, image = placement.job, placement.host, placement.job.bundle
    return Machine(
        name=name,
        memory=job.memory,
        cpus=job.cpus,
        accelerator=placement.facts.accelerator,
        kernel=KERNEL if image.kernel else None,
        initrd=INITRD if image.initrd else None,
        kernel_parameters=image.kernel_parameters,
        firmware=job.boot.firmware,
        clock=job.clock,
        disks=tuple(_disk(disk, _growth(job, host)) for disk in image.disks),
        results=None
        if job.run is None
        else MachineDisk(file=RESULTS, format=DiskFormat.RAW, access=Access.IN_PLACE, bus=_bus(image.disks)),
        cdroms=tuple(_cdroms(job, _bus(image.disks))),
        nic=_nic(placement, token),
        shares=tuple(_shares(job, host)),
        agent=job.agent,
        vnc=job.vnc,
        limits=host.limits,
        reboots=job.run is None,  # a job with a script is not run twice
    )


def _disk(disk: Disk, growth: int | None) -> MachineDisk:
    return MachineDisk(
        file=str(disk.file.path),
        part=disk.file.part,
        format=disk.layout,
        access=disk.access,
        bus=disk.bus,
        device=disk.device,
        growth=growth if disk.access is Access.SNAPSHOT else None,
    )


def _growth(job: Job, host: Host) -> int | None:
    return min((each for each in (job.disk_space, host.limits.disk_growth) if each is not None), default=None)


def _bus(disks: Sequence[Disk]) -> Bus | None:
    """What vmf's own drives are attached to: a guest that has a driver for its first disk has one for them."""
    return disks[0].bus if disks else None


def _cdroms(job: Job, bus: Bus | None) -> Iterator[MachineCdrom]:
    if job.run is not None:
        yield MachineCdrom(file=CDROM, bus=bus)
    if job.cdrom is not None:
        yield MachineCdrom(file=FILES, bus=bus, device=job.cdrom.device)
    if job.cloud_init is not None:
        yield MachineCdrom(file=SEED, bus=bus)


def _nic(placement: Placement, token: str) -> MachineNic | None:
    job, networks = placement.job, placement.host.networks
    type_ = job.network.type
    if type_ is NetworkType.DEFAULT:
        type_ = default_network(placement.host, placement.capabilities)
    if type_ is NetworkType.NONE:
        return None
    ssh = () if job.ssh is None or _forwarded(job, job.ssh.port) else (Forward(port=job.ssh.port),)
    return MachineNic(
        type=type_,
        mac=job.network.mac or _mac(token),
        model=job.network.model,
        forwards=(*job.network.forwards, *ssh),
        bridge=networks.bridge if type_ is NetworkType.BRIDGE else None,
        outside=networks.outside,
        together=networks.together,
    )


def _mac(token: str) -> str:
    """A MAC address for one card, administered locally; no two jobs have the same, by 46 bits of chance."""
    first, *others = bytes.fromhex(token[:12])
    return ":".join(f"{byte:02x}" for byte in ((first & 0xFC) | 0x02, *others))


def _forwarded(job: Job, port: int) -> bool:
    return any(each.port == port for each in job.network.forwards)


def _shares(job: Job, host: Host) -> Iterator[MachineShare]:
    for share in job.shares:
        folder = host.folders[share.name]
        yield MachineShare(name=share.name, folder=str(folder.path), write=share.write and folder.write)


def explain(placement: Placement, machine: Machine, amended: Sequence[str] = ()) -> tuple[Line, ...]:
    """The plan of one job as lines for a reader."""
    job, image, facts = placement.job, placement.job.bundle, placement.facts
    boot = f"kernel {image.kernel}" if image.kernel else "the first disk"
    lines = [
        Line(what="host", how=placement.host.name, why="; ".join(placement.reasons)),
        Line(what="accelerator", how=machine.accelerator, why=facts.note or "the fastest that the host has proved"),
        Line(
            what="machine",
            how=f"{format_size(machine.memory)}, {format_count(machine.cpus, 'cpu')}",
            why="the job says so",
        ),
        Line(what="boot", how=boot, why=f"image {job.image.name}" if job.image else "the job says so"),
        *_command_line(job),
        *(
            Line(
                what=f"disk {number}", how=f"overlay over {disk.file} ({disk.layout})", why="originals stay as they are"
            )
            for number, disk in enumerate(image.disks)
        ),
        *_exchange(job),
        *_idle_blocks(placement),
    ]
    if amended:
        changes = "; ".join(_changes(blueprint(placement, machine.name), machine))
        lines.append(Line(what="amended", how=changes, why=f"plugins changed the machine: {', '.join(amended)}"))
    return tuple(lines)


def _command_line(job: Job) -> Iterator[Line]:
    """What the kernel is told; one that is in a disk is told by the boot loader there."""
    if job.bundle.kernel and job.bundle.kernel_parameters:
        image = f"image {job.image.name}" if job.image and job.image.kernel_parameters else ""
        whose = [each for each in (image, "the job" if job.boot.root or job.boot.parameters else "") if each]
        why = f"the words of {' and '.join(whose)}"
        yield Line(what="command line", how=job.bundle.kernel_parameters, why=why)


def _idle_blocks(placement: Placement) -> Iterator[Line]:
    """The job's blocks that other hypervisors would read."""
    for name in sorted(placement.job.settings.keys() - {placement.host.type}):
        how = f"does not count on a host of type {placement.host.type}"
        yield Line(what=f"block {name}", how=how, why="a hypervisor reads the block of its own type only")


def _changes(before: Machine, after: Machine) -> Iterator[str]:
    """What is different, as it is now."""
    for name in after.__struct_fields__:
        if getattr(after, name) != getattr(before, name):
            yield f"{name.replace('_', ' ')}: {getattr(after, name)}"


_DISKS = {ResultDisks.CHANGED: "changed disks", ResultDisks.WHOLE: "whole disks", ResultDisks.NONE: ""}


def _exchange(job: Job) -> tuple[Line, ...]:
    disks = _DISKS[job.result_disks]
    if job.run is None:
        how = disks or "the console only"
        return (Line(what="results", how=how, why="the job gives no script; its end is its shutdown"),)
    wanted = ", ".join(each for each in (*job.results.files, disks) if each) or "exit code and console only"
    folder = job.results.folder or f"./{job.name}.results"
    return (
        Line(
            what="cdrom",
            how=f"the script and {format_count(len(job.env), 'variable')}",
            why="the guest contract's input",
        ),
        Line(what="results", how=f"{wanted}, into {folder}", why=f"a volume of {format_size(job.results.size)}"),
    )
