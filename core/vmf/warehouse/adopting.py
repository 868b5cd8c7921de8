"""Keeping an image of another warehouse, all of whose files have come, as one of this warehouse's own."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from vmf.files import sparse
from vmf.files.beside import naming, replacing, sync_folder
from vmf.hookspecs import unreported
from vmf.model import Golden, GoldenDisk, Original, Shelved
from vmf.warehouse.folders import Folders
from vmf.warehouse.keeping import INITRD, KERNEL, READABLE

LOOK_SECONDS = 0.1


class Adopting:
    """Keeps the files of one image: links to those that have come, or copies; `files` are these, by their sums."""

    def __init__(self, folders: Folders, golden: Golden, files: Mapping[str, Path]) -> None:
        self._folders = folders
        self._golden = golden
        self._files = files

    def keep(self, folder: Path) -> Golden:
        """Have all files there; what the image is then: it lies on no other image.

        Raises:
            OSError: naming the file, if it cannot be read or written.
        """
        golden = self._golden
        return replace(
            golden,
            kernel=self._shelved(golden.kernel, folder / KERNEL),
            initrd=self._shelved(golden.initrd, folder / INITRD),
            disks=tuple(self._disk(number, disk, folder) for number, disk in enumerate(golden.disks)),
        )

    def _disk(self, number: int, disk: GoldenDisk, folder: Path) -> GoldenDisk:
        layers = (
            self._shelved(layer, folder / f"disk{number}x{place}.qcow2") for place, layer in enumerate(disk.layers)
        )
        return replace(disk, base=self._original(disk.base), layers=tuple(filter(None, layers)))

    def _shelved(self, file: Shelved | None, path: Path) -> Shelved | None:
        if file is None:
            return None
        _bring(self._files[file.sha256], path)
        return replace(file, image=None, name=path.name)

    def _original(self, base: Original | None) -> Original | None:
        """What a disk began with is kept as what was downloaded is: by its sum."""
        if base is None:
            return None
        name = f".downloads/{base.sha256}.{base.format}"
        path = self._folders.images / name
        self._folders.make_folder(path.parent)
        while not path.exists():
            try:
                _bring(self._files[base.sha256], path)
            except BlockingIOError:  # another process does; whoever is killed at it leaves it to the next one
                time.sleep(LOOK_SECONDS)
        return replace(base, path=name)


def _bring(source: Path, path: Path) -> None:
    with naming(path):
        with suppress(OSError):  # not within one file system, or it has no links
            os.link(source, path)
            sync_folder(path.parent)
            return
        with source.open("rb") as stream, replacing(path) as out:
            sparse.copy(stream, out, unreported)
            os.fchmod(out.fileno(), READABLE)
