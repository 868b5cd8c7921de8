"""libvirt's networks and filters, and the cards of machines on them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from vmf_libvirt.client import Client
from vmf_libvirt.described import macs
from vmf_libvirt.domains import Domain
from vmf_libvirt.errors import Code, LibvirtFault

LEASES = 0
"""libvirt's VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE: what its own DHCP servers have given away."""


class Card(Struct, frozen=True, kw_only=True):
    """A network card that libvirt made for a machine that runs."""

    mac: str
    leased: tuple[str, ...]
    """The IP addresses that libvirt's own DHCP server gave it."""


def cards(client: Client, machine: str) -> tuple[Card, ...]:
    """The cards of a machine; none if it does not run."""
    try:
        return client.on(machine, _cards) or ()
    except LibvirtFault as error:
        if error.code != Code.OPERATION_INVALID:  # else it has ended by now
            raise
        return ()


def adopt_network(client: Client, name: str, xml: str) -> None:
    """Have a network of this name up; one that is there stays as it is.

    Raises:
        LibvirtFault: if it cannot be made, or does not start.
    """
    try:
        active = client.call(lambda link: link.networkLookupByName(name).isActive())
    except LibvirtFault as error:
        if error.code != Code.NO_NETWORK:
            raise
        client.call(lambda link: link.networkDefineXML(xml))  # has an id of its own: to define it twice is as once
        active = False
    if active:
        return
    try:
        client.call(lambda link: link.networkLookupByName(name).create())
    except LibvirtFault:
        if not client.call(lambda link: link.networkLookupByName(name).isActive()):  # another process was first
            raise


def adopt_filter(client: Client, name: str, xml: str) -> None:
    """Have a network filter of this name; one that is there stays as it is.

    Raises:
        LibvirtFault: if it cannot be made.
    """
    try:
        client.call(lambda link: link.nwfilterLookupByName(name))
    except LibvirtFault as error:
        if error.code != Code.NO_NWFILTER:
            raise
        client.call(lambda link: link.nwfilterDefineXML(xml))


def _cards(domain: Domain) -> tuple[Card, ...]:
    found: Any = domain.interfaceAddresses(LEASES)  # its annotation is wrong
    leases = {each["hwaddr"].lower(): tuple(lease["addr"] for lease in each["addrs"] or ()) for each in found.values()}
    return tuple(Card(mac=mac, leased=leases.get(mac, ())) for mac in macs(domain.XMLDesc()))
