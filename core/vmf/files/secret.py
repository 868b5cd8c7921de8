"""Secrets: values of variables that lie in files. They are read when a job's files are brought to its host."""

from __future__ import annotations

from collections.abc import Mapping

from vmf.errors import HoldCode, JobFault
from vmf.files.source import Read, find
from vmf.model import File

MOST = 64 * 1024
"""Bytes of a secret; Linux runs no program with a variable of more than twice as many."""


def read_all(secrets: Mapping[str, File], read: Read) -> dict[str, bytes]:
    """The values of variables by their names; see `read_one`."""
    return {name: read_one(file, read) for name, file in secrets.items()}


def read_one(file: File, read: Read) -> bytes:
    """A secret: what is in its file, but for one line break at the end, which editors add.

    Raises:
        JobFault: if it cannot be read, or cannot be the value of a variable; its words say nothing of the value.
    """
    source = find(file, read)
    with source.open() as stream:
        value = stream.read(MOST + 1)
    if len(value) > MOST:
        raise _unfit(source.name, f"it has more than {MOST // 1024} KiB")
    if b"\0" in value:
        raise _unfit(source.name, "it has a zero byte in it")
    return value.removesuffix(b"\n")


def _unfit(name: str, reason: str) -> JobFault:
    hint = "put it on a CD-ROM as a file, by `cdrom.files`, or encode it"
    return JobFault(f"{name} cannot be a variable's value: {reason}", code=HoldCode.IMAGE_INVALID, hint=hint)
