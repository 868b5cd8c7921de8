"""The words of type `xen` in specs: the blocks that are named after it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from vmf.model.terms import Line


class XenJob(Struct, frozen=True, kw_only=True):
    """The block of a job."""

    hardware: Annotated[
        bool, Meta(description="Whether the processor virtualises the whole machine (HVM), whose disk then boots.")
    ] = False


class XenHost(Struct, frozen=True, kw_only=True):
    """The block of a host; the loader and the script for its bridge are files of the host."""

    bridge_script: Annotated[Path | None, Meta(description="The script that joins machines to the bridge.")] = None
    xml_script: Annotated[
        tuple[Line, ...], Meta(description="A program and its arguments: it edits the libvirt XML of every machine.")
    ] = ()
    loader: Annotated[
        Path | None, Meta(description="The boot loader for kernels that are in images, such as /usr/bin/pygrub.")
    ] = None
