"""What the blocks of hosts have in common whose machines are made by libvirt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from vmf.model.terms import Line

FOLDER = Path("/var/lib/vmf")
"""Where machines' files lie on a host that libvirt alone reaches, if its block says nothing else."""


class Scripts(Struct, frozen=True, kw_only=True):
    """Programs of the host's owner that have a part in how machines are made."""

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
