"""Where a machine's files are on the host. Pure: nothing is looked at."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from vmf.errors import HoldCode, JobFault

_UNWRITABLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What XML 1.0 has no characters for, not even escaped."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a machine's files are on the host."""

    folder: Path
    """The machine's own folder."""
    prefix: str = ""
    """What the machine's name begins with in libvirt."""

    def file(self, name: str) -> str:
        """The path of a machine's file: in its folder if it has no slash, else as it is.

        Raises:
            JobFault: if the name could lead anywhere else, or cannot be written.
        """
        if ("/" in name and not name.startswith("/")) or name in {"", ".", ".."}:
            raise JobFault(
                f"{name!r} is neither a file's name nor an absolute path",
                code=HoldCode.MACHINE_INVALID,
                hint="name a file of the host by its full path",
            )
        if found := _UNWRITABLE.search(name):
            raise JobFault(
                f"{name!r} has a character, {found[0]!r}, that libvirt cannot be told",
                code=HoldCode.MACHINE_INVALID,
                hint="rename the file, or the folder that is called so",
            )
        return str(self.folder / name)
