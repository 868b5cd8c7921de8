"""vmf's own nat network, and what keeps the machines on it apart: made when the first machine wants them. Pure.

They are the same on every host, so that a guest that moves finds its gateway; all users and machines of a host share
them, and no job's end takes them away.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

NETWORK = "vmf"
BRIDGE = "vmf0"
GATEWAY, PREFIX, NETMASK = "10.118.0.1", "16", "255.255.0.0"
GATEWAY_MAC = "52:54:00:76:6d:66"
FIRST, LAST = "10.118.1.0", "10.118.255.254"
"""The addresses that guests are given."""
OWN_MAC, APART = "vmf-own-mac", "vmf-apart"
"""Filters: frames leave a guest with its own MAC address only, and none goes to another guest by way of the gateway."""
BROADCAST = "255.255.255.255"


def network() -> str:
    """The network's XML. It spans no trees: with that, a guest would wait for its address for seconds."""
    network = ET.Element("network")
    ET.SubElement(network, "name").text = NETWORK
    ET.SubElement(network, "forward", mode="nat")
    ET.SubElement(network, "bridge", name=BRIDGE, stp="off", delay="0")
    ET.SubElement(network, "mac", address=GATEWAY_MAC)
    ip = ET.SubElement(network, "ip", address=GATEWAY, netmask=NETMASK)
    ET.SubElement(ET.SubElement(ip, "dhcp"), "range", start=FIRST, end=LAST)
    return ET.tostring(network, encoding="unicode")


def filters() -> tuple[str, ...]:
    """The XML of each filter, one that others refer to first.

    Machines are isolated ports of one bridge; what is left is the way by the gateway, which routes from the bridge to
    the bridge. So a guest may send to no address of the network but the gateway's, and ask everybody for its own.
    """
    own = ET.Element("filter", name=OWN_MAC, chain="root")
    rule = ET.SubElement(own, "rule", action="drop", direction="out", priority="100")
    ET.SubElement(rule, "mac", match="no", srcmacaddr="$MAC")
    apart = ET.Element("filter", name=APART, chain="root")
    ET.SubElement(apart, "filterref", filter=OWN_MAC)
    for action, address, mask in (("accept", GATEWAY, "32"), ("accept", BROADCAST, "32"), ("drop", GATEWAY, PREFIX)):
        rule = ET.SubElement(apart, "rule", action=action, direction="out", priority="200" if mask == "32" else "300")
        ET.SubElement(rule, "ip", dstipaddr=address, dstipmask=mask)
    return tuple(ET.tostring(each, encoding="unicode") for each in (own, apart))
