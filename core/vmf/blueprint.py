"""The machine that a placement becomes. Pure.

It is described here and nowhere else: the engine makes it, `vmf plan` shows it, and a plugin that judges a job judges
the machine that the job becomes on a host without a policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from vmf.ads import default_network, overlay_share
from vmf.model import (
    Access,
    Bus,
    Connection,
    Disk,
    DiskFormat,
    Facts,
    File,
    Folder,
    Forward,
    Host,
    Image,
    Job,
    Machine,
    MachineCdrom,
    MachineDisk,
    MachineNic,
    MachineShare,
    Networks,
    NetworkType,
    Placement,
    Protocol,
    Reboot,
    Transport,
    bus_of,
)

KERNEL, INITRD, CDROM, FILES, SEED, RESULTS = "kernel", "initrd", "cdrom", "files", "seed", "results"
"""Names of the files that are put into a machine's folder."""

ANSWERING = frozenset({"media-change", "live-results"})
"""What a host must be able to do for a guest to be asked something while its script runs."""
LAYERS = "disk-layers"
"""The ability of a host to use a disk of several files where they lie."""
SERVED = "disk-served"
"""The ability of a host to read a disk's files at the sockets where they are served."""
_ROOMY = frozenset({None, Bus.VIRTIO, Bus.SCSI})
"""Buses that always have room for one drive more."""

NO_TOKEN = "0" * 12
"""Stands for a job's token where there is no job yet."""


def blueprint(placement: Placement, name: str, *, token: str = NO_TOKEN) -> Machine:
    """The machine, called `name`, that a placement becomes.

    `token` are hexadecimal digits that no other job has; its MAC address is made of them, if the job names none: the
    same on every host.
    """
    job, host = placement.job, placement.host
    image, there, bus = booted(job, host), brought(job, host), _bus(job)
    return Machine(
        name=name,
        memory=job.memory,
        cpus=job.cpus,
        accelerator=placement.facts.accelerator,
        kernel=_found(KERNEL, image.kernel, there) if image.kernel else None,
        initrd=_found(INITRD, image.initrd, there) if image.initrd else None,
        kernel_parameters=image.kernel_parameters,
        firmware=job.boot.firmware,
        clock=job.clock,
        disks=tuple(_disk(number, disk, placement, there) for number, disk in enumerate(image.disks)),
        results=MachineDisk(file=RESULTS, format=DiskFormat.RAW, access=Access.IN_PLACE, bus=bus)
        if job.contract
        else None,
        cdroms=(*_cdroms(job, bus, there), *_spare(placement)),
        nic=_nic(placement, token),
        shares=tuple(_shares(job, host)),
        agent=job.agent,
        vnc=job.vnc,
        limits=host.limits,
        reboots=_reboots(job),
        portable=job.checkpoint is not None,
        settings=job.settings.get(host.type, {}),
    )


def template(machine: Machine, name: str) -> Machine:
    """The machine, called `name`, that is imprinted so that `machine` and its like can wake from it."""
    return replace(
        machine,
        name=name,
        template=True,
        wakes=None,
        restored=None,
        results=None,
        nic=None,
        shares=(),
        cdroms=tuple(replace(drive, file=None) for drive in machine.cdroms),
    )


def unplaced(
    job: Job,
    *,
    type_: str,
    network: NetworkType,
    abilities: Iterable[str],
    transport: Transport = Transport.LOCAL,
) -> Machine:
    """What the job becomes on a host of a type that allows everything; its ports are judged by themselves.

    `transport` is how hosts of the type are reached: files travel to those that are elsewhere.
    """
    host = Host(
        name="any",
        type=type_,
        connection=Connection(transport=transport),
        networks=Networks(default=network, together=True),
        folders={share.name: Folder(path=Path("/"), write=True) for share in job.shares},
    )
    facts = Facts(identity="any", memory=job.memory, cpus=job.cpus, arch="x86_64", accelerator="tcg")
    place = Placement(job=job, host=host, facts=facts, capabilities=tuple(abilities), reasons=())
    made = blueprint(place, job.name)
    return replace(made, nic=made.nic and replace(made.nic, forwards=()))


def booted(job: Job, host: Host) -> Image:
    """All that a job boots from on a host: with that one's kernel and initial RAM disk, if nobody names a kernel."""
    bundle, default = job.bundle, host.boot
    if bundle.kernel or job.boot.kernel or default is None or default.kernel is None:
        return bundle
    return replace(bundle, kernel=default.kernel, initrd=default.initrd)


def brought(job: Job, host: Host) -> Mapping[str, File]:
    """The files that are put into the machine's folder as they are, each by its name there.

    Disks are used where they lie, if that is on the host, but for copies that were made for the job alone. So is
    whatever a host elsewhere has; on this computer, what is read once is copied.
    """
    image = booted(job, host)
    given = {KERNEL: image.kernel, INITRD: image.initrd, FILES: job.cdrom.iso if job.cdrom else None}
    moved = ((number, disk) for number, disk in enumerate(image.disks) if not _several(disk))
    given |= {disk_name(number): disk.file for number, disk in moved if host.elsewhere or disk.copied}
    return {name: file for name, file in given.items() if file and not (host.elsewhere and file.on_host)}


def merged(job: Job, host: Host, capabilities: Collection[str]) -> Mapping[str, Disk]:
    """The disks of several files that are put into the machine's folder as one raw file, each by its name there.

    That is so wherever they do not lie, and where the host cannot use several; so is a disk that is served, where the
    host cannot read it so.
    """
    lacks = {ability for ability in (LAYERS, SERVED) if host.elsewhere or ability not in capabilities}
    disks = enumerate(job.bundle.disks)
    return {disk_name(number): disk for number, disk in disks if lacks & _several(disk)}


def _several(disk: Disk) -> frozenset[str]:
    """The abilities that it takes to use a disk where its files lie."""
    wanted = {LAYERS: bool(disk.layers), SERVED: any(file.served for file in disk.files)}
    return frozenset(ability for ability, is_wanted in wanted.items() if is_wanted)


def disk_name(number: int) -> str:
    """What the file of a disk is called that is put into a machine's folder."""
    return f"image{number}"


def _found(name: str, file: File | None, there: Mapping[str, File]) -> str:
    """What a machine calls a file: by its name in the machine's folder, or by the path of the job's on the host."""
    return name if file is None or name in there else str(file.path)


def _disk(number: int, disk: Disk, placement: Placement, there: Mapping[str, File]) -> MachineDisk:
    planned, name = MachineDisk.of(disk, growth=_growth(placement.job, placement.host)), disk_name(number)
    if name in merged(placement.job, placement.host, placement.capabilities):
        return replace(planned, file=name, part=None, layers=(), served=(), format=DiskFormat.RAW)
    return replace(planned, file=name, part=None) if name in there else planned


def _reboots(job: Job) -> bool:
    """Whether a reboot goes on; a script is not run twice unless its owner says so."""
    return not job.contract if job.reboot is None else job.reboot is Reboot.CONTINUE


def _growth(job: Job, host: Host) -> int | None:
    return min((each for each in (job.disk_space, overlay_share(job, host)) if each is not None), default=None)


def _bus(job: Job) -> Bus | None:
    """What vmf's own drives are attached to: a guest that has a driver for its first disk has one for them."""
    disks = job.bundle.disks
    return MachineDisk.of(disks[0]).bus if disks else None


def _cdroms(job: Job, bus: Bus | None, there: Mapping[str, File]) -> Iterator[MachineCdrom]:
    if job.contract:
        yield MachineCdrom(file=CDROM, bus=bus)
    if job.cdrom is not None:
        file, device = _found(FILES, job.cdrom.iso, there), job.cdrom.device
        yield MachineCdrom(file=file, bus=bus_of(device, bus), device=device)
    if job.seed is not None:
        yield MachineCdrom(file=SEED, bus=bus)


def _spare(placement: Placement) -> Iterator[MachineCdrom]:
    """An empty drive, by which a guest can be asked something while its script runs."""
    job, bus = placement.job, _bus(placement.job)
    if job.contract and ANSWERING.issubset(placement.capabilities) and bus in _ROOMY:
        yield MachineCdrom(bus=bus)


def spare_drive(placement: Placement) -> int | None:
    """The number of the drive that is empty from the beginning, if there is one."""
    job = placement.job
    return len(tuple(_cdroms(job, _bus(job), brought(job, placement.host)))) if tuple(_spare(placement)) else None


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
        mac=job.mac(token),
        model=job.network.model,
        forwards=(*job.network.forwards, *ssh),
        bridge=networks.bridge if type_ is NetworkType.BRIDGE else None,
        outside=networks.outside,
        together=networks.together,
    )


def _forwarded(job: Job, port: int) -> bool:
    return any((each.port, each.protocol) == (port, Protocol.TCP) for each in job.network.forwards)


def _shares(job: Job, host: Host) -> Iterator[MachineShare]:
    for share in job.shares:
        folder = host.folders[share.name]
        yield MachineShare(name=share.name, folder=str(folder.path), write=share.write and folder.write)
