"""libvirt's networks and filters, and the addresses of machines on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmf_libvirt import nat
from vmf_libvirt.client import Client
from vmf_libvirt.domains import Domain
from vmf_libvirt.errors import Code, LibvirtFault

LEASES = 0
"""libvirt's VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE: what its own DHCP servers have given away."""


def leases(client: Client, machine: str) -> Mapping[str, tuple[str, ...]]:
    """What libvirt's own DHCP servers gave a machine that runs: MAC address, in lower case, to IP addresses."""
    try:
        return client.on(machine, _leases) or {}
    except LibvirtFault as error:
        if error.code != Code.OPERATION_INVALID:  # else it has ended by now
            raise
        return {}


def adopt_nat(client: Client) -> None:
    """Have vmf's nat network up; one of its name that is there stays as it is.

    Raises:
        LibvirtFault: if it cannot be made, or does not start.
    """
    try:
        active = client.call(lambda link: link.networkLookupByName(nat.NETWORK).isActive())
    except LibvirtFault as error:
        if error.code != Code.NO_NETWORK:
            raise
        client.call(lambda link: link.networkDefineXML(nat.network()))
        active = False
    if active:
        return
    try:
        client.call(lambda link: link.networkLookupByName(nat.NETWORK).create())
    except LibvirtFault:
        if not client.call(lambda link: link.networkLookupByName(nat.NETWORK).isActive()):  # another process was first
            raise


def define_filter(client: Client, xml: str) -> None:
    """Have a network filter as it is described; libvirt changes one with its id that is another, for all its guests.

    Raises:
        LibvirtFault: if it cannot be made, as where a filter with another id has its name.
    """
    client.call(lambda link: link.nwfilterDefineXML(xml))


def _leases(domain: Domain) -> Mapping[str, tuple[str, ...]]:
    found: Any = domain.interfaceAddresses(LEASES)  # its annotation is wrong
    return {each["hwaddr"].lower(): tuple(lease["addr"] for lease in each["addrs"] or ()) for each in found.values()}
