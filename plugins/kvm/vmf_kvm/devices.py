"""Everything of a machine that is no drive and no card: console, screen, agent, shared folders. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from vmf.model import MachineShare
from vmf_kvm.pci import Slots, seat
from vmf_kvm.place import Place, Socket

AGENT = "org.qemu.guest_agent.0"


def serial(devices: ET.Element, machine: str, place: Place) -> None:
    """The console: a socket for whoever types, and a log that grows with nobody there; elsewhere, libvirt's stream."""
    if place.sockets is None:
        ET.SubElement(ET.SubElement(devices, "serial", type="pty"), "target", port="0")
        return
    element = ET.SubElement(devices, "serial", type="unix")
    ET.SubElement(element, "source", mode="bind", path=place.socket(machine, Socket.CONSOLE))
    ET.SubElement(element, "log", file=place.console_log(), append="on")
    ET.SubElement(element, "target", port="0")


def screen(devices: ET.Element, machine: str, place: Place, slots: Slots) -> None:
    """A screen that is reached by a socket."""
    ET.SubElement(devices, "graphics", type="vnc", socket=place.socket(machine, Socket.SCREEN))
    video = ET.SubElement(devices, "video")
    ET.SubElement(video, "model", type="vga")
    seat(video, slots)


def agent(devices: ET.Element, machine: str, place: Place, slots: Slots) -> None:
    """The channel of the QEMU guest agent; libvirt's own path for it would be too long."""
    seat(ET.SubElement(devices, "controller", type="virtio-serial", index="0"), slots)
    channel = ET.SubElement(devices, "channel", type="unix")
    ET.SubElement(channel, "source", mode="bind", path=place.socket(machine, Socket.AGENT))
    ET.SubElement(channel, "target", type="virtio", name=AGENT)


def panic(devices: ET.Element) -> None:
    """What a guest's kernel says by that it panics; its driver is pvpanic."""
    ET.SubElement(devices, "panic", model="isa")


def shares(devices: ET.Element, several: Iterable[MachineShare], slots: Slots) -> None:
    """Folders of the host by 9p, with owners and modes kept beside the files: a guest's root is nobody on the host."""
    for share in several:
        element = ET.SubElement(devices, "filesystem", type="mount", accessmode="mapped")
        ET.SubElement(element, "source", dir=share.folder)
        ET.SubElement(element, "target", dir=share.name)
        if not share.write:
            ET.SubElement(element, "readonly")
        seat(element, slots)
