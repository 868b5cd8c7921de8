"""What a host says has happened to a machine: its own events, by which a shutdown is told from a reboot or a blow."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from vmf.errors import HostFault
from vmf_vmware.data import Data, Ref, data

if TYPE_CHECKING:
    from vmf_vmware.session import Session

BEGINNINGS: Final = frozenset({"VmStartingEvent", "VmPoweredOnEvent"})
"""What is said when a machine starts; all before that is of another life."""
DIED: Final = "esx.problem.vm.kill.unexpected.vmx.fault.failure.2"
"""What is said when a machine's VMX process has died; the EventEx of ESXi 7 and later."""
KINDS: Final = (
    *sorted(BEGINNINGS),
    "VmPoweredOffEvent",
    "VmGuestShutdownEvent",
    "VmGuestRebootEvent",
    "VmResettingEvent",
    "VmStoppingEvent",
    "VmSuspendedEvent",
    "VmResumingEvent",
    "VmDisconnectedEvent",
    "VmFailedToPowerOnEvent",
    "VmMessageErrorEvent",
    "EventEx",
    DIED,
)
"""The events that are asked for: the changes of a machine's power, and why. Of an EventEx, its own id may be wanted."""
MOST: Final = 50
"""So many of the last ones are looked at."""


class Happened(Struct, frozen=True, kw_only=True):
    """An event."""

    kind: str
    """Its type as the API calls it, such as VmPoweredOffEvent; of an EventEx, its own id."""
    user: str
    """Who asked for it; empty: nobody did, it was the guest or the host."""
    at: datetime
    """By the host's clock."""
    number: int
    """It counts up."""
    message: str = ""
    machine: str = ""
    """The name of the machine in the inventory, as far as it is about one."""


def since_start(session: Session, machine: Ref) -> tuple[Happened, ...]:
    """What has happened to a machine since it was last started, the oldest first."""
    collector = collecting(session, machine, recursion="self")
    try:
        page = session.read(collector, "latestPage").get("latestPage", ())
    finally:
        with suppress(HostFault):  # it goes with the session at the latest
            session.call(collector, "DestroyCollector")
    known = sorted(map(happened, page), key=lambda each: each.number)
    starts = [number for number, each in enumerate(known) if each.kind in BEGINNINGS]
    return tuple(known[starts[-1] :] if starts else known)


def collecting(session: Session, entity: Ref, *, recursion: str) -> Ref:
    """What collects events about an object, `self`, `children` or `all`; its `latestPage` has the last ones."""
    spec = data(
        "EventFilterSpec",
        entity=data("EventFilterSpecByEntity", entity=entity, recursion=recursion),
        eventTypeId=list(KINDS),
        maxCount=MOST,
    )
    collector: Ref = session.look(session.content["eventManager"], "CreateCollectorForEvents", filter=spec)
    return collector


def happened(event: Data) -> Happened:
    """An event of the API's."""
    machine = event.get("vm")
    return Happened(
        kind=event["eventTypeId"] if event.type == "EventEx" else event.type,
        user=event.get("userName", ""),
        at=event["createdTime"],
        number=event.get("key", 0),
        message=event.get("fullFormattedMessage", ""),
        machine=machine["name"] if machine else "",
    )
