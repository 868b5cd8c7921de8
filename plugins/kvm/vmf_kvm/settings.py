"""The words of type `kvm` in specs: the block of a host."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from vmf.model import Host
from vmf_libvirt.settings import FOLDER, Scripts

TYPE = "kvm"


class DaemonKind(StrEnum):
    """Whose libvirt daemon runs the machines."""

    PRIVATE = "private"
    SYSTEM = "system"


class KvmHost(Scripts, frozen=True, kw_only=True):
    """The block of a host; the script for its bridge is a file of the host."""

    daemon: Annotated[
        DaemonKind | None,
        Meta(
            description="private: a libvirt daemon of vmf's own; "
            "system: the computer's own, which has networks of type nat and bridge, and needs root. "
            "Private if not given; that of a host elsewhere is always the computer's own."
        ),
    ] = None
    folder: Annotated[
        Path | None,
        Meta(
            description="The folder on a host elsewhere, by its full path, in which machines' files lie; "
            f"{FOLDER} if not given."
        ),
    ] = None


def settings(host: Host) -> KvmHost:
    """The block of a host that has been read."""
    return msgspec.convert(host.settings.get("kvm", {}), KvmHost, dec_hook=lambda wanted, text: wanted(text))
