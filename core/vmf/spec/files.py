"""Files that a spec names: of this computer, relative to the spec's folder; or already on the host, by a full path."""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from vmf.model import FORMATS, Disk, File
from vmf.spec import nodes, refusals
from vmf.spec.faults import PATH_SHOWN, printable, shown
from vmf.spec.given import Given
from vmf.spec.read import Custom, read, read_path, type_info

APPLIANCE = ".ova"
"""How the name of an appliance ends: an archive of disks and of a machine's description."""

_TYPES = frozenset({stat.S_IFREG, stat.S_IFDIR, stat.S_IFBLK})


class OnHost(Struct, frozen=True, kw_only=True):
    """The words for a file that does not travel."""

    on_host: Annotated[Path, Meta(description="The full path of a file that is already on the host.")]


def reading(folder: Path) -> Custom:
    """How to read files, and what is made of them, in a spec of this folder."""
    files: Custom = {File: partial(read_file, folder), Path: partial(read_path, folder)}
    return MappingProxyType({**files, Disk: partial(_read_disk, files)})


def read_file(folder: Path, given: Given) -> File:
    """The file that a text names, or the block of a file that is on the host.

    Raises:
        SpecError: if it is neither, or names nothing that is there.
    """
    if isinstance(given.node, nodes.Mapping):
        there: OnHost = read(given, type_info(OnHost), {Path: full_path})
        return File(path=there.on_host, on_host=True)
    path = read_path(folder, given)
    if problem := absence(path):
        hint = f"paths are relative to {shown(folder.absolute(), width=PATH_SHOWN)}"
        if Path(given.text()).is_absolute():
            hint = f"a file that is on the host does not travel: write {{on_host: {printable(given.text())}}}"
        raise given.wrong(f"{shown(path, width=PATH_SHOWN)}: {problem}", hint=hint, rule=refusals.NO_FILE)
    return File(path=path)


def absence(path: Path) -> str:
    """Why nothing can be read at a path; nothing if a file, a folder or a disk is there."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        if error.errno == errno.ENOENT and path.is_symlink():
            return f"a link to {shown(os.path.realpath(path), width=PATH_SHOWN)}: {reason}"
        return reason
    return "" if stat.S_IFMT(mode) in _TYPES else "neither a file nor a folder"


def full_path(given: Given) -> Path:
    """A path on the host.

    Raises:
        SpecError: if it is relative: there is nothing there that it could be relative to.
    """
    path = Path(given.text("a full path"))
    if not path.is_absolute():
        hint = "write the path from / on; only what is on this computer is found by a relative one"
        raise given.wrong(f"{shown(path)} is no full path", hint=hint, rule=refusals.NO_FULL_PATH)
    return path


def _read_disk(files: Custom, given: Given) -> Disk:
    """A disk whose format is known: the spec says it, or the suffix of the file's name."""
    disk: Disk = read(given, type_info(Disk), files)
    if disk.file.path.suffix.lower() == APPLIANCE:
        what = f"{shown(disk.file.path.name)} is an appliance, which is an image of its own"
        raise given.at("file").wrong(what, hint="name it with `image:`", rule=refusals.BAD_IMAGE)
    layout = disk.format or FORMATS.get(disk.file.path.suffix.lower())
    if layout is None:
        what = f"the format of {shown(disk.file.path.name)} cannot be told by its name"
        raise given.at("file").wrong(what, hint="add `format: raw`, `qcow2` or `vmdk`", rule=refusals.UNTOLD_FORMAT)
    return replace(disk, format=layout)
