"""What is kept of a job: values only."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from vmf.model import (
    Beginning,
    Ending,
    File,
    Gap,
    Ground,
    Handle,
    Host,
    Job,
    Kept,
    Outcome,
    Performed,
    Placement,
    Suspend,
    Verdict,
)
from vmf.result import StepReport, verdict
from vmf.state import (
    ENDED,
    CheckpointAsked,
    Checkpointed,
    CheckpointFailed,
    Completed,
    Configured,
    Created,
    CutOff,
    Ended,
    Event,
    Failed,
    FellBack,
    HoldAsked,
    HostDied,
    Judged,
    Placed,
    Released,
    Removed,
    Requeued,
    RestoreFailed,
    Resumed,
    ResumeFailed,
    Saved,
    State,
    SuspendAsked,
    VacateAsked,
    Vacated,
)


class Record(Struct, frozen=True, kw_only=True):
    """All that is kept of one job."""

    id: int
    job: Job
    hosts: tuple[Host, ...]
    """The hosts that may run it."""
    failed: tuple[str, ...] = ()
    """Those of them that have failed it since it last got anywhere; it is tried on the others."""
    ground: Ground | None = None
    """What a job with steps is begun upon, and what was asked; None: it is run as its spec says."""
    acted: tuple[StepReport, ...] = ()
    """How the steps went that the host did before the machine, which are no more to be done."""
    folder: Path
    """Where its results are to go."""
    results: Path | None = None
    """Where they went, which is beside `folder` if somebody took that meanwhile."""
    faults: tuple[str, ...] = ()
    """What was wrong, each time that a host failed it."""
    state: State = State.IDLE
    created: float
    """Seconds since 1970."""
    entered: Mapping[str, float] = {}
    """State to the time of its last entry, in seconds since 1970; in the order of those, whatever the clock says."""
    attempt: int = 0
    left: str = ""
    """The host that it has just left, and does not go back to as long as there is another."""
    born: int = 0
    """The attempt in which its guest began: a later one may go on from a checkpoint."""
    placement: Placement | None = None
    beginning: Beginning | None = None
    """How its guest begins, where there is memory that it could wake from; None: nobody has looked yet."""
    originals: Mapping[str, str] = {}
    """What this attempt's overlays lie on, as it was before the machine: file to what changes when it is written."""
    handle: Handle | None = None
    address: str = ""
    """Where its guest is reached, once that is known and while it runs."""
    token: str
    """Random: what makes the job's results volumes its own."""
    suspend: Suspend | None = None
    """How its guest is suspended, or to be; None: it is to run."""
    rested: Mapping[str, str] = {}
    """The files of a saved guest's disks, as they were when it was saved: file to what changes when it is written."""
    kept: tuple[Kept, ...] = ()
    """The checkpoints that the job can go on from, the newest last."""
    tries: int = 0
    """How many checkpoints were begun; the number of the last one."""
    chained: int | None = None
    """The checkpoint of this attempt whose layers are below what its guest has changed since; None: there is none."""
    falls: int = 0
    """How often in a row the job went on from the same checkpoint, because its machine ended by no doing of its own."""
    gaps: tuple[Gap, ...] = ()
    """What its guest has missed."""
    configured: tuple[Performed, ...] = ()
    """The steps that its owner has had done on the machine while its guest ran, in their order."""
    ending: Ending | None = None
    """How this attempt's machine ended."""
    cut: CutOff | None = None
    """Why vmf is to end this attempt's guest, or has; None: it does not."""
    ran: float = 0.0
    """Seconds for which an engine has seen its guest run, up to the last time that this was kept."""
    verdict: Verdict | None = None
    published: Mapping[str, str] = {}
    """What its guests have published, name to literal; what one has not published anew is of one before it."""
    engine: str = ""
    """The socket of the engine that owns the job, or last did."""

    @property
    def ended(self) -> bool:
        """No engine has anything to do for it any more."""
        return self.state in ENDED

    def elapsed(self, now: float) -> float:
        """Seconds that it took, or has taken so far; none, if the clock was set back by more than that."""
        return max(0.0, (self.entered[self.state] if self.ended else now) - self.created)

    @property
    def seen(self) -> Job:
        """The job as expressions see it."""
        from vmf.published import joined  # noqa: PLC0415  # the language is slow to import, and few want it

        return joined(self.job, self.published)

    @property
    def asked(self) -> Job:
        """The job as its spec has it."""
        return self.ground.asked if self.ground else self.job

    @property
    def golden_files(self) -> tuple[File, ...]:
        """The files that its machine is made of, or may be; those of golden images stay as long as they are wanted."""
        warm = self.ground.warm if self.ground else None
        disks = (*warm.disks, *warm.cold) if warm else ()
        memory = (warm.memory.file, warm.state.file) if warm else ()
        return (*self.job.vetted_files, *memory, *(file for disk in disks for file in disk.files))

    @property
    def open(self) -> tuple[Host, ...]:
        """The hosts that have not failed it."""
        return tuple(host for host in self.hosts if host.name not in self.failed)

    @property
    def machine(self) -> str:
        """The name of this attempt's machine."""
        return f"vmf-{self.id}-{self.attempt}"

    @property
    def nonce(self) -> str:
        """What the results volume of this attempt's guest is known by."""
        return f"{self.token}-{self.born}"


class Moment(Struct, frozen=True, kw_only=True):
    """One event of a job's life as it was recorded."""

    at: float
    state: State
    """The state that the event led to."""
    event: Event


def after(record: Record, event: Event) -> Record:
    """The record that an event leaves, but for its state."""
    change = _CHANGES.get(type(event))
    return replace(record, **change(record, event)) if change else record


def _last(kept: tuple[Kept, ...], job: Job) -> tuple[Kept, ...]:
    """As many of the checkpoints as the job is to keep."""
    return kept[-job.checkpoint.keep :] if job.checkpoint else kept[-1:]


def _without_its_host(record: Record, _: Requeued) -> Mapping[str, Any]:
    return {
        "failed": (*record.failed, record.placement.host.name if record.placement else record.left),
        "faults": (*record.faults, record.verdict.reason if record.verdict else ""),
        "placement": None,
    }


def _begun(record: Record, _: Placed) -> Mapping[str, Any]:
    """What an attempt begins with."""
    attempt = record.attempt + 1
    return {
        "attempt": attempt, "born": record.born if record.kept else attempt, "originals": {}, "handle": None,
        "address": "", "suspend": None, "rested": {}, "ending": None, "cut": None, "verdict": None, "chained": None,
        "left": "", "gaps": record.gaps if record.kept else (), "ran": record.ran if record.kept else 0.0,
        "configured": record.configured if record.kept else (),
        "beginning": record.beginning if record.kept else None,
    }  # fmt: skip


def _judged(_: Record, event: Judged) -> Mapping[str, Any]:
    return {"verdict": event.verdict, "results": Path(event.results) if event.results else None}


def _counted(record: Record, _: CheckpointAsked | VacateAsked) -> Mapping[str, Any]:
    return {"tries": record.tries + 1}


def _kept(record: Record, event: Checkpointed) -> Mapping[str, Any]:
    return {
        "kept": _last((*record.kept, event.kept), record.job),
        "chained": event.kept.number,
        "falls": 0,
        "failed": (),
    }


def _left(record: Record, _: Vacated) -> Mapping[str, Any]:
    """Whoever has been made to leave a host does not go back at once; one whose machine has died there may."""
    return _gone(record, back=record.ending is not None)


def _gone(record: Record, *, back: bool) -> Mapping[str, Any]:
    host = record.placement.host.name if record.placement and not back else ""
    return {"placement": None, "handle": None, "address": "", "left": host, "failed": ()}


def _widowed(record: Record, _: HostDied) -> Mapping[str, Any]:
    """A job that was to end has ended with its host."""
    stopped = {"verdict": verdict(Outcome.STOPPED)} if record.state is State.STOPPING else {}
    return {**_gone(record, back=False), **stopped}


def _missed(record: Record, event: Created | Resumed) -> Mapping[str, Any]:
    return {"gaps": (*record.gaps, event.gap) if event.gap else record.gaps}


def _given_up(record: Record, event: RestoreFailed) -> Mapping[str, Any]:
    kept = tuple(each for each in record.kept if each.number != event.number)
    return {"kept": kept, "born": record.born if kept else record.attempt, "falls": 0}


def _fallen(record: Record, event: FellBack) -> Mapping[str, Any]:
    kept = tuple(each for each in record.kept if each.number <= event.number)
    return {"kept": kept, "falls": record.falls + 1 if kept == record.kept else 1}


def _over(*_: object) -> Mapping[str, Any]:
    """Nothing goes on from what was kept of a job that has ended for good, and its files have gone."""
    return {"kept": ()}


_CHANGES: Mapping[type[Event], Callable[[Record, Any], Mapping[str, Any]]] = MappingProxyType({
    Placed: _begun,
    Created: lambda record, event: {"handle": event.handle, **_missed(record, event)},
    SuspendAsked: lambda record, event: {"suspend": Suspend.HARD if record.state is State.WAKING else event.how},
    Saved: lambda *_: {"suspend": Suspend.HARD},
    Resumed: lambda record, event: {"suspend": None, "rested": {}, **_missed(record, event)},
    ResumeFailed: lambda record, _: {"suspend": record.suspend or Suspend.SOFT},
    CheckpointAsked: _counted,
    VacateAsked: _counted,
    Checkpointed: _kept,
    CheckpointFailed: lambda *_: {"chained": None},
    RestoreFailed: _given_up,
    Vacated: _left,
    FellBack: _fallen,
    HostDied: _widowed,
    Configured: lambda record, event: {"configured": (*record.configured, *event.steps)},
    HoldAsked: lambda *_: {"verdict": verdict(Outcome.HELD)},
    CutOff: lambda _, event: {"cut": event},
    Ended: lambda _, event: {"address": "", "ending": event.ending},
    Judged: _judged,
    Released: lambda *_: {"placement": None, "verdict": None, "results": None, "failed": ()},
    Requeued: _without_its_host,
    Completed: _over,
    Failed: _over,
    Removed: _over,
})  # fmt: skip
