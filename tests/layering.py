"""Disks of golden images for tests: a file with layers upon it, as vmf keeps them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from msgspec.structs import replace

from vmf.disks import differing, images
from vmf.files.sparse import GRAIN
from vmf.model import Disk, DiskFormat, File, Layer


def layer(path: Path, grains: dict[int, bytes], *, size: int, name: str = images.BENEATH) -> Layer:
    """A layer that has these bytes, each filling the grain of its number, over a disk of `size` bytes."""
    with path.open("w+b") as out:
        several = [(number, byte * GRAIN) for number, byte in grains.items()]
        differing.write(out, several, size=size, name=name, layout=DiskFormat.RAW)
    return Layer(file=File(path=path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def layered(base: Disk, *layers: dict[int, bytes], size: int) -> Disk:
    """The disk with such layers, in files beside its own."""
    path = base.file.path
    made = (layer(path.with_name(f"{path.name}.{n}"), each, size=size) for n, each in enumerate(layers))
    return replace(base, layers=tuple(made))


def written(content: bytes, *layers: dict[int, bytes]) -> bytes:
    """What is on such a disk."""
    disk = bytearray(content)
    for each in layers:
        for number, byte in each.items():
            disk[number * GRAIN : (number + 1) * GRAIN] = byte * GRAIN
    return bytes(disk)
