"""A machine as the tree of libvirt's domain XML. Pure; tests/plugins/kvm/golden shows what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf.model import Bus, Clock, Firmware, Machine
from vmf_kvm import clones, devices, disks, nics
from vmf_kvm.drives import drives
from vmf_kvm.pci import PC, PORTED, Q35, Board, seat
from vmf_kvm.place import NVRAM, Place
from vmf_libvirt.mark import mark


class Kind(Struct, frozen=True, kw_only=True):
    """What an accelerator makes of a machine."""

    type: str
    """libvirt's type of domain."""
    cpu: str
    """libvirt's mode of CPU, for a machine that stays on its host."""
    portable: str
    """The model of CPU that all hosts have, for one that may leave it."""


KINDS: Mapping[str, Kind] = MappingProxyType({
    # Nehalem is what x86-64-v2 means, for which distributions are built: each processor of the last ten years has all
    # of it, and QEMU emulates all of it. Westmere asks for AES as well, which cheap ones lack.
    "kvm": Kind(type="kvm", cpu="host-model", portable="Nehalem"),
    # The maximum is as fast as the plainest model, and runs guests that are built for newer ones.
    "tcg": Kind(type="qemu", cpu="maximum", portable="Nehalem"),
})  # fmt: skip
"""By accelerator."""
OFFSETS: Mapping[Clock, str] = MappingProxyType({Clock.UTC: "utc", Clock.LOCAL: "localtime"})
"""What libvirt calls a hardware clock."""

ANYWHERE = Place(folder=Path("/machine"), sockets=Path("/sockets"))
ELSEWHERE = Place(folder=Path("/machine"))
"""Likewise, on another computer."""


def check(machine: Machine, place: Place = ANYWHERE) -> None:
    """See that a machine is one that this hypervisor can make, wherever its host keeps its things.

    Raises:
        JobFault: if it is not.
    """
    xml(machine, place)


def xml(machine: Machine, place: Place) -> str:
    """The whole description.

    Raises:
        JobFault: if the machine is not one that this hypervisor can make.
    """
    if machine.accelerator not in KINDS:
        words, hint = f"there is no accelerator {machine.accelerator!r}", f"name one of: {', '.join(KINDS)}"
        raise JobFault(words, code=HoldCode.MACHINE_INVALID, hint=hint)
    kind = KINDS[machine.accelerator]
    nics.check(machine.nic)
    clones.check(machine, place)
    machine = clones.seated(machine)
    attached = drives(machine)
    board = PC if any(drive.bus is Bus.IDE for drive in attached) else PORTED if clones.concerns(machine) else Q35
    domain = ET.Element("domain", type=kind.type)
    _text(domain, "name", place.prefix + machine.name)
    mark(domain)
    _text(domain, "memory", str(machine.memory), unit="b")
    _text(domain, "vcpu", str(machine.cpus))
    _boot(domain, machine, board, place)
    features = ET.SubElement(domain, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    _cpu(domain, machine, kind)
    ET.SubElement(domain, "clock", offset=OFFSETS[machine.clock])
    reboot = "restart" if machine.reboots else "destroy"
    for event, action in (("poweroff", "destroy"), ("reboot", reboot), ("crash", "destroy")):
        _text(domain, f"on_{event}", action)
    inside, slots = ET.SubElement(domain, "devices"), iter(board.free)
    ET.SubElement(inside, "controller", type="usb", model="none")
    disks.attach(inside, attached, place, machine.limits, board, slots)
    card = nics.card(inside, machine.nic)
    if card is not None:
        seat(card, slots)
    devices.shares(inside, machine.shares, slots)
    if machine.agent:
        devices.agent(inside, machine.name, place, slots)
    if machine.vnc:
        devices.screen(inside, machine.name, place, slots)
    devices.serial(inside, machine.name, place)
    devices.panic(inside)
    ET.SubElement(inside, "memballoon", model="none")
    if place.label:
        _text(ET.SubElement(domain, "seclabel", type="static", model="dac", relabel="no"), "label", place.label)
    nics.command_line(domain, machine.nic, board)
    clones.add(domain, machine, place)
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode") + "\n"


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def _cpu(domain: ET.Element, machine: Machine, kind: Kind) -> None:
    platform, named = clones.platform(machine), machine.portable or machine.template
    model = platform.cpu if platform else kind.portable if named else ""
    if not model:
        ET.SubElement(domain, "cpu", mode=kind.cpu)
        return
    # partial: a host whose processors lack something of the model refuses, and does not leave that out in silence
    cpu = ET.SubElement(domain, "cpu", mode="custom", match="exact", check="partial")
    _text(cpu, "model", model, fallback="forbid")


def _boot(domain: ET.Element, machine: Machine, board: Board, place: Place) -> None:
    os = ET.SubElement(domain, "os")
    platform = clones.platform(machine)
    version = platform.machine if platform else board.machine
    _text(os, "type", "hvm", arch="x86_64", machine=version)
    if machine.firmware is Firmware.UEFI:
        os.set("firmware", "efi")
        ET.SubElement(ET.SubElement(os, "firmware"), "feature", enabled="no", name="secure-boot")
        kept = machine.restored.nvram if machine.restored else ""
        _text(os, "nvram", place.file(kept or NVRAM))
    if machine.kernel is None:
        return
    _text(os, "kernel", place.file(machine.kernel))
    if machine.initrd is not None:
        _text(os, "initrd", place.file(machine.initrd))
    _text(os, "cmdline", machine.kernel_parameters)
