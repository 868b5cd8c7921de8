"""What libvirt's pair of state and reason means in vmf's words. Pure: the numbers are libvirt's, fixed for ever."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from vmf.model import Ending, MachineState, Power


class DomainState(IntEnum):
    """libvirt's `virDomainState`."""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 3
    SHUTDOWN = 4
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7


class PausedReason(IntEnum):
    """libvirt's `virDomainPausedReason`, as far as it decides something."""

    MIGRATION = 2
    """Its memory has been read, or is being written."""
    STARTING = 11
    """There is no guest yet."""


class ShutoffReason(IntEnum):
    """libvirt's `virDomainShutoffReason`."""

    UNKNOWN = 0
    SHUTDOWN = 1
    DESTROYED = 2
    CRASHED = 3
    MIGRATED = 4
    SAVED = 5
    FAILED = 6
    FROM_SNAPSHOT = 7
    DAEMON = 8


FOUND_RUNNING = (DomainState.RUNNING, 0)
"""State and reason of a guest that was there when its libvirt was started."""

ENDINGS: Mapping[ShutoffReason, Ending] = MappingProxyType({
    ShutoffReason.SHUTDOWN: Ending.SHUTDOWN,
    ShutoffReason.DESTROYED: Ending.KILLED,
    ShutoffReason.CRASHED: Ending.CRASHED,
    ShutoffReason.FAILED: Ending.CRASHED,
})  # fmt: skip
"""Any other reason says nothing of how the guest ended."""

_POWERS: Mapping[int, MachineState] = MappingProxyType({
    DomainState.RUNNING: MachineState(power=Power.RUNNING),
    DomainState.BLOCKED: MachineState(power=Power.RUNNING),
    DomainState.PAUSED: MachineState(power=Power.PAUSED),
    DomainState.SHUTDOWN: MachineState(power=Power.RUNNING, detail="shutting down"),
    DomainState.CRASHED: MachineState(power=Power.OFF, ending=Ending.CRASHED),
    DomainState.PMSUSPENDED: MachineState(power=Power.PAUSED, detail="suspended by its guest"),
})  # fmt: skip

_PAUSES: Mapping[int, str] = MappingProxyType({
    5: "an input or output error of a disk; the host may be out of space",
    6: "its watchdog has fired",
    8: "shutting down",
    10: "its guest has crashed",
    11: "starting up",
})  # fmt: skip
"""libvirt's `virDomainPausedReason`, where it says more than that somebody paused the machine."""


def machine_state(state: int, reason: int) -> MachineState:
    """Translate what `virDomainGetState` answers; a number that is not known is Power.UNKNOWN."""
    if state == DomainState.SHUTOFF:
        return ended(reason)
    if state == DomainState.PAUSED:
        return MachineState(power=Power.PAUSED, detail=_PAUSES.get(reason, ""))
    return _POWERS.get(state, MachineState(power=Power.UNKNOWN, detail=f"libvirt calls it state {state}"))


def ended(reason: int) -> MachineState:
    """The state of a machine that is off for this `ShutoffReason`; SAVED, if its memory was put into a file."""
    if reason == ShutoffReason.SAVED:
        return MachineState(power=Power.SAVED)
    known = reason in ShutoffReason.__members__.values()
    ending = ENDINGS.get(ShutoffReason(reason), Ending.UNKNOWN) if known else Ending.UNKNOWN
    detail = ShutoffReason(reason).name.lower().replace("_", " ") if known else f"reason {reason}"
    return MachineState(power=Power.OFF, ending=ending, detail=f"libvirt says: {detail}")
