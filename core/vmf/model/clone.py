"""The memory of a machine that is ready, and what other machines wake from it with."""

from msgspec import Struct

from vmf.model.checkpoint import Platform
from vmf.model.image import Bus
from vmf.model.parts import Clock, Firmware

CLONE = "memory-clone"
"""The capability of guests that wake from the memory of one that is ready; see `Machine.template` and `wakes`."""


class Seat(Struct, frozen=True, kw_only=True):
    """Where a drive of a machine is attached."""

    bus: Bus | None
    """None: the host's best."""
    device: str | None
    """The guest's name for it; None: the next one of its bus."""
    writable: bool = True


class Equipment(Struct, frozen=True, kw_only=True):
    """The devices that a guest has met by the time that it is ready: whoever wakes from its memory has the same.

    Network card, results volume and discs are none of them: they are given to each guest when it has woken.
    """

    memory: int
    """Bytes."""
    cpus: int
    firmware: Firmware | None
    """None: the host's usual one."""
    clock: Clock
    disks: tuple[Seat, ...]
    cdroms: tuple[Seat, ...]
    agent: bool
    vnc: bool


class Imprint(Struct, frozen=True, kw_only=True):
    """What a template has left: files of its folder on the host, to be fetched, and what they were made on.

    Its disks are fetched like those of any machine that has ended. What wakes lies upon them as they are then: on
    `whole0`, or on `disk0` above what that lies on.
    """

    platform: Platform
    memory: str
    """As many bytes as the machine had; it has holes where the guest never was."""
    state: str
    """Of all devices: about a MiB, however much memory there is."""


class Wakes(Struct, frozen=True, kw_only=True):
    """What a machine wakes from: an imprint's files, by their full paths on the host, where any number share them.

    Nothing is written to them, and nothing of them is copied.
    """

    platform: Platform
    equipment: Equipment
    """The template's, as `Machine.equipment` says it."""
    memory: str
    state: str
