"""Filters, which keep the machines on a network apart, and the kernel's word on who is there. Pure.

They are the same on every host, and shared, as the network is (`vmf_libvirt.nat`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from xml.etree import ElementTree as ET

from vmf_libvirt.nat import GATEWAY, NETMASK

OWN_MAC, APART = "vmf-own-mac", "vmf-apart"
"""Filters: frames leave a guest with its own MAC address only, and none goes to another guest by way of the gateway."""
UUIDS: Mapping[str, str] = MappingProxyType({
    OWN_MAC: "4bb0c1ff-ae4f-4b11-8952-d14782a81f71",
    APART: "3a1bc80c-f092-4beb-9fd6-3a0180dda767",
})  # fmt: skip
"""With ids of their own, two processes may define them at once."""
BROADCAST = "255.255.255.255"
FLAGS, MAC, INCOMPLETE = 2, 3, "0x0"
"""Columns of the kernel's table, and the flags of a row that waits for an answer."""


def filters() -> tuple[str, ...]:
    """The XML of each filter, one that others refer to first.

    Machines are isolated ports of one bridge; what is left is the way by the gateway, which routes from the bridge to
    the bridge. So a guest may send to no address of the network but the gateway's, and ask everybody for its own.
    """
    own = _filter(OWN_MAC)
    ET.SubElement(_rule(own, "drop", "100"), "mac", match="no", srcmacaddr="$MAC")
    apart = _filter(APART)
    ET.SubElement(apart, "filterref", filter=OWN_MAC)
    for address in (GATEWAY, BROADCAST):
        ET.SubElement(_rule(apart, "accept", "200"), "ip", dstipaddr=address)
    ET.SubElement(_rule(apart, "drop", "300"), "ip", dstipaddr=GATEWAY, dstipmask=NETMASK)
    return tuple(ET.tostring(each, encoding="unicode") for each in (own, apart))


def neighbours(table: str, mac: str) -> tuple[str, ...]:
    """The IP addresses of a card in the kernel's table of neighbours, /proc/net/arp; only hearsay: a guest may lie."""
    rows = (line.split() for line in table.splitlines()[1:])
    return tuple(row[0] for row in rows if len(row) > MAC and row[FLAGS] != INCOMPLETE and row[MAC] == mac)


def _filter(name: str) -> ET.Element:
    element = ET.Element("filter", name=name, chain="root")
    ET.SubElement(element, "uuid").text = UUIDS[name]
    return element


def _rule(element: ET.Element, action: str, priority: str) -> ET.Element:
    return ET.SubElement(element, "rule", action=action, direction="out", priority=priority)
