"""The computer's own libvirt daemon, `qemu:///system`: somebody else starts it, and it serves others beside vmf.

Its machines are named after the host's folder, so that two state folders do not meet in it. It gives no file away:
the machine's description says whom QEMU runs as, and that nothing changes its owner.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from vmf.errors import HostLost, SetupError
from vmf_kvm.daemon import blaming_setup, check_length, check_spelling, give, make_machines, make_passable
from vmf_kvm.place import SOCKET_FOLDERS
from vmf_libvirt import client
from vmf_libvirt.account import Account

URI = "qemu:///system"
DEEPEST = "run/console/" + 16 * "x" + ".agent"
"""The longest path of a socket below the folder."""


class System(Struct, frozen=True, kw_only=True):
    """The system's daemon as one host uses it; see `vmf_kvm.daemon.Daemon` for the folders."""

    folder: Path
    account: Account

    cgroups: ClassVar[bool] = True
    """Whether it may bound what a machine takes of the computer."""

    @property
    def machines(self) -> Path:
        """Where every machine has its folder."""
        return self.folder / "machines"

    @property
    def logs(self) -> tuple[Path, *tuple[str, ...]]:
        """Folders, one below the other, of QEMU's own log of each machine."""
        return Path("/var/log"), "libvirt", "qemu"

    @property
    def prefix(self) -> str:
        """What the names of this host's machines begin with in libvirt."""
        return f"{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:8]}-"

    @property
    def label(self) -> str:
        """Whom QEMU runs as."""
        return f"+{self.account.uid}:+{self.account.gid}"

    def link(self) -> client.Link:
        """A connection to the daemon.

        Raises:
            SetupError: if this user cannot use it, or the folder's path will not do.
            HostLost: if it does not answer.
        """
        if os.geteuid() != 0:
            raise SetupError(
                "`daemon: system` needs root: what the computer's own libvirt writes, only root can read",
                hint="run vmf as root, or leave `daemon` out; then there are no networks of type nat and bridge",
            )
        check_spelling(self.folder)
        check_length(self.folder, DEEPEST)
        make_machines(self.folder, self.account)
        with blaming_setup():
            run, console = SOCKET_FOLDERS
            make_passable(self.folder / run)
            give(self.folder / run / console, self.account)  # QEMU itself makes the socket of a screen
        try:
            return client.dial(URI)
        except HostLost as error:
            hint = "is it installed, and running? `systemctl start libvirtd`"
            raise HostLost(error.brief, hint=hint) from error


def system(folder: Path, account: Account) -> System:
    """The system's daemon for the host that keeps its things in `folder`."""
    return System(folder=folder.absolute(), account=account)
