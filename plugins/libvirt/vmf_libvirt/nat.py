"""vmf's own nat network, made when the first machine wants it. Pure.

It is the same on every host, so that a guest that moves finds its gateway; all users and machines of a host share it,
and no job's end takes it away.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

NETWORK = "vmf"
UUID = "e159c5e8-f609-483c-96f9-e4a55be3d17d"
"""With an id of its own, two processes may define it at once."""
BRIDGE = "vmf0"
GATEWAY, NETMASK = "10.118.0.1", "255.255.0.0"
GATEWAY_MAC = "52:54:00:76:6d:66"
FIRST, LAST = "10.118.1.0", "10.118.255.254"
"""The addresses that guests are given."""
DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"


def network() -> str:
    """The network's XML. It spans no trees: with that, a guest would wait for its address for seconds."""
    network = ET.Element("network")
    ET.SubElement(network, "name").text = NETWORK
    ET.SubElement(network, "uuid").text = UUID
    ET.SubElement(network, "forward", mode="nat")
    ET.SubElement(network, "bridge", name=BRIDGE, stp="off", delay="0")
    ET.SubElement(network, "mac", address=GATEWAY_MAC)
    ip = ET.SubElement(network, "ip", address=GATEWAY, netmask=NETMASK)
    ET.SubElement(ET.SubElement(ip, "dhcp"), "range", start=FIRST, end=LAST)
    options = ET.SubElement(network, "dnsmasq:options", {"xmlns:dnsmasq": DNSMASQ})
    ET.SubElement(options, "dnsmasq:option", value="no-ping")  # else it waits 3 s for an address to be another's
    return ET.tostring(network, encoding="unicode")
