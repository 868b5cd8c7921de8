"""The words of type `xen` in specs: the blocks that are named after it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from vmf.model import Host, Job, Machine
from vmf_libvirt.settings import FOLDER, Scripts

S = TypeVar("S", bound=Struct)

TYPE = "xen"


class Mode(StrEnum):
    """How Xen virtualises a machine."""

    PV = "pv"
    """Its kernel knows Xen, and needs nothing of the processor."""
    PVH = "pvh"
    """The same, and the processor helps."""
    HVM = "hvm"
    """A whole computer, which starts from its disk by BIOS."""


class XenJob(Struct, frozen=True, kw_only=True):
    """The block of a job."""

    mode: Annotated[
        Mode,
        Meta(
            description="pv: the guest's kernel knows Xen; pvh: it does, and the processor helps; "
            "hvm: a whole computer, which starts from its disk.",
            extra={"needs": "mode-{}"},
        ),
    ] = Mode.PV


class XenHost(Scripts, frozen=True, kw_only=True):
    """The block of a host; the loader and the script for its bridge are files of the host."""

    folder: Annotated[
        Path, Meta(description="The folder on the host, by its full path, in which machines' files lie.")
    ] = FOLDER
    loader: Annotated[
        Path | None, Meta(description="The boot loader for kernels that are in images, such as /usr/bin/pygrub.")
    ] = None


def settings(host: Host) -> XenHost:
    """The block of a host that has been read."""
    return _read(host.settings, XenHost)


def mode(job: Job) -> Mode:
    """How the machine of a job is virtualised that has been read."""
    return _read(job.settings, XenJob).mode


def machine_mode(machine: Machine) -> Mode:
    """How a machine is virtualised."""
    return _read({TYPE: machine.settings}, XenJob).mode


def _read(blocks: Mapping[str, Mapping[str, Any]], words: type[S]) -> S:
    return msgspec.convert(blocks.get(TYPE, {}), words, dec_hook=lambda wanted, text: wanted(text))
