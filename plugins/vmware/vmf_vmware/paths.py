"""Paths of files on datastores: `[store1] folder/file`. Pure; nothing that could lead elsewhere becomes one."""

from __future__ import annotations

import re
from typing import Self

from msgspec import Struct

from vmf.errors import HoldCode, JobFault

_BRACKETED = re.compile(r"\[([^\[\]]+)\] ?(.*)", re.DOTALL)
_MOUNTED = re.compile(r"/vmfs/volumes/([^/]+)/(.+)", re.DOTALL)
_UNFIT = re.compile(r"[\x00-\x1f\x7f\[\]\"'\\]")
"""What means something else in a datastore path, in a .vmx file or in a descriptor, or cannot be in any."""


class DatastorePath(Struct, frozen=True, order=True):
    """A file or a folder on a datastore; an empty path is the datastore's root."""

    datastore: str
    path: str

    def __post_init__(self) -> None:
        """Raises `JobFault` if the path could lead anywhere else, or cannot be written."""
        _check(self.datastore, self.path)

    def __str__(self) -> str:
        return f"[{self.datastore}] {self.path}"

    def __truediv__(self, name: str) -> Self:
        return type(self)(self.datastore, f"{self.path}/{name}" if self.path else name)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> Self:
        """The folder in which it is."""
        return type(self)(self.datastore, self.path.rpartition("/")[0])


def parse(text: str) -> DatastorePath:
    """Read a path as vSphere writes it, `[store1] a/b`, or as ESXi does, `/vmfs/volumes/store1/a/b`.

    Raises:
        JobFault: if it is neither, or could lead anywhere else.
    """
    found = _BRACKETED.fullmatch(text) or _MOUNTED.fullmatch(text)
    if found is None:
        raise _unfit(text, "is no path of a datastore")
    return DatastorePath(found[1], found[2])


def _check(datastore: str, path: str) -> None:
    text = f"[{datastore}] {path}"
    for part in (datastore, path):
        if found := _UNFIT.search(part):
            raise _unfit(text, f"has a character, {found[0]!r}, that cannot be in a datastore path")
    steps = path.split("/") if path else []
    if {"", ".", ".."} & {datastore, *steps} or "/" in datastore:
        raise _unfit(text, "does not lead straight to a file of the datastore")


def _unfit(text: str, reason: str) -> JobFault:
    hint = "write `[store1] folder/file` or `/vmfs/volumes/store1/folder/file`"
    return JobFault(f"{text!r} {reason}", code=HoldCode.MACHINE_INVALID, hint=hint)
