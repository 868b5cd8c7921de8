"""A plan as lines for a reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType

import msgspec
from msgspec import Struct

from vmf.blueprint import blueprint, booted, brought, disk_name, merged
from vmf.model import Access, Clock, Disk, Forward, Image, Job, Machine, MachineNic, NetworkType, Placement, ResultDisks
from vmf.steps.phases import boot_of
from vmf.units import format_count, format_duration, format_size


class Line(Struct, frozen=True, kw_only=True):
    """One thing that would be done."""

    what: str
    how: str
    why: str


def explain(placement: Placement, machine: Machine, amended: Sequence[str] = ()) -> tuple[Line, ...]:
    """The plan of one job as lines for a reader."""
    job, facts, image = placement.job, placement.facts, booted(placement.job, placement.host)
    lines = [
        Line(what="host", how=placement.host.name, why="; ".join(placement.reasons)),
        *_bid(placement),
        Line(what="accelerator", how=machine.accelerator, why=facts.note or "the fastest that the host has proved"),
        Line(
            what="machine",
            how=f"{format_size(machine.memory)}, {format_count(machine.cpus, 'cpu')}",
            why="the job says so",
        ),
        _boot(job, image),
        *_command_line(job, image, machine),
        *_settings(job),
        *(_disk(number, disk, placement, machine) for number, disk in enumerate(image.disks)),
        *_drives(job),
        *_network(job, machine),
        *_shares(machine),
        *_steps(job),
        *_exchange(job),
        *_blocks(placement, machine),
    ]
    if amended:
        changes = "; ".join(_changes(blueprint(placement, machine.name), machine))
        lines.append(Line(what="amended", how=changes, why=f"plugins changed the machine: {', '.join(amended)}"))
    return tuple(lines)


def _bid(placement: Placement) -> Iterator[Line]:
    """What the host asks for the job."""
    if bid := placement.bid:
        how = f"cost {bid.cost:.3g}, then {format_duration(bid.seconds)}"
        yield Line(what="bid", how=how, why="; ".join((*bid.cost_of, *bid.seconds_of)) or "a plugin says so")


def _boot(job: Job, image: Image) -> Line:
    """What is booted; a kernel that the job does not name is the host's."""
    how = f"kernel {image.kernel}" if image.kernel else "the first disk"
    if image.kernel != job.bundle.kernel:
        return Line(what="boot", how=how, why="the host's kernel, for jobs that name none")
    return Line(what="boot", how=how, why=f"image {job.image.name}" if job.image else "the job says so")


def _settings(job: Job) -> Iterator[Line]:
    """What a machine usually is not."""
    for what, how in (
        ("firmware", job.boot.firmware),
        ("clock", None if job.clock is Clock.UTC else f"{job.clock} time"),
        ("screen", "by VNC" if job.vnc else None),
        ("agent", "the QEMU guest agent" if job.agent else None),
    ):
        if how:
            yield Line(what=what, how=how, why="the job says so")


_ACCESS = MappingProxyType({
    Access.SNAPSHOT: ("overlay over {}", "originals stay as they are"),
    Access.READ: ("{}, which the guest cannot write", "the job says so"),
    Access.IN_PLACE: (
        "{}, which the guest changes itself",
        "the job says so; no other job of yours that names this path can use it meanwhile",
    ),
})  # fmt: skip


def _disk(number: int, disk: Disk, placement: Placement, machine: Machine) -> Line:
    how, why = _ACCESS[disk.access]
    name, job, host = disk_name(number), placement.job, placement.host
    travels = "; what has not come of it yet is read on demand" if any(file.served for file in disk.files) else ""
    travels = "; it is brought to the host" if name in brought(job, host) else travels
    if name in merged(job, host, placement.capabilities):
        travels = f"; it is brought to the host{', made one file of several' if disk.layers else ''}"
    growth = machine.disks[number].growth if number < len(machine.disks) else None
    limit = "" if growth is None else f", which may grow to {format_size(growth)}"
    bus = "" if disk.bus is None else f", {disk.bus}"
    device = "" if disk.device is None else f", as {disk.device}"
    files = f"{disk.file} with {format_count(len(disk.layers), 'layer')}" if disk.layers else str(disk.file)
    return Line(
        what=f"disk {number}", how=f"{how.format(files)} ({disk.layout}{bus}{device}){limit}", why=f"{why}{travels}"
    )


def _drives(job: Job) -> Iterator[Line]:
    if job.cdrom is not None:
        files = ", ".join(file.path.name for file in job.cdrom.files)
        yield Line(what="cdrom", how=str(job.cdrom.iso) if job.cdrom.iso else files, why="the job says so")
    if job.seed is not None:
        why = "the image uses it" if job.cloud_init is None else "the job says so"
        yield Line(what="cdrom", how="the seed for cloud-init", why=why)


def _network(job: Job, machine: Machine) -> Iterator[Line]:
    nic = machine.nic
    if nic is None:
        return
    mac = job.network.mac or "a MAC address of vmf's making"
    forwards = "".join(f", {_forward(each)}" for each in nic.forwards)
    named = f" {nic.bridge}" if nic.bridge else ""
    why = "the job says so" if nic.type is job.network.type else "it is the host's default"
    yield Line(what="network", how=f"{nic.type}{named}, {mac}{forwards}", why=f"{why}; {_reach(nic)}")


def _forward(forward: Forward) -> str:
    to = forward.host_port or "a free port"
    return f"{forward.protocol} {to} of the host leads to {forward.port}"


def _reach(nic: MachineNic) -> str:
    if nic.type is NetworkType.USER:
        return "it reaches what is beyond the host" if nic.outside else "it reaches nothing outside the machine"
    return "it reaches other machines there" if nic.together else "it does not reach other machines there"


def _shares(machine: Machine) -> Iterator[Line]:
    for share in machine.shares:
        how = f"{share.folder} of the host, {'read and written' if share.write else 'read'}"
        yield Line(what=f"folder {share.name}", how=how, why="the job asks for it and the host allows it")


def _command_line(job: Job, image: Image, machine: Machine) -> Iterator[Line]:
    """What the kernel is told; one that is in a disk is told by the boot loader there."""
    if image.kernel and machine.kernel_parameters:
        whose = {
            f"image {job.image.name}" if job.image else "": job.image and job.image.kernel_parameters,
            "the job": job.boot.root or job.boot.parameters,
            "plugins": machine.kernel_parameters != image.kernel_parameters,
        }
        why = f"the words of {' and '.join(name for name, has_words in whose.items() if has_words)}"
        yield Line(what="command line", how=machine.kernel_parameters, why=why)


def _blocks(placement: Placement, machine: Machine) -> Iterator[Line]:
    """The job's block for the hypervisor, and those that other ones would read."""
    if machine.settings:
        how = ", ".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in machine.settings.items())
        yield Line(what=f"block {placement.host.type}", how=how, why="the job says so")
    for name in sorted(placement.job.settings.keys() - {placement.host.type}):
        how = f"does not count on a host of type {placement.host.type}"
        yield Line(what=f"block {name}", how=how, why="a hypervisor reads the block of its own type only")


def _changes(before: Machine, after: Machine) -> Iterator[str]:
    """What is different, as it is now."""
    for name in after.__struct_fields__:
        if getattr(after, name) != getattr(before, name):
            yield f"{name.replace('_', ' ')}: {getattr(after, name)}"


_DISKS = {ResultDisks.CHANGED: "changed disks", ResultDisks.WHOLE: "whole disks", ResultDisks.NONE: ""}


def _steps(job: Job) -> Iterator[Line]:
    steps = boot_of(job)
    for several, what, why in (
        (steps.before, "actions", "done by the host, before the machine is made"),
        (steps.guest, "steps", "done in the guest, in this order, before the job's script"),
        (steps.after, "actions", "done by the host, once the guest is off"),
    ):
        if several:
            yield Line(what=what, how=", ".join(step.name for step in several), why=why)
    if job.keep_image and (steps.guest or steps.on_host):
        yield Line(what="keep image", how="an image is built first that has these done", why="the job begins with that")


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
            how=f"the script and {format_count(len(job.env) + len(job.secrets), 'variable')}",
            why="the guest contract's input",
        ),
        Line(what="results", how=f"{wanted}, into {folder}", why=f"a volume of {format_size(job.results.volume)}"),
    )
