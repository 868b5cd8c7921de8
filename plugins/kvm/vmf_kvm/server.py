"""What a connection needs of a libvirt daemon, whosever it is."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from vmf_libvirt.account import Account
from vmf_libvirt.client import Link


class Server(Protocol):
    """A libvirt daemon as one host uses it."""

    @property
    def folder(self) -> Path:
        """Where the host keeps its things."""

    @property
    def account(self) -> Account:
        """Whom the guests run as."""

    @property
    def machines(self) -> Path:
        """Where every machine has its folder."""

    @property
    def logs(self) -> tuple[Path, *tuple[str, ...]]:
        """Folders, one below the other, of QEMU's own log of each machine."""

    @property
    def prefix(self) -> str:
        """What the names of this host's machines begin with in libvirt; empty: it has no others."""

    @property
    def label(self) -> str:
        """Whom the machine's description says that QEMU runs as; empty: nobody, for it runs as the daemon."""

    @property
    def cgroups(self) -> bool:
        """Whether it may bound what a machine takes of the computer."""

    def link(self) -> Link:
        """A connection to the daemon.

        Raises:
            SetupError: if this computer, or this user, lacks what it needs, or the folder's path will not do.
            HostLost: if it does not answer.
        """
