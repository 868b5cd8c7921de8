"""Empty disks that images begin with: one sparse file for each size, which all guests of all images share."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from vmf.files.beside import creating
from vmf.model import Disk, DiskFormat, File
from vmf.warehouse.folders import Folders

FOLDER = ".blank"


def blank(images: Path, size: int) -> Disk:
    """The empty disk of this size, in bytes, of the warehouse in a folder.

    Raises:
        SetupError: if it cannot be made.
    """
    folders, folder = Folders(images=images), images / FOLDER
    path = folder / f"{size}.raw"
    with folders.blaming():
        folders.make_folder(folder)
        if not path.exists():
            with suppress(FileExistsError), creating(path) as file:
                file.truncate(size)
                os.fchmod(file.fileno(), 0o644)
    return Disk(file=File(path=path), format=DiskFormat.RAW)
