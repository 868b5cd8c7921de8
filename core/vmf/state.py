"""The life of a job: every state, every event, and the one table that leads from state to state.

Whatever decides a transition lives in this file. `docs/states.md` is drawn from `TRANSITIONS`.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from vmf.errors import VmfError
from vmf.model import Ending, Gap, Handle, Kept, Outcome, Performed, Suspend, Verdict, Why


class State(StrEnum):
    """Where a job is in its life."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    SAVED = "saved"
    WAKING = "waking"
    RESUMING = "resuming"
    CHECKPOINTING = "checkpointing"
    VACATING = "vacating"
    LEAVING = "leaving"
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
    State.SUSPENDING: "its guest is being suspended",
    State.SUSPENDED: "its guest stands still; its memory stays on the host",
    State.SAVED: "its guest stands still; its memory is in a file, and its host has the room back",
    State.WAKING: "waits for room on its host to go on",
    State.RESUMING: "its guest is being set going again",
    State.CHECKPOINTING: "its memory and disks are being kept",
    State.VACATING: "its memory and disks are being kept, for it is to leave its host",
    State.LEAVING: "its machine is being removed, so that it can go on elsewhere",
    State.STOPPING: "its guest is to stop",
    State.COLLECTING: "its guest has ended; results are on their way",
    State.CLEANING: "its end is known; its machine is being removed",
    State.COMPLETED: "has ended by itself; the outcome says how",
    State.HELD: "waits for its owner, who put it on hold or has something to mend",
    State.FAILED: "every host that could run it failed",
    State.REMOVED: "was stopped or removed",
})  # fmt: skip

TAKES_ROOM = frozenset({
    State.STARTING, State.RUNNING, State.SUSPENDING, State.SUSPENDED, State.RESUMING, State.CHECKPOINTING,
    State.VACATING, State.LEAVING, State.STOPPING, State.CLEANING,
})  # fmt: skip
"""While its machine may run, a job takes its share of a host: until it has been seen off, or is removed.

Results that find no place do not hold the room: whoever has begun to collect has given it back.
"""

WANTS_ROOM = frozenset({State.IDLE, State.WAKING})
"""It can only wait: for any host, or for the one that its machine is saved on."""

STANDS_STILL = frozenset({State.SUSPENDED, State.SAVED})
"""It stays so until its owner wants something of it."""

PASSING = frozenset({
    State.STARTING, State.SUSPENDING, State.RESUMING, State.CHECKPOINTING, State.VACATING, State.LEAVING,
})  # fmt: skip
"""It passes by itself; what is wanted of the job waits for the state that comes then."""

ENDED = frozenset({State.COMPLETED, State.HELD, State.FAILED, State.REMOVED})


class Placed(Struct, frozen=True, kw_only=True, tag="placed"):
    """A host has room for the job, and the room is claimed."""

    host: str
    reasons: tuple[str, ...] = ()


class Created(Struct, frozen=True, kw_only=True, tag="created"):
    """The machine is in being."""

    handle: Handle
    gap: Gap | None = None
    """What its guest has missed, if it goes on from a checkpoint."""


class CutOff(Struct, frozen=True, kw_only=True, tag="cut-off"):
    """The guest is to be ended by vmf: it has had all that it may, or there is nothing left to wait for."""

    outcome: Outcome
    reason: str
    """A sentence that says why, and what to raise or mend."""


class SuspendAsked(Struct, frozen=True, kw_only=True, tag="suspend-asked"):
    """The owner wants the guest to stand still."""

    how: Suspend


class Suspended(Struct, frozen=True, kw_only=True, tag="suspended"):
    """The guest stands still, with its memory in place."""


class Saved(Struct, frozen=True, kw_only=True, tag="saved"):
    """The guest stands still, and its memory is in a file."""


class SuspendFailed(Struct, frozen=True, kw_only=True, tag="suspend-failed"):
    """The guest could not be suspended, and is to go on."""

    reason: str


class ResumeAsked(Struct, frozen=True, kw_only=True, tag="resume-asked"):
    """The owner wants the guest to go on."""


class Readmitted(Struct, frozen=True, kw_only=True, tag="readmitted"):
    """The host that the machine is saved on has room for it again, and the room is claimed."""


class Resumed(Struct, frozen=True, kw_only=True, tag="resumed"):
    """The guest goes on."""

    gap: Gap | None = None
    """What it has missed; None: it had never stood still."""


class ResumeFailed(Struct, frozen=True, kw_only=True, tag="resume-failed"):
    """The guest could not be set going, and stands still as it did."""

    reason: str


class CheckpointAsked(Struct, frozen=True, kw_only=True, tag="checkpoint-asked"):
    """Memory and disks are to be kept, and the guest is to go on."""

    why: Why


class Checkpointed(Struct, frozen=True, kw_only=True, tag="checkpointed"):
    """Memory and disks of one instant are kept, complete, and the job can go on from them."""

    kept: Kept


class CheckpointFailed(Struct, frozen=True, kw_only=True, tag="checkpoint-failed"):
    """Nothing new is kept, and the guest is to go on."""

    reason: str


class VacateAsked(Struct, frozen=True, kw_only=True, tag="vacate-asked"):
    """The job is to leave its host, and to go on when it has another place."""


class Forgone(Struct, frozen=True, kw_only=True, tag="forgone"):
    """Nothing more is kept of a job that leaves: it has no checkpoints."""


class Vacated(Struct, frozen=True, kw_only=True, tag="vacated"):
    """Nothing of the machine is left on the host; the job goes on from what is kept, or begins anew."""


class RestoreFailed(Struct, frozen=True, kw_only=True, tag="restore-failed"):
    """What was kept last cannot be gone on from: it is given up."""

    number: int
    reason: str


class FellBack(Struct, frozen=True, kw_only=True, tag="fell-back"):
    """The guest ended by no doing of its own: its job goes on from a checkpoint, and those after that are given up."""

    number: int
    """The checkpoint's."""
    reason: str


class HostDied(Struct, frozen=True, kw_only=True, tag="host-died"):
    """The host is off, as its owner says: nothing runs there any more. The job goes on from what is kept, or anew."""

    host: str
    attempt: int
    """Which of the job's was there: by the time that somebody hears of it, another one may run elsewhere."""


class HoldAsked(Struct, frozen=True, kw_only=True, tag="hold-asked"):
    """The owner wants the job to wait, without a machine."""


class Released(Struct, frozen=True, kw_only=True, tag="released"):
    """The owner has nothing against it any more that the job is run."""


class Configured(Struct, frozen=True, kw_only=True, tag="configured"):
    """The owner has had steps done on the machine while its guest runs."""

    steps: tuple[Performed, ...]
    """Those that were begun, in their order."""


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
    """Nothing of the machine is left; the job waits for its owner to release it."""


class Requeued(Struct, frozen=True, kw_only=True, tag="requeued"):
    """Nothing of the machine is left; the host was at fault and another one may do."""


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    """Nothing of the machine is left; no host is left to try."""


class Removed(Struct, frozen=True, kw_only=True, tag="removed"):
    """Nothing of the machine is left; the owner wanted the end."""


Wish: TypeAlias = SuspendAsked | ResumeAsked | CheckpointAsked | VacateAsked | HoldAsked | HostDied | Configured
"""What an owner may want of a job that another process carries, beside its end, or have done to it."""

Failure: TypeAlias = SuspendFailed | ResumeFailed | CheckpointFailed | RestoreFailed
"""What could not be done, with the reason; the job goes on otherwise."""

Event: TypeAlias = (
    Placed
    | Created
    | Wish
    | Suspended
    | Saved
    | SuspendFailed
    | Readmitted
    | Resumed
    | ResumeFailed
    | Checkpointed
    | CheckpointFailed
    | Forgone
    | Vacated
    | RestoreFailed
    | FellBack
    | CutOff
    | StopAsked
    | Ended
    | Judged
    | Completed
    | Held
    | Released
    | Requeued
    | Failed
    | Removed
)

TRANSITIONS: MappingProxyType[tuple[State, type[Event]], State] = MappingProxyType({
    (State.IDLE, Placed): State.STARTING,
    (State.IDLE, HoldAsked): State.CLEANING,
    (State.IDLE, StopAsked): State.STOPPING,
    (State.IDLE, Judged): State.CLEANING,
    (State.STARTING, Created): State.RUNNING,
    (State.STARTING, RestoreFailed): State.STARTING,
    (State.STARTING, HostDied): State.IDLE,
    (State.STARTING, HoldAsked): State.CLEANING,
    (State.STARTING, StopAsked): State.STOPPING,
    (State.STARTING, Judged): State.CLEANING,
    (State.RUNNING, CutOff): State.STOPPING,
    (State.RUNNING, StopAsked): State.STOPPING,
    (State.RUNNING, Ended): State.COLLECTING,
    (State.RUNNING, SuspendAsked): State.SUSPENDING,
    (State.RUNNING, ResumeAsked): State.RESUMING,
    (State.RUNNING, HoldAsked): State.CLEANING,
    (State.RUNNING, CheckpointAsked): State.CHECKPOINTING,
    (State.RUNNING, VacateAsked): State.VACATING,
    (State.RUNNING, Configured): State.RUNNING,
    (State.RUNNING, HostDied): State.IDLE,
    (State.CHECKPOINTING, Checkpointed): State.RUNNING,
    (State.CHECKPOINTING, CheckpointFailed): State.RUNNING,
    (State.CHECKPOINTING, StopAsked): State.STOPPING,
    (State.CHECKPOINTING, Ended): State.COLLECTING,
    (State.CHECKPOINTING, HostDied): State.IDLE,
    (State.VACATING, Checkpointed): State.LEAVING,
    (State.VACATING, Forgone): State.LEAVING,
    (State.VACATING, CheckpointFailed): State.SUSPENDED,
    (State.VACATING, StopAsked): State.STOPPING,
    (State.VACATING, Ended): State.COLLECTING,
    (State.VACATING, HostDied): State.IDLE,
    (State.LEAVING, Vacated): State.IDLE,
    (State.LEAVING, HostDied): State.IDLE,
    (State.SUSPENDING, Suspended): State.SUSPENDED,
    (State.SUSPENDING, Saved): State.SAVED,
    (State.SUSPENDING, SuspendFailed): State.RESUMING,
    (State.SUSPENDING, Ended): State.COLLECTING,
    (State.SUSPENDING, HostDied): State.IDLE,
    (State.SUSPENDED, SuspendAsked): State.SUSPENDING,
    (State.SUSPENDED, ResumeAsked): State.RESUMING,
    (State.SUSPENDED, Resumed): State.RUNNING,
    (State.SUSPENDED, Saved): State.SAVED,
    (State.SUSPENDED, VacateAsked): State.VACATING,
    (State.SUSPENDED, HoldAsked): State.CLEANING,
    (State.SUSPENDED, StopAsked): State.STOPPING,
    (State.SUSPENDED, Ended): State.COLLECTING,
    (State.SUSPENDED, HostDied): State.IDLE,
    (State.SAVED, ResumeAsked): State.WAKING,
    (State.SAVED, VacateAsked): State.VACATING,
    (State.SAVED, HoldAsked): State.CLEANING,
    (State.SAVED, StopAsked): State.STOPPING,
    (State.SAVED, HostDied): State.IDLE,
    (State.WAKING, Readmitted): State.RESUMING,
    (State.WAKING, SuspendAsked): State.SAVED,
    (State.WAKING, VacateAsked): State.VACATING,
    (State.WAKING, HoldAsked): State.CLEANING,
    (State.WAKING, StopAsked): State.STOPPING,
    (State.WAKING, HostDied): State.IDLE,
    (State.RESUMING, Resumed): State.RUNNING,
    (State.RESUMING, ResumeFailed): State.SUSPENDED,
    (State.RESUMING, Ended): State.COLLECTING,
    (State.RESUMING, HostDied): State.IDLE,
    (State.STOPPING, Ended): State.COLLECTING,
    (State.STOPPING, Judged): State.CLEANING,
    (State.STOPPING, HostDied): State.CLEANING,
    (State.COLLECTING, Judged): State.CLEANING,
    (State.COLLECTING, FellBack): State.LEAVING,
    (State.COLLECTING, HostDied): State.IDLE,
    (State.CLEANING, HostDied): State.CLEANING,
    (State.CLEANING, Completed): State.COMPLETED,
    (State.CLEANING, Held): State.HELD,
    (State.CLEANING, Requeued): State.IDLE,
    (State.CLEANING, Failed): State.FAILED,
    (State.CLEANING, Removed): State.REMOVED,
    (State.HELD, Released): State.IDLE,
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


def legal(event: type[Event]) -> tuple[State, ...]:
    """The states in which an event has a meaning, in the order of a life."""
    return tuple(state for state in State if (state, event) in TRANSITIONS)


def prospects(state: State) -> frozenset[State]:
    """The state, and those that may come after it without anybody's wish, as long as they pass by themselves."""
    reached, fresh = {state}, {state}
    while fresh:
        fresh = {after for (before, _), after in TRANSITIONS.items() if before in fresh & PASSING} - reached
        reached |= fresh
    return frozenset(reached)


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    rows = (f"    {state} --> {after}: {event.__struct_config__.tag}" for (state, event), after in TRANSITIONS.items())
    ends = (f"    {state} --> [*]" for state in State if state in ENDED)
    return "\n".join(("stateDiagram-v2", f"    [*] --> {State.IDLE}", *rows, *ends)) + "\n"
