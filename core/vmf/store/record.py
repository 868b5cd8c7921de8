"""What is kept of a job: values only."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from vmf.model import Ending, Handle, Host, Job, Outcome, Placement, Suspend, Verdict
from vmf.result import verdict
from vmf.state import (
    ENDED,
    Created,
    Ended,
    Event,
    HoldAsked,
    Judged,
    LimitHit,
    Placed,
    Released,
    Requeued,
    Resumed,
    State,
    SuspendAsked,
)


class Record(Struct, frozen=True, kw_only=True):
    """All that is kept of one job."""

    id: int
    job: Job
    hosts: tuple[Host, ...]
    """The hosts that may run it; one that failed it is no longer among them."""
    folder: Path
    """Where its results are to go."""
    results: Path | None = None
    """Where they went, which is beside `folder` if somebody took that meanwhile."""
    faults: tuple[str, ...] = ()
    """What was wrong with each of those that failed it."""
    state: State = State.IDLE
    created: float
    """Seconds since 1970."""
    entered: Mapping[str, float] = {}
    """State to the time of its last entry, in seconds since 1970."""
    attempt: int = 0
    placement: Placement | None = None
    originals: Mapping[str, str] = {}
    """What this attempt's overlays lie on, as it was before the machine: file to what changes when it is written."""
    handle: Handle | None = None
    address: str = ""
    """Where its guest is reached, once that is known and while it runs."""
    token: str
    """Random: what makes the job's results volumes its own."""
    suspend: Suspend | None = None
    """How its guest is suspended, or to be; None: it is to run."""
    kept: tuple[Kept, ...] = ()
    """The checkpoints that the job can go on from, the newest last."""
    tries: int = 0
    """How many checkpoints were begun; the number of the last one."""
    chained: int | None = None
    """The checkpoint of this attempt whose layers are below what its guest has changed since; None: there is none."""
    ending: Ending | None = None
    """How this attempt's machine ended."""
    limit: str = ""
    """Which of its limits this attempt's guest has hit; empty: none."""
    verdict: Verdict | None = None
    engine: str = ""
    """The socket of the engine that owns the job, or last did."""

    @property
    def ended(self) -> bool:
        """No engine has anything to do for it any more."""
        return self.state in ENDED

    @property
    def machine(self) -> str:
        """The name of this attempt's machine."""
        return f"vmf-{self.id}-{self.attempt}"

    @property
    def nonce(self) -> str:
        """What the results volume of this attempt is known by."""
        return f"{self.token}-{self.attempt}"


class Moment(Struct, frozen=True, kw_only=True):
    """One event of a job's life as it was recorded."""

    at: float
    state: State
    """The state that the event led to."""
    event: Event


def after(record: Record, event: Event) -> Record:
    """The record that an event leaves, but for its state."""
    changes: dict[str, Any] = {**_CHANGES.get(type(event), {})}
    match event:
        case Placed():
            changes["attempt"] = record.attempt + 1
        case Created(handle=handle):
            changes["handle"] = handle
        case SuspendAsked(how=how):
            changes["suspend"] = how
        case LimitHit(limit=limit):
            changes["limit"] = limit
        case Ended(ending=ending):
            changes["ending"] = ending
        case Judged(verdict=judged, results=results):
            changes |= {"verdict": judged, "results": Path(results) if results else None}
        case Requeued():
            return _without_its_host(record)
    return replace(record, **changes)


_CHANGES: Mapping[type[Event], Mapping[str, Any]] = MappingProxyType({
    Placed: {
        "originals": {}, "handle": None, "address": "", "suspend": None, "ending": None, "limit": "", "verdict": None,
    },
    Resumed: {"suspend": None},
    HoldAsked: {"verdict": verdict(Outcome.HELD)},
    Ended: {"address": ""},
    Released: {"placement": None, "verdict": None, "results": None},
})  # fmt: skip
"""What an event leaves, whatever it says; `Placed`: what an attempt begins with."""


def _without_its_host(record: Record) -> Record:
    failed = record.placement.host.name if record.placement else ""
    return replace(
        record,
        hosts=tuple(host for host in record.hosts if host.name != failed),
        faults=(*record.faults, record.verdict.reason if record.verdict else ""),
        placement=None,
    )
