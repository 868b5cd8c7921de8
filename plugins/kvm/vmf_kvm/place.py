"""Where a machine's things are on the host. Pure: nothing is looked at."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from vmf.errors import HoldCode, JobFault

CONSOLE = "console.log"
ENDING = "ending"
"""How its guest ended, if QEMU said more of that than libvirt tells."""
NVRAM = "nvram"
"""What UEFI keeps between two starts."""
MEMORY = "saved"
"""The memory of a guest that is saved; nothing that is put here for a new machine is called so."""
WAKING = "waking"
"""The same, while it is to go on and has not been let go on yet."""
RESTORE = "restore"
"""The memory of a guest that is to go on from a snapshot, and has not been let go on yet."""
SOCKET_FOLDERS = ("run", "console")
"""Folders below the host's, one in the other, of the machines' sockets."""
_UNWRITABLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What XML 1.0 has no characters for, not even escaped."""


class Socket(StrEnum):
    """What a machine is reached by; the values end the names of the sockets."""

    CONSOLE = ""
    SCREEN = ".vnc"
    AGENT = ".agent"


class Place(Struct, frozen=True, kw_only=True):
    """Where a machine's things are on the host."""

    folder: Path
    """The machine's own folder."""
    sockets: Path
    """A folder with a short path, for the sockets that the machine is reached by."""
    devices: frozenset[str] = frozenset()
    """Paths that are block devices; any other is a plain file."""
    prefix: str = ""
    """What the machine's name begins with in libvirt."""
    label: str = ""
    """User and group, as `+64055:+64055`, that QEMU runs as; nothing changes its owner. Empty: as the daemon."""

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

    def console_log(self) -> str:
        """What the guest has written to its serial console."""
        return str(self.folder / CONSOLE)

    def socket(self, machine: str, use: Socket) -> str:
        """The path of a socket: a machine's name may be longer than that can bear."""
        return str(self.sockets / (hashlib.sha256(machine.encode()).hexdigest()[:16] + use))
