"""What a machine is doing, and how it ended: by its power, and by what the host says has happened to it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from vmf.model import Ending, MachineState, Power
from vmf_vmware.events import Happened

POWERS: Mapping[str | None, MachineState] = MappingProxyType({
    None: MachineState(power=Power.ABSENT),
    "poweredOn": MachineState(power=Power.RUNNING),
    "suspended": MachineState(power=Power.SAVED),
})  # fmt: skip
"""What a machine is doing that is not off, by its power state."""
REBOOTS = frozenset({"VmGuestRebootEvent", "VmResettingEvent"})
"""What is said when a guest starts again."""
_OFF = "VmPoweredOffEvent"
KILLED = MachineState(power=Power.OFF, ending=Ending.KILLED, detail="it was powered off by force")
REBOOTED = MachineState(
    power=Power.OFF, ending=Ending.REBOOTED, detail="its guest has rebooted, and was powered off for that"
)
UNTOLD = MachineState(power=Power.OFF, ending=Ending.UNKNOWN, detail="the host does not say how the machine ended")
UNBORN = MachineState(power=Power.OFF, ending=Ending.UNKNOWN, detail="it has not been started yet")


def has_rebooted(happened: Sequence[Happened]) -> bool:
    """Whether a guest has started again."""
    return any(each.kind in REBOOTS for each in happened)


def ending(happened: Sequence[Happened]) -> MachineState | None:
    """How a machine that is off ended, as its host says; None: it says nothing of that yet."""
    return next((state for judge in _JUDGES for each in reversed(happened) if (state := judge(each))), None)


def _crashed(each: Happened) -> MachineState | None:
    if each.kind.startswith("esx.problem.") or each.kind in {"VmDisconnectedEvent", "VmMessageErrorEvent"}:
        return MachineState(power=Power.OFF, ending=Ending.CRASHED, detail=each.message)
    return None


def _off(each: Happened) -> MachineState | None:
    if each.kind != _OFF:
        return None
    ending = Ending.KILLED if each.user else Ending.SHUTDOWN
    return MachineState(power=Power.OFF, ending=ending, detail=each.message)


_JUDGES: tuple[Callable[[Happened], MachineState | None], ...] = (_crashed, _off)
"""In this order: VMware also says of a machine that crashes that it has been powered off."""
