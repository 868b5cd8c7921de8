"""The life of a job: every state, every event, and the one table that leads from state to state.

Whatever decides a transition lives in this file. `docs/states.md` is drawn from `TRANSITIONS`.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from vmf.errors import VmfError
from vmf.model import Ending, Handle, Verdict


class State(StrEnum):
    """Where a job is in its life."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    COLLECTING = "collecting"
    CLEANING = "cleaning"
    COMPLETED = "completed"
    HELD = "held"
    FAILED = "failed"
    REMOVED = "removed"


MEANING = MappingProxyType({
    State.IDLE: "waits for a host with room",
    State.STARTING: "has a host; its machine is being made",
    State.RUNNING: "its guest runs",
    State.STOPPING: "its guest is to stop",
    State.COLLECTING: "its guest has ended; results are on their way",
    State.CLEANING: "its end is known; its machine is being removed",
    State.COMPLETED: "has ended by itself; the outcome says how",
    State.HELD: "is at fault itself and waits for its owner",
    State.FAILED: "every host that could run it failed",
    State.REMOVED: "was stopped or removed",
})  # fmt: skip

TAKES_ROOM = frozenset({State.STARTING, State.RUNNING, State.STOPPING, State.CLEANING})
"""While its machine may run, a job takes its share of a host: until it has been seen off, or is removed.

Results that find no place do not hold the room: whoever has begun to collect has given it back.
"""

ENDED = frozenset({State.COMPLETED, State.HELD, State.FAILED, State.REMOVED})


class Placed(Struct, frozen=True, kw_only=True, tag="placed"):
    """A host has room for the job, and the room is claimed."""

    host: str
    reasons: tuple[str, ...] = ()


class Created(Struct, frozen=True, kw_only=True, tag="created"):
    """The machine is in being."""

    handle: Handle


class LimitHit(Struct, frozen=True, kw_only=True, tag="limit-hit"):
    """The guest has taken all that it may, and can do nothing any more."""

    limit: str
    """A sentence that says of what, and what to raise."""


class StopAsked(Struct, frozen=True, kw_only=True, tag="stop-asked"):
    """The owner wants the job to end."""


class Ended(Struct, frozen=True, kw_only=True, tag="ended"):
    """The machine is off."""

    ending: Ending
    detail: str = ""


class Judged(Struct, frozen=True, kw_only=True, tag="judged"):
    """How the attempt ended is settled, and its results are in place."""

    verdict: Verdict
    results: str = ""
    """The folder of the results; empty if there are none."""


class Completed(Struct, frozen=True, kw_only=True, tag="completed"):
    """Nothing of the machine is left; the job ended by itself."""


class Held(Struct, frozen=True, kw_only=True, tag="held"):
    """Nothing of the machine is left; the job waits for its owner."""


class Requeued(Struct, frozen=True, kw_only=True, tag="requeued"):
    """Nothing of the machine is left; the host was at fault and another one may do."""


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    """Nothing of the machine is left; no host is left to try."""


class Removed(Struct, frozen=True, kw_only=True, tag="removed"):
    """Nothing of the machine is left; the owner wanted the end."""


Event: TypeAlias = (
    Placed | Created | LimitHit | StopAsked | Ended | Judged | Completed | Held | Requeued | Failed | Removed
)

TRANSITIONS: MappingProxyType[tuple[State, type[Event]], State] = MappingProxyType({
    (State.IDLE, Placed): State.STARTING,
    (State.IDLE, StopAsked): State.STOPPING,
    (State.IDLE, Judged): State.CLEANING,
    (State.STARTING, Created): State.RUNNING,
    (State.STARTING, StopAsked): State.STOPPING,
    (State.STARTING, Judged): State.CLEANING,
    (State.RUNNING, LimitHit): State.STOPPING,
    (State.RUNNING, StopAsked): State.STOPPING,
    (State.RUNNING, Ended): State.COLLECTING,
    (State.STOPPING, Ended): State.COLLECTING,
    (State.STOPPING, Judged): State.CLEANING,
    (State.COLLECTING, Judged): State.CLEANING,
    (State.CLEANING, Completed): State.COMPLETED,
    (State.CLEANING, Held): State.HELD,
    (State.CLEANING, Requeued): State.IDLE,
    (State.CLEANING, Failed): State.FAILED,
    (State.CLEANING, Removed): State.REMOVED,
})  # fmt: skip


class IllegalEvent(VmfError):
    """An event came in a state in which it has no meaning."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"a job that is {state} cannot be {type(event).__struct_config__.tag}")
        self.state = state
        self.event = event


def advance(state: State, event: Event) -> State:
    """The state after `event`.

    Raises:
        IllegalEvent: carrying both, if the table has no such row.
    """
    try:
        return TRANSITIONS[state, type(event)]
    except KeyError:
        raise IllegalEvent(state, event) from None


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    rows = (f"    {state} --> {after}: {event.__struct_config__.tag}" for (state, event), after in TRANSITIONS.items())
    ends = (f"    {state} --> [*]" for state in State if state in ENDED)
    return "\n".join(("stateDiagram-v2", f"    [*] --> {State.IDLE}", *rows, *ends)) + "\n"
