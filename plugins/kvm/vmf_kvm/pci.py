"""Places on the PCI bus.

Devices sit on the bus itself, at addresses of our own, not each behind a hot-plug port as libvirt would have it:
a guest boots 0.2 s sooner. A guest names the disks of a bus in the order of these addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.errors import HoldCode, JobFault

Slots: TypeAlias = Iterator[int]
"""Those of a machine that nobody has yet."""


class Board(Struct, frozen=True, kw_only=True):
    """A type of machine, and the slots of its first bus that nothing of its own is in."""

    machine: str
    bus: str
    """What QEMU calls its first bus."""
    free: range
    card: int
    """The slot of a card that libvirt does not know of: it would be the last one that it took."""
    sata: int
    """The number of the first SATA controller that is not its own: guests would find the drives of its own last."""


Q35 = Board(machine="q35", bus="pcie.0", free=range(0x01, 0x1E), card=0x1E, sata=1)
PC = Board(machine="pc", bus="pci.0", free=range(0x03, 0x1F), card=0x1F, sata=0)
"""The only one with IDE."""
PORT = 1
"""The number of the bus behind the port that a card is plugged into."""
PORTED = Board(machine=Q35.machine, bus=f"pci.{PORT}", free=Q35.free, card=0x00, sata=Q35.sata)
"""The first with a port in the slot of such a card, into which it can be plugged while the guest runs."""


def seat(device: ET.Element, slots: Slots) -> None:
    """Give a device the next free slot.

    Raises:
        JobFault: if there is none left.
    """
    slot = next(slots, None)
    if slot is None:
        raise JobFault(
            "the machine has more devices than its bus has slots",
            code=HoldCode.MACHINE_INVALID,
            hint="attach some of its disks to scsi: they take one slot together",
        )
    ET.SubElement(device, "address", type="pci", domain="0x0000", bus="0x00", slot=f"0x{slot:02x}", function="0x0")
