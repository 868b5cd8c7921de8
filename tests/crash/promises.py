"""What has to hold after a process was killed, and when a life is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from crash.place import SAID, Place
from crash.process import DEADLINE, Done
from vmf.result import Result
from vmf.state import ENDED, TAKES_ROOM, TRANSITIONS, State
from vmf.store import Record, owned

SQLITES = {"store.db-wal", "store.db-shm"}
WITHOUT_MACHINE = ENDED | {State.IDLE}


class Round(Struct, frozen=True, kw_only=True):
    """What a round was like."""

    steps: tuple[tuple[str, ...], ...]
    """What each process has done."""
    missed: str = ""
    """The step at which one was to be killed, and that it never came to."""
    broken: tuple[str, ...] = ()
    """The promises that were not kept."""
    said: str = ""
    """What the last process said."""


def broken_between(place: Place, done: Done) -> Iterator[str]:
    """What is wrong once a process has ended, and nobody carries the job."""
    alive, record = place.alive(), place.record()
    if done.hung:
        yield f"the process has not ended in {DEADLINE} seconds"
    yield from place.twice()
    if len(alive) > 1:
        yield f"guests are alive at once: {alive}"
    if record:
        yield from _illegal(place, record)
    if alive and (record is None or record.state in WITHOUT_MACHINE or not place.holds_room()):
        yield f"guests are alive of a job that is {record.state if record else 'unknown'}: {alive}"
    for results in place.work.glob("j.results*"):
        if not (results / "result.json").is_file():
            yield f"{results.name} has no result.json"


def _illegal(place: Place, record: Record) -> Iterator[str]:
    """What is wrong with a job as the store has it."""
    state = State.IDLE
    for moment in place.history(record):
        if TRANSITIONS.get((state, type(moment.event))) is not moment.state:
            yield f"{moment.event} has led from {state} to {moment.state}"
        state = moment.state
    if state is not record.state:
        yield f"the job is {record.state}, and its last event has led to {state}"
    if place.holds_room() and record.state not in TAKES_ROOM:
        yield f"the job is {record.state}, and holds room"


def broken_at_last(place: Place, done: Done, *, code: int | None, left: Mapping[str, object]) -> Iterator[str]:
    """What is wrong when the life is over; `left` is what an undisturbed one has left.

    `code` is the exit code that there has to be; None: hosts or guests have failed, and many ends are right.
    """
    yield from broken_between(place, done)
    record = place.record()
    if behind := place.left_behind():
        yield f"left behind: {behind}"
    if record and owned(place.home, record.id):
        yield "somebody still owns the job"
    found = leavings(place)
    if code is None:
        yield from (f"{path} is left" for path in sorted(found.keys() - left.keys()) if not _is_told(path))
        return
    if done.code != code:
        yield f"the exit code is {done.code}, not {code}"
    if (state := record.state if record else None) is not place.life.state:
        yield f"the job is {state}, not {place.life.state}"
    for path in sorted(found.keys() | left.keys()):
        if found.get(path) != left.get(path):
            yield f"{path}: {found.get(path, 'absent')}, in an undisturbed life {left.get(path, 'absent')}"


def _is_told(path: str) -> bool:
    """Whether a file tells of an end or a fault, or is one of a job that has moved, or may yet go on."""
    return path.startswith(("work/j.results", "home/jobs/1/checkpoints", "home/jobs/1/console")) or "/faults." in path


def leavings(place: Place) -> Mapping[str, object]:
    """All that is below the life's folders: paths, and what is in those that a user reads."""
    paths = (path for folder in place.folders() for path in folder.rglob("*") if path.name not in SQLITES)
    return {str(path.relative_to(place.root)): _content(path) for path in paths}


def _content(path: Path) -> object:
    match path.name:
        case "result.json":
            result = msgspec.json.decode(path.read_bytes(), type=Result)
            return (result.outcome, result.exit_code, result.source, result.files, result.missing, result.refused)
        case "console.log":  # a real guest's kernel says more, and never the same
            return [line for line in path.read_text(errors="replace").splitlines() if line in SAID]
        case "out.txt":
            return path.read_text()
    return "there"
