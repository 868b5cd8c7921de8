"""Which drivers a libvirt daemon has beside the one of its hypervisor: each is a package that may not be installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from vmf.errors import HostFault
from vmf_libvirt.client import Client, Link
from vmf_libvirt.errors import Code, LibvirtFault


class Driver(StrEnum):
    """What it is for."""

    NETWORKS = "networks"
    FILTERS = "filters of networks"
    STORAGE = "storage"


_ASKED: Mapping[Driver, Callable[[Link], object]] = MappingProxyType({
    Driver.NETWORKS: lambda link: link.listAllNetworks(),
    Driver.FILTERS: lambda link: link.listAllNWFilters(),
    Driver.STORAGE: lambda link: link.listAllStoragePools(),
})  # fmt: skip
"""What only a daemon with the driver answers."""


def lacking(client: Client, driver: Driver) -> str:
    """That the daemon has no such driver; empty if it has."""
    try:
        client.call(_ASKED[driver])
    except LibvirtFault as fault:
        if fault.code != Code.NO_SUPPORT:
            raise
        return f"libvirt has no driver for {driver} there"
    return ""


def check_storage(client: Client) -> None:
    """See that the daemon keeps files.

    Raises:
        HostFault: if not: without that it has no machines of vmf's.
    """
    if reason := lacking(client, Driver.STORAGE):
        hint = "install its driver for storage there, such as libvirt-daemon-driver-storage, and restart the daemon"
        raise HostFault(reason, hint=hint)
