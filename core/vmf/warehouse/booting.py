"""The machine that goes on where the steps of a golden image ended: what it boots from. Pure."""

from __future__ import annotations

from vmf.model import Disk, DiskFormat, File, Golden, GoldenDisk, Image, Layer, Shelved, Warm
from vmf.warehouse.checking import original, path_of
from vmf.warehouse.folders import Folders


def image(folders: Folders, golden: Golden) -> Image:
    """What it boots from; nothing is looked at."""
    return Image(
        name=golden.name,
        kernel=_file(folders, golden, golden.kernel),
        initrd=_file(folders, golden, golden.initrd),
        kernel_parameters=golden.kernel_parameters,
        disks=tuple(_disk(folders, golden, disk) for disk in golden.disks),
    )


def warm(folders: Folders, golden: Golden, cold: tuple[Disk, ...]) -> Warm | None:
    """What a guest wakes from; `cold` are the disks that it boots from otherwise. None: the image has no memory."""
    if golden.memory is None:
        return None
    memory, state = (
        Layer(file=File(path=path_of(folders, golden, each)), sha256=each.sha256)
        for each in (golden.memory.memory, golden.memory.state)
    )
    return Warm(
        golden=golden.id,
        platform=golden.memory.platform,
        equipment=golden.memory.equipment,
        memory=memory,
        state=state,
        disks=image(folders, golden).disks,
        cold=cold,
    )


def _file(folders: Folders, golden: Golden, file: Shelved | None) -> File | None:
    return File(path=path_of(folders, golden, file)) if file else None


def _disk(folders: Folders, golden: Golden, disk: GoldenDisk) -> Disk:
    layers = [Layer(file=File(path=path_of(folders, golden, each)), sha256=each.sha256) for each in disk.layers]
    lowest = Layer(file=original(folders, disk.base), sha256=disk.base.sha256) if disk.base else layers.pop(0)
    return Disk(
        file=lowest.file,
        format=disk.base.format if disk.base else DiskFormat.QCOW2,
        sha256=lowest.sha256,
        layers=tuple(layers),
        bus=disk.bus,
        device=disk.device,
    )
