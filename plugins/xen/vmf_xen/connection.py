"""One host of Xen's, reached by libvirt alone, whether it is this computer or another one."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from vmf.errors import SetupError
from vmf.model import Host, Transport
from vmf_libvirt.client import Client
from vmf_libvirt.connecting import connect
from vmf_libvirt.remote import Remote
from vmf_xen.dialect import dialect
from vmf_xen.settings import settings

CAPABILITIES = Path("/proc/xen/capabilities")
CONTROL = "control_d"
"""What the kernel says of the domain that may make others."""


def opened(host: Host, folder: Path) -> Remote:
    """A connection to a host that keeps its things on this computer in `folder`.

    Raises:
        SetupError: if this computer, or this user, cannot do it.
        HostLost: if the host does not answer.
    """
    if host.connection.transport is Transport.LOCAL:
        check_here(CAPABILITIES, os.geteuid())
    words = settings(host)
    return Remote(
        partial(Client, partial(connect, "xen", host.connection, folder)),
        folder=folder,
        root=words.folder,
        dialect=dialect(words),
    )


def check_here(capabilities: Path, user: int) -> None:
    """See that this computer runs Xen, and that this user may use it.

    Raises:
        SetupError: if not.
    """
    try:
        found = capabilities.read_text()
    except OSError:
        found = ""
    if CONTROL not in found:
        raise SetupError(
            "this computer does not run Xen, or is a guest of it: its kernel was not started as Xen's own",
            hint="install xen-system-amd64 (Debian), and start with Xen; or name another computer by `connection:`",
        )
    if user != 0:
        raise SetupError(
            "Xen's machines are made by root only",
            hint="run vmf as root; or let another computer do it, by `connection: {transport: ssh, …}`",
        )
