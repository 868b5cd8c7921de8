"""The files that a new machine's guest changes: overlays that hold nothing yet, or the layers of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from vmf.disks import images, qcow2
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, JobFault
from vmf.model import Access, DiskFormat, Machine, MachineDisk
from vmf_libvirt.errors import unopened
from vmf_libvirt.naming import overlay, stored
from vmf_libvirt.notes import RESULTS
from vmf_libvirt.volumes import Volumes


def lay(machine: Machine, volumes: Volumes, read: Callable[[Path], IO[bytes]]) -> dict[str, tuple[str, ...]]:
    """Have the layers of a machine's disks there; the chains, as `Note` has them. `read` opens a file of the host's.

    Raises:
        JobFault: if a disk, or what has been put there, is not what the machine says.
        HostFault: if the host cannot do it.
    """
    chains: dict[str, tuple[str, ...]] = {RESULTS: (machine.results.file,)} if machine.results else {}
    for number, disk in enumerate(machine.disks):
        if disk.access is Access.SNAPSHOT:
            given = machine.restored.layers.get(number, ()) if machine.restored else ()
            chain = tuple(map(stored, given)) or (overlay(number),)
            if given:
                _relay(chain, disk, volumes)
            else:
                volumes.write(chain[0], qcow2.empty(_size(disk, volumes, read), disk.file, disk.format))
            chains[overlay(number)] = chain
    return chains


def cover(chains: Mapping[str, tuple[str, ...]], volumes: Volumes, number: int) -> dict[str, tuple[str, ...]]:
    """Put a new layer on each chain; the chains with them."""
    covered = {}
    for stem, chain in chains.items():
        layout = DiskFormat.RAW if stem == RESULTS and len(chain) == 1 else DiskFormat.QCOW2
        with volumes.open(chain[-1]) as top:
            size = images.disk_size(top, layout)
        name = f"{stem}-{number}"
        volumes.write(name, qcow2.empty(size, chain[-1], layout))
        covered[stem] = (*chain, name)
    return covered


def _size(disk: MachineDisk, volumes: Volumes, read: Callable[[Path], IO[bytes]]) -> int:
    try:
        with read(Path(disk.file)) if disk.file.startswith("/") else volumes.open(disk.file) as file:
            return images.disk_size(images.within(file, disk.part), disk.format)
    except Unfit as error:
        raise JobFault(f"{disk.file}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
    except OSError as error:
        raise unopened(Path(disk.file), error) from error


def _relay(chain: tuple[str, ...], disk: MachineDisk, volumes: Volumes) -> None:
    """Have each layer lie on the one before, and the first on the disk, whatever their headers say."""
    below = ((disk.file, disk.format), *((name, DiskFormat.QCOW2) for name in chain))
    for name, (base, layout) in zip(chain, below, strict=False):
        try:
            with volumes.open(name) as layer:
                cluster = qcow2.check_overlay(layer).cluster
                layer.seek(0)
                start = layer.read(cluster)
            volumes.overwrite(name, qcow2.relaid(start, base, layout))
        except Unfit as error:
            raise JobFault(f"{name}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
