"""vmf's own nat network, and what keeps the machines on it apart: made when the first machine wants them. Pure.

They are the same on every host, so that a guest that moves finds its gateway; all users and machines of a host share
them, and no job's end takes them away.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from xml.etree import ElementTree as ET

NETWORK = "vmf"
BRIDGE = "vmf0"
GATEWAY, NETMASK = "10.118.0.1", "255.255.0.0"
DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
GATEWAY_MAC = "52:54:00:76:6d:66"
FIRST, LAST = "10.118.1.0", "10.118.255.254"
"""The addresses that guests are given."""
OWN_MAC, APART = "vmf-own-mac", "vmf-apart"
"""Filters: frames leave a guest with its own MAC address only, and none goes to another guest by way of the gateway."""
UUIDS: Mapping[str, str] = MappingProxyType({
    NETWORK: "e159c5e8-f609-483c-96f9-e4a55be3d17d",
    OWN_MAC: "4bb0c1ff-ae4f-4b11-8952-d14782a81f71",
    APART: "3a1bc80c-f092-4beb-9fd6-3a0180dda767",
})  # fmt: skip
"""With ids of their own, two processes may define them at once."""
BROADCAST = "255.255.255.255"
FLAGS, MAC, INCOMPLETE = 2, 3, "0x0"
"""Columns of the kernel's table, and the flags of a row that waits for an answer."""


def network() -> str:
    """The network's XML. It spans no trees: with that, a guest would wait for its address for seconds."""
    network = ET.Element("network")
    ET.SubElement(network, "name").text = NETWORK
    ET.SubElement(network, "uuid").text = UUIDS[NETWORK]
    ET.SubElement(network, "forward", mode="nat")
    ET.SubElement(network, "bridge", name=BRIDGE, stp="off", delay="0")
    ET.SubElement(network, "mac", address=GATEWAY_MAC)
    ip = ET.SubElement(network, "ip", address=GATEWAY, netmask=NETMASK)
    ET.SubElement(ET.SubElement(ip, "dhcp"), "range", start=FIRST, end=LAST)
    options = ET.SubElement(network, "dnsmasq:options", {"xmlns:dnsmasq": DNSMASQ})
    ET.SubElement(options, "dnsmasq:option", value="no-ping")  # else it waits 3 s for an address to be another's
    return ET.tostring(network, encoding="unicode")


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
