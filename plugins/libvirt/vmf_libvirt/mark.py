"""The element in a domain's metadata by which vmf knows its own machines."""

from __future__ import annotations

from xml.etree import ElementTree as ET

NAMESPACE = "urn:vmf:machine:1"


def mark(domain: ET.Element) -> None:
    """Add vmf's mark to the tree of a domain that has no metadata yet."""
    ET.SubElement(ET.SubElement(domain, "metadata"), "vmf:machine", {"xmlns:vmf": NAMESPACE})
