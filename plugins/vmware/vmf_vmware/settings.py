"""The words of type `vmware` in specs: the blocks that are named after it. Credentials have no word there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from vmf.model import File, Host
from vmf.model.terms import Line

TYPE = "vmware"
VMX_KEY = r"^[A-Za-z.][A-Za-z0-9_.:-]{0,127}$"
FINGERPRINT = r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$"


class VmwareJob(Struct, frozen=True, kw_only=True):
    """The block of a job."""

    folder: Annotated[
        File | None, Meta(description="The machine as VMware keeps it: a folder with one .vmx file and its disks.")
    ] = None
    snapshot: Annotated[
        bool, Meta(description="Whether what the guest writes goes beside the folder's disks, which stay as they are.")
    ] = True
    vmx: Annotated[
        Mapping[Annotated[str, Meta(pattern=VMX_KEY)], Line],
        Meta(description="More lines of the .vmx file, key to value."),
    ] = {}


class VmwareNetworks(Struct, frozen=True, kw_only=True):
    """What the types of networks are called in the inventory."""

    nat: Annotated[Line | None, Meta(description="The network that is meant by nat.")] = None
    bridge: Annotated[Line | None, Meta(description="The network that is meant by bridge.")] = None


class VmwareHost(Struct, frozen=True, kw_only=True):
    """The block of a host: where machines are put, by the names of the inventory."""

    datacenter: Annotated[Line | None, Meta(description="The datacenter; the only one if not given.")] = None
    cluster: Annotated[Line | None, Meta(description="The cluster, or the host; the only one if not given.")] = None
    resource_pool: Annotated[Line | None, Meta(description="The resource pool; the cluster's own if not given.")] = None
    folder: Annotated[Line | None, Meta(description="The machines' folder; the datacenter's own if not given.")] = None
    datastore: Annotated[Line | None, Meta(description="Where disks are kept; the only one if not given.")] = None
    networks: Annotated[VmwareNetworks, Meta(description="The networks, by type.")] = VmwareNetworks()
    pin: Annotated[
        Annotated[str, Meta(pattern=FINGERPRINT)] | None,
        Meta(description="The SHA-256 fingerprint of the one certificate to trust, in hexadecimal."),
    ] = None
    vmx_file: Annotated[
        Path | None, Meta(description="A file of this computer with more .vmx lines for every machine.")
    ] = None


def settings(host: Host) -> VmwareHost:
    """The block of a host that has been read."""
    return msgspec.convert(host.settings.get(TYPE, {}), VmwareHost, dec_hook=lambda wanted, text: wanted(text))
