"""What has to hold after a process was killed, and when a life is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from crash.place import SAID, Place
from crash.process import Done
from vmf.result import Result
from vmf.state import ENDED, TAKES_ROOM, TRANSITIONS, State
from vmf.store import Record, owned

SQLITES = {"store.db-wal", "store.db-shm"}
WITHOUT_MACHINE = ENDED | {State.IDLE}


def broken_between(place: Place) -> Iterator[str]:
    """What is wrong while nobody carries the job."""
    alive, record = place.alive(), place.record()
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


def broken_at_last(place: Place, done: Done, *, code: int, left: Mapping[str, object]) -> Iterator[str]:
    """What is wrong when the life is over; `left` is what an undisturbed one has left."""
    yield from broken_between(place)
    life, record = place.life, place.record()
    if done.code != code:
        yield f"the exit code is {done.code}, not {code}"
    if (record.state if record else None) is not life.state:
        yield f"the job is {record.state if record else 'gone'}, not {life.state}"
    if behind := place.left_behind():
        yield f"left behind: {behind}"
    if record and owned(place.home, record.id):
        yield "somebody still owns the job"
    found = leavings(place)
    for path in sorted(found.keys() | left.keys()):
        if found.get(path) != left.get(path):
            yield f"{path}: {found.get(path, 'absent')}, in an undisturbed life {left.get(path, 'absent')}"


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
