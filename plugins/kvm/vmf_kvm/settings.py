"""The words of type `kvm` in specs: the block of a host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from vmf.model.terms import Line


class KvmHost(Struct, frozen=True, kw_only=True):
    """The block of a host; the script for its bridge is a file of the host."""

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
