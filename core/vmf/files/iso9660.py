"""What a disc is known by, and which names it can hold."""

from __future__ import annotations

from vmf.errors import HoldCode, JobFault
from vmf.files.source import Source

SECTOR = 2048
LEVELS = 8
"""Of folders that ISO 9660 allows, one below the other."""
_START, _MAGIC = 16 * SECTOR + 1, b"CD001"
_NAME_MOST = 253
"""Bytes of a name: Linux cuts longer ones off."""
_PARENT = "\x01"
"""What ISO 9660 calls the folder above: Linux never finds a file of that name, whatever Rock Ridge says."""
_MOVED_MOST = 150
"""Bytes of a name where a folder would lie too deep and is kept elsewhere: more, and pycdlib cannot read it back."""


def objection(path: str) -> str:
    """Why a disc cannot hold a file or folder of this path; nothing if it can."""
    for level, name in enumerate(path.split("/"), 1):
        try:
            size = len(name.encode())
        except UnicodeEncodeError:
            return "its name is not UTF-8"
        if name in {"", ".", ".."} or "\0" in name:
            return "it has no name of its own"
        if name == _PARENT:
            return "its name is the byte 01, which Linux takes for the folder above"
        if size > _NAME_MOST:
            return f"its name has {size} bytes, and Linux reads {_NAME_MOST} of a name on a CD-ROM"
        if size > _MOVED_MOST and level % LEVELS == 0:
            return f"its name has {size} bytes; {level} levels deep it may have {_MOVED_MOST}"
    return ""


def inspect(source: Source) -> None:
    """See that a file is an ISO 9660 disc.

    Raises:
        JobFault: if it is none.
    """
    with source.open() as file:
        file.seek(_START)
        if file.read(len(_MAGIC)) != _MAGIC:
            hint = "name an ISO; what is to be put on a CD-ROM is named in `files:`"
            raise JobFault(f"{source.name} is no ISO 9660 disc", code=HoldCode.IMAGE_INVALID, hint=hint)
