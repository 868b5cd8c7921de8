"""The words of type `kvm` in specs: the block of a host."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from vmf.model import Host
from vmf.model.terms import Line

TYPE = "kvm"


class DaemonKind(StrEnum):
    """Whose libvirt daemon runs the machines."""

    PRIVATE = "private"
    SYSTEM = "system"


class KvmHost(Struct, frozen=True, kw_only=True):
    """The block of a host; the script for its bridge is a file of the host."""

    daemon: Annotated[
        DaemonKind,
        Meta(
            description="private: a libvirt daemon of vmf's own; "
            "system: the computer's own, which has networks of type nat and bridge, and needs root."
        ),
    ] = DaemonKind.PRIVATE
    bridge_script: Annotated[
        Path | None,
        Meta(description="The script that joins machines to the bridge.", extra={"needs": "bridge-script"}),
    ] = None
    xml_script: Annotated[
        tuple[Line, ...],
        Meta(
            description="A program and its arguments: it edits the libvirt XML of every machine.",
            extra={"needs": "xml-script"},
        ),
    ] = ()


def settings(host: Host) -> KvmHost:
    """The block of a host that has been read."""
    return msgspec.convert(host.settings.get("kvm", {}), KvmHost, dec_hook=lambda wanted, text: wanted(text))
