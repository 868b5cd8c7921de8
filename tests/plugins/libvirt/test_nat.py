from __future__ import annotations

from xml.etree import ElementTree as ET

from vmf_libvirt import nat


def test_the_network_is_the_same_on_every_host():
    described = ET.fromstring(nat.network())  # noqa: S314  # our own
    assert described.find("mac").get("address") == "52:54:00:76:6d:66"
    assert described.find("ip").attrib == {"address": "10.118.0.1", "netmask": "255.255.0.0"}
    assert described.find("bridge").attrib == {"name": "vmf0", "stp": "off", "delay": "0"}
