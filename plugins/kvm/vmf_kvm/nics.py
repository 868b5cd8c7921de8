"""A machine's network card as libvirt's XML, or as words for QEMU. Pure; `domain` puts it among the other devices.

    element = nics.card(devices, machine.nic)       types nat and bridge: an `interface`; `domain` adds its address
    nics.command_line(domain, machine.nic, board)   type user: words for QEMU itself, at the end of the domain

Each does nothing for a card of the other kind. Type user goes around libvirt, whose XML knows neither `restrict` nor
forwards: without `restrict` a guest reaches whatever listens on this computer's loopback, at 10.0.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from xml.etree import ElementTree as ET

from vmf.errors import HoldCode, JobFault
from vmf.model import Address, Forward, MachineNic, NetworkType, NicModel, Protocol
from vmf_kvm.network import APART, OWN_MAC
from vmf_kvm.pci import Board
from vmf_libvirt.described import tree
from vmf_libvirt.nat import NETWORK

LOOPBACK = "127.0.0.1"
UNPRIVILEGED = 1024
"""The first port on which QEMU can listen: it runs without privileges."""
NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
LINE, ARGUMENT = "qemu:commandline", f"{{{NAMESPACE}}}arg"
"""Words for QEMU itself as vmf writes them, and each as it is found in what libvirt writes."""
NETDEV = "vmf"
USER = f"user,id={NETDEV},ipv6=off,restrict=on"
"""What QEMU is told of a network of type user."""
QEMU_MODELS: Mapping[NicModel, str] = MappingProxyType({
    NicModel.VIRTIO: "virtio-net-pci",
    NicModel.E1000: "e1000",
    NicModel.E1000E: "e1000e",
    NicModel.RTL8139: "rtl8139",
})  # fmt: skip
"""What QEMU calls a card; libvirt calls it as vmf does."""
FORWARDED = re.compile(r"^\s*(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+(\S+)\s+(\d+)\s+\S+\s+(\d+)\s", re.MULTILINE)
"""A line of QEMU's `info usernet`: protocol, address and port of the host, port of the guest."""

RULE = re.compile(r"hostfwd=(tcp|udp):[0-9.]+:([0-9]+)-:([0-9]+)")
"""What `rule` writes, among other words for QEMU."""


def check(nic: MachineNic | None) -> None:
    """Refuse ports of the host that cannot lead to the machine.

    Raises:
        JobFault: saying why.
    """
    if nic is None:
        return
    for number in (each.host_port for each in nic.forwards if each.host_port is not None):
        if nic.type is not NetworkType.USER:
            what = f"port {number} of the host is not forwarded to a machine on a network of type {nic.type}"
            hint = "leave `host_port` out: the machine is reached at its own address; or use network type user"
            raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint=hint)
        check_port(number)


def check_port(number: int) -> None:
    """Refuse a port on which QEMU cannot listen.

    Raises:
        JobFault: saying why.
    """
    if number < UNPRIVILEGED:
        what = f"port {number} of the host is for privileged programs, and QEMU runs without privileges"
        hint = f"choose one from {UNPRIVILEGED} on, or leave `host_port` out"
        raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint=hint)


def card(devices: ET.Element, nic: MachineNic | None) -> ET.Element | None:
    """Add a card on vmf's own nat network or on a bridge; None for any other."""
    if nic is None or nic.type not in {NetworkType.NAT, NetworkType.BRIDGE}:
        return None
    nat = nic.type is NetworkType.NAT
    element = ET.SubElement(devices, "interface", type="network" if nat else "bridge")
    ET.SubElement(element, "mac", address=nic.mac)
    ET.SubElement(element, "source", {"network": NETWORK} if nat else {"bridge": nic.bridge or ""})
    ET.SubElement(element, "model", type=nic.model or NicModel.VIRTIO)
    ET.SubElement(element, "filterref", filter=APART if nat and not nic.together else OWN_MAC)
    if not nic.together:
        ET.SubElement(element, "port", isolated="yes")
    ET.SubElement(element, "rom", enabled="no")  # nobody boots from the network, and the firmware would offer it
    return element


def command_line(domain: ET.Element, nic: MachineNic | None, board: Board) -> None:
    """Add a card that QEMU itself connects, in the board's slot for one: its guest reaches nothing, and is called only.

    A forward listens on this computer's loopback only.
    """
    if nic is not None and (connection := network(nic)):
        card = ",".join(f"{name}={value}" for name, value in plugged(nic, board).items())
        words(domain, *connection, "-device", card.removeprefix("driver="))


def network(nic: MachineNic | None) -> tuple[str, ...]:
    """What QEMU is told of the network that it connects a card to itself; nothing for a card of the other kind."""
    if nic is None or nic.type is not NetworkType.USER:
        return ()
    return "-netdev", ",".join((USER, *(f"hostfwd={rule(each)}" for each in nic.forwards)))


def plugged(nic: MachineNic, board: Board) -> Mapping[str, str]:
    """The same card as QEMU is told of one that is plugged in."""
    return {
        "driver": QEMU_MODELS[nic.model or NicModel.VIRTIO],
        "netdev": NETDEV,
        "mac": nic.mac,
        "romfile": "",
        "bus": board.bus,
        "addr": f"0x{board.card:02x}",
    }


def words(domain: ET.Element, *several: str) -> None:
    """Add words for QEMU itself at the end of a domain that vmf describes."""
    line = domain.find(LINE)
    if line is None:
        line = ET.SubElement(domain, LINE, {"xmlns:qemu": NAMESPACE})
    for word in several:
        ET.SubElement(line, "qemu:arg", value=word)


def is_user(description: str) -> bool:
    """Whether libvirt's description of a machine has a card that QEMU itself connects."""
    return any(argument.get("value", "").startswith(USER) for argument in tree(description).iter(ARGUMENT))


def forwarded(description: str) -> Iterator[Forward]:
    """The ports that lead to a guest by `command_line`, read off libvirt's description of its machine."""
    for argument in tree(description).iter(ARGUMENT):
        for protocol, host_port, port in RULE.findall(argument.get("value", "")):
            yield Forward(protocol=Protocol(protocol), host_port=int(host_port) or None, port=int(port))


def forwards(usernet: str) -> Iterator[Address]:
    """Where a guest's ports can be reached, of what QEMU answers to `info usernet`."""
    for protocol, host, host_port, port in FORWARDED.findall(usernet):
        yield Address(port=int(port), protocol=Protocol(protocol.lower()), host=host, host_port=int(host_port))


def rule(forward: Forward) -> str:
    """A forward as QEMU writes it."""
    return f"{forward.protocol}:{LOOPBACK}:{forward.host_port or 0}-:{forward.port}"  # 0: any free one
