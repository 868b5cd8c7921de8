"""The files of a golden image: brought into its folder, or known to be somebody's who stays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, ClassVar

from vmf import __version__
from vmf.disks import images, qcow2
from vmf.disks.reading import Unfit
from vmf.errors import Exit, VmfError
from vmf.files import sparse
from vmf.files.access import open_disk, open_file
from vmf.files.beside import naming
from vmf.files.faults import shown
from vmf.hookspecs import Report
from vmf.model import (
    LAYERS_MOST,
    Disk,
    DiskFormat,
    Draft,
    File,
    Golden,
    GoldenDisk,
    GoldenMemory,
    Original,
    Shelved,
)
from vmf.warehouse.checking import Sum, identity, read
from vmf.warehouse.folders import Folders

KERNEL, INITRD, MEMORY, STATE = "kernel", "initrd", "memory", "state"
READABLE = 0o644
"""The hypervisor may run as another user."""
_SECTOR = 512


class Unkept(VmfError):
    """What was handed over cannot be made a golden image."""

    exit: ClassVar[Exit] = Exit.RESULTS


class Keeping:
    """Keeps the files of one golden image in a folder of its own."""

    def __init__(
        self,
        folders: Folders,
        draft: Draft,
        files: Mapping[str, IO[bytes]],
        *,
        sum_of: Sum,
        report: Callable[[str], Report],
    ) -> None:
        self._folders = folders
        self._draft = draft
        self._files = files
        self._sum_of = sum_of
        self._report = report

    @cached_property
    def parents(self) -> frozenset[str]:
        """The ids of the images whose files it needs."""
        image = self._draft.image
        kept = (file for number, disk in enumerate(image.disks) if not self._is_whole(number) for file in disk.files)
        several = (*kept, *(file for file in (image.kernel, image.initrd) if file))
        return frozenset(found for file in several if (found := self._folders.owner(file.path)))

    def keep(self, folder: Path) -> Golden:
        """Have all files there, each of them on the disk; what the image is then.

        Raises:
            Unkept: if something of it must not be kept, or cannot.
            OSError: naming the file, if it cannot be read or written.
        """
        draft, image = self._draft, self._draft.image
        return Golden(
            id=identity(draft),
            name=draft.name,
            start=draft.start,
            performed=draft.performed,
            hardware=draft.hardware,
            kernel=self._copied(image.kernel, folder / KERNEL),
            initrd=self._copied(image.initrd, folder / INITRD),
            kernel_parameters=image.kernel_parameters,
            disks=tuple(self._disk(number, disk, folder) for number, disk in enumerate(image.disks)),
            memory=self._memory(folder),
            attributes=draft.attributes,
            made=time.time(),
            vmf=__version__,
        )

    def _is_whole(self, number: int) -> bool:
        return f"whole{number}" in self._files

    def _copied(self, file: File | None, path: Path) -> Shelved | None:
        """A file that is read once when a machine starts: copied, unless another image has it."""
        if file is None:
            return None
        if known := self._known(file.path):
            return known
        if file.on_host:
            raise Unkept(f"{file} lies on a host, and is not kept", hint="name a file of this computer")
        with open_file(file.path) as stream:
            return self._bring(stream, path)

    def _memory(self, folder: Path) -> GoldenMemory | None:
        platform, equipment = self._draft.platform, self._draft.equipment
        if platform is None:
            return None
        if equipment is None:
            raise AssertionError(f"image {self._draft.name} has memory, and nobody says of which machine")
        memory, state = (self._bring(self._files[name], folder / name) for name in (MEMORY, STATE))
        return GoldenMemory(platform=platform, equipment=equipment, memory=memory, state=state)

    def _disk(self, number: int, disk: Disk, folder: Path) -> GoldenDisk:
        path = folder / f"disk{number}.qcow2"
        if self._is_whole(number):
            whole = self._bring(self._files[f"whole{number}"], path, qcow2.check)
            with path.open("rb") as file:
                size = qcow2.disk_size(file)
            return GoldenDisk(size=size, layers=(whole,), bus=disk.bus, device=disk.device)
        base, layers = self._beneath(disk)
        size = _size(disk)
        if changed := self._files.get(f"disk{number}"):
            layout = disk.layout if not disk.layers else DiskFormat.QCOW2
            layers = (*layers, self._bring(changed, path, lambda out: _lay(out, layout, size)))
        if len(layers) > LAYERS_MOST:
            hint = f"hand it over whole, as `whole{number}`"
            raise Unkept(f"disk {number} is made of {len(layers)} layers, and no more than {LAYERS_MOST} do", hint=hint)
        return GoldenDisk(size=size, base=base, layers=layers, bus=disk.bus, device=disk.device)

    def _beneath(self, disk: Disk) -> tuple[Original | None, tuple[Shelved, ...]]:
        """What a disk was made of."""
        lowest, *upper = disk.files
        known = self._known(lowest.path)
        layers = tuple(self._layer(file) for file in upper)
        if known:
            return None, (known, *layers)
        for is_so, what in (
            (lowest.on_host, "lies on a host"),
            (disk.layout is DiskFormat.VMDK, "is a vmdk"),
            (lowest.path.is_block_device(), "is a device"),
        ):
            if is_so:
                raise Unkept(
                    f"disk {shown(lowest.path)} {what}, upon which no layer is kept", hint="hand it over whole"
                )
        with naming(lowest.path), open_file(lowest.path) as stream:
            found = self._sum_of(stream, lowest)
        path = lowest.path.parent.resolve() / lowest.path.name
        if path.is_relative_to(self._folders.images):
            path = path.relative_to(self._folders.images)
        return Original(path=str(path), part=lowest.part, format=disk.layout, sha256=found), layers

    def _layer(self, file: File) -> Shelved:
        if found := self._known(file.path):
            return found
        hint = "hand the disk over whole"
        raise Unkept(f"{shown(file.path)} is a layer that is in no golden image of this warehouse", hint=hint)

    def _known(self, path: Path) -> Shelved | None:
        """The file of another image, as that one knows it."""
        if (owner := self._folders.owner(path)) is None:
            return None
        for each in read(self._folders, owner).own:
            if each.name == path.name:
                return Shelved(image=owner, name=each.name, size=each.size, sha256=each.sha256)
        raise Unkept(f"{path} is no file of golden image {owner}", hint="name the image anew")

    def _bring(self, stream: IO[bytes], path: Path, settle: Callable[[IO[bytes]], object] = lambda _: None) -> Shelved:
        """Write a file, have it settled and on the disk; `settle` raises `Unfit` of what must not be kept."""
        report = self._report(path.name)
        try:
            with naming(path), path.open("x+b") as out:
                sparse.copy(stream, out, report)
                settle(out)
                out.flush()
                os.fchmod(out.fileno(), READABLE)
                os.fsync(out.fileno())
                size = os.fstat(out.fileno()).st_size
                return Shelved(name=path.name, size=size, sha256=sparse.sha256(out, check=report))
        except Unfit as unfit:
            raise Unkept(f"{path.name}: {unfit}", hint=unfit.hint) from unfit


def _size(disk: Disk) -> int:
    """Bytes of a disk as its guest sees it: whole sectors."""
    file, layout = (disk.layers[-1].file, DiskFormat.QCOW2) if disk.layers else (disk.file, disk.layout)
    try:
        with naming(file.path), open_disk(file.path) as opened:
            size = images.disk_size(images.within(opened, file.part), layout)
    except Unfit as unfit:
        raise Unkept(f"{shown(file.path)}: {unfit}", hint=unfit.hint) from unfit
    return -(-size // _SECTOR) * _SECTOR


def _lay(layer: IO[bytes], layout: DiskFormat, size: int) -> None:
    """Have a layer name nothing that anybody could follow, be no longer than it is, and fit what it lies on."""
    qcow2.trim(layer)
    cluster = qcow2.check_overlay(layer).cluster
    layer.seek(0)
    first = qcow2.relaid(layer.read(cluster), images.BENEATH, layout)
    layer.seek(0)
    layer.write(first)
    layer.flush()
    images.check_layer(layer, size)
