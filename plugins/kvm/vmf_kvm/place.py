"""Where a machine's things are on the host. Pure: nothing is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import vmf_libvirt.place
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
GOLDEN, DEVICES = "memory", "devices"
"""The memory of a template, and what all its devices were doing when it was imprinted."""
ASLEEP = "asleep"
"""Is there while a guest that wakes from another one's memory has not run."""
ROUSED = "roused"
"""The same, from when it may have been let go on until it surely has."""
SOCKET_FOLDERS = ("run", "console")
"""Folders below the host's, one in the other, of the machines' sockets."""


class Socket(StrEnum):
    """What a machine is reached by; the values end the names of the sockets."""

    CONSOLE = ""
    SCREEN = ".vnc"
    AGENT = ".agent"


SOCKETS: Mapping[Socket, str] = MappingProxyType({
    Socket.CONSOLE: "the console",
    Socket.SCREEN: "a screen",
    Socket.AGENT: "the way to the guest agent",
})  # fmt: skip
"""What is reached by each."""


class Place(vmf_libvirt.place.Place, frozen=True, kw_only=True):
    """Where a machine's things are on the host."""

    sockets: Path | None = None
    """A folder with a short path, for the sockets that the machine is reached by; None: by libvirt alone."""
    devices: frozenset[str] = frozenset()
    """Paths that are block devices; any other is a plain file."""
    label: str = ""
    """User and group, as `+64055:+64055`, that QEMU runs as; nothing changes its owner. Empty: as the daemon."""

    def console_log(self) -> str:
        """What the guest has written to its serial console."""
        return str(self.folder / CONSOLE)

    def socket(self, machine: str, use: Socket) -> str:
        """The path of a socket: a machine's name may be longer than that can bear.

        Raises:
            JobFault: if its host is another computer, where nobody here can reach one.
        """
        if self.sockets is None:
            words, hint = f"{SOCKETS[use]} is a socket, which leads to no other computer", "use a host of this computer"
            raise JobFault(words, code=HoldCode.MACHINE_INVALID, hint=hint)
        return str(self.sockets / (hashlib.sha256(machine.encode()).hexdigest()[:16] + use))
