"""Which place on which controller SCSI and SATA drives have. Pure.

libvirt would take the places from the drives' names, which count SCSI and SATA drives together. SCSI ones become LUNs
of one target then; where SATA ones have the first names there is no LUN 0, and guests find none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.model import Bus, MachineDisk
from vmf_kvm.drives import Drive
from vmf_kvm.pci import Board, Slots, seat

PORTS = 6
"""Drives of one SATA controller."""


class Spot(Struct, frozen=True, kw_only=True):
    """Where a drive is attached."""

    bus: Bus
    controller: int
    target: int
    unit: int


_SPOTS: Mapping[Bus, Callable[[int, Board], Spot]] = MappingProxyType({
    Bus.SCSI: lambda number, _: Spot(bus=Bus.SCSI, controller=0, target=number, unit=0),
    Bus.SATA: lambda number, board: Spot(
        bus=Bus.SATA, controller=board.sata + number // PORTS, target=0, unit=number % PORTS
    ),
})  # fmt: skip
_MODELS: Mapping[Bus, Mapping[str, str]] = MappingProxyType({Bus.SCSI: {"model": "virtio-scsi"}, Bus.SATA: {}})


def spots(drives: Iterable[Drive], board: Board) -> Mapping[str, Spot]:
    """A drive's name to its place: CD-ROMs come first, then disks by their names. Other buses' drives have none."""
    ordered = sorted(drives, key=lambda drive: (isinstance(drive.media, MachineDisk), drive.number))
    return {
        drive.device: spot(number, board)
        for bus, spot in _SPOTS.items()
        for number, drive in enumerate(each for each in ordered if each.bus is bus)
    }


def add(devices: ET.Element, spots: Iterable[Spot], slots: Slots) -> None:
    """Describe the controllers that have these places."""
    for bus, index in sorted({(spot.bus, spot.controller) for spot in spots}):
        given = {"type": bus, **_MODELS[bus], "index": str(index)}
        seat(ET.SubElement(devices, "controller", given), slots)


def attach(element: ET.Element, spot: Spot | None) -> None:
    """Say a drive's place; None: its bus gives it one."""
    if spot is not None:
        named = {"controller": spot.controller, "bus": 0, "target": spot.target, "unit": spot.unit}
        ET.SubElement(element, "address", {"type": "drive", **{word: str(value) for word, value in named.items()}})
