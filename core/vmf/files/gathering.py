"""What a disc is made of, from the files and folders that a job names.

A link to a file stands for that file: its content travels, under the link's name. A link to a folder within a folder,
one that leads nowhere, a device, a pipe and a socket are refused by name, and so is a name that no disc can hold.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vmf.errors import HoldCode, JobFault
from vmf.files.faults import shown, unread
from vmf.files.iso9660 import objection
from vmf.files.source import Content, Read, find, here
from vmf.model import File
from vmf.result import END

MOST = 20_000
"""Files and folders of a disc; making one of so many takes seconds and 200 MiB of memory."""

_TWICE = "rename one of the two, or put it into a folder"


def gather(files: Sequence[File], read: Read) -> dict[str, Content]:
    """Everything that these files and folders put on a disc, by its path there.

    Each lies at the disc's root under its own name, a folder with all that is in it.

    Raises:
        JobFault: for the first that cannot be on it, or has the name of another.
    """
    found: dict[str, Content] = {}
    first: dict[str, File] = {}
    for file in files:
        name = file.path.name
        if name in first:
            raise _unfit(file.path, f"{shown(first[name].path)} has the same name", _TWICE)
        first[name] = file
        found |= collect(file, read)
        if len(found) > MOST:
            raise _too_many(file.path)
    return found


def collect(file: File, read: Read) -> Mapping[str, Content]:
    """What one file or folder puts on a disc; see `gather`."""
    path = file.path
    _check_name(path, path.name)
    if path.name == END:
        raise _unfit(path, "guests know the disc with the job's script by that name", "rename it")
    if file.on_host:
        return {path.name: find(file, read)}
    if not path.is_dir():
        return {path.name: here(path)}
    found: dict[str, Content] = {}
    for name, content in _walked(path):
        found[name] = content
        if len(found) > MOST:
            raise _too_many(path)
    return found


def _walked(top: Path) -> Iterator[tuple[str, Content]]:
    todo = [(top, top.name)]
    while todo:
        folder, name = todo.pop()
        yield name, None
        for entry in _entries(folder):
            path, below = Path(entry.path), f"{name}/{entry.name}"
            _check_name(path, below)
            if entry.is_dir(follow_symlinks=False):
                todo.append((path, below))
            else:
                yield below, _content(path, entry)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise unread("folder", File(path=folder), error) from error


def _content(path: Path, entry: os.DirEntry[str]) -> Content:
    if entry.is_symlink():
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise _unfit(path, "it is a link that leads nowhere", "mend it or remove it") from error
        if stat.S_ISDIR(mode):
            raise _unfit(path, "it is a link to a folder", "name that folder itself, or put a copy there")
    return here(path)


def _check_name(path: Path, name: str) -> None:
    if reason := objection(name):
        raise _unfit(path, reason, "rename it, or pack it into an archive")


def _too_many(path: Path) -> JobFault:
    return _unfit(path, f"with it, there are more than {MOST} files and folders", "pack them into an archive")


def _unfit(path: Path, reason: str, hint: str) -> JobFault:
    return JobFault(f"{shown(path)} cannot be on a CD-ROM: {reason}", code=HoldCode.IMAGE_INVALID, hint=hint)
