"""What a job's event log says, whoever carries the job and whatever is in the way."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from farm import FARM, Farm
from shell import DEADLINE, until
from vmf.model import Home, Job, Outcome
from vmf.result import verdict
from vmf.run import eventlog
from vmf.run.eventlog import EventLogs
from vmf.state import Created, Event, Held, HoldAsked, HostDied, Judged, Released
from vmf.store import Record, Store

LIFE = ["placed", "created", "ended", "judged", "completed"]
HELD = (HoldAsked(), Held(), Released())
"""What can happen to a job again and again, without a machine."""


def told(log: Path, key: str = "event") -> list[object]:
    """A value of each line of a log, which has whole lines only."""
    text = log.read_text()
    assert text.endswith("\n")
    return [json.loads(line)[key] for line in text.splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.log"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(Home(root=tmp_path))) as store:
        yield store


@pytest.fixture
def submit(store: Store, log: Path) -> Callable[[str], Record]:
    def submit(name: str) -> Record:
        job = Job(name=name, memory=2**28, event_log=log)
        ((record, _),) = store.submit([(job, Path("/r") / name)], (FARM,))
        return record

    return submit


def logged(farm: Farm, log: Path, script: str = "exit 0", name: str = "j") -> Job:
    return replace(farm.job(script, name), event_log=log)


def test_a_line_tells_when_whose_and_what(make, log):
    farm = make()
    (record,) = farm.carry(logged(farm, log, "exit 3"))
    placed, created, _, judged, last = map(json.loads, log.read_text().splitlines())
    assert list(placed) == ["at", "job", "id", "attempt", "event", "state", "host", "reasons"]
    assert placed["at"].endswith("Z")
    assert (placed["job"], placed["id"], placed["attempt"], placed["host"]) == ("j", 1, 1, "farm")
    assert (created["state"], created["handle"]["machine"]) == ("running", record.machine)
    assert judged["verdict"]["exit_code"] == 3
    assert (last["event"], last["state"]) == ("completed", "completed")


def test_several_jobs_share_a_log_without_mixing_lines(make, log):
    farm = make()
    farm.carry(*(logged(farm, log, name=f"j{number}") for number in range(4)))
    lines = list(zip(told(log, "job"), told(log), strict=True))
    for number in range(4):
        assert [event for job, event in lines if job == f"j{number}"] == LIFE
    assert len(lines) == 4 * len(LIFE)


def test_a_log_that_cannot_be_written_is_told_once_and_harms_no_job(make, tmp_path):
    farm = make()
    (record,) = farm.carry(logged(farm, tmp_path / "gone/events.log", "exit 3"))
    assert record.verdict.exit_code == 3
    first, last = (each for each in farm.remarks() if "event log" in each)
    assert "cannot be written, and is tried again: No such file or directory; `vmf show 1` has them all" in first
    assert "lacks the job's last events: No such file" in last


def test_what_could_not_be_written_is_written_once_it_can_and_not_with_the_next_event(make, tmp_path):
    farm, log, created = make(), tmp_path / "gone/events.log", threading.Event()

    def mend() -> None:
        created.wait(DEADLINE)
        log.parent.mkdir()
        until(log.exists, "it is written")
        farm.tell()

    farm.watch(lambda notice: created.set() if isinstance(getattr(notice, "event", None), Created) else None)
    with ThreadPoolExecutor() as pool:
        pool.submit(mend)
        farm.carry(logged(farm, log, "hear\nexit 0"))
    assert told(log) == LIFE


@pytest.mark.parametrize("before", range(4))
def test_who_adopts_a_job_writes_what_is_missing_and_nothing_twice(store, submit, log, before):
    """Of an engine that was killed when it had written so many lines, of a log that another job shares."""
    record, other = submit("j"), submit("other")
    first, second = EventLogs(store, tell=print), EventLogs(store, tell=print)
    for number, event in enumerate(HELD):
        record, other = store.apply(record, event), store.apply(other, event)
        second.follow(other)
        if number < before:
            first.follow(record)
    EventLogs(store, tell=print).follow(record)
    EventLogs(store, tell=print).follow(record)
    lines = list(zip(told(log, "job"), told(log), strict=True))
    assert [event for job, event in lines if job == "j"] == ["hold-asked", "held", "released"]
    assert len(lines) == 2 * len(HELD)


def test_lines_are_found_again_wherever_blocks_divide_them(store, submit, log, monkeypatch):
    monkeypatch.setattr(eventlog, "BLOCK", 7)
    record = submit("j")
    for event in HELD * 3:
        record = store.apply(record, event)
        EventLogs(store, tell=print).follow(record)
    assert told(log) == ["hold-asked", "held", "released"] * 3


def test_what_a_killed_engine_left_of_a_line_is_written_whole(store, submit, log):
    record = store.apply(submit("j"), HoldAsked())
    EventLogs(store, tell=print).follow(record)
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    EventLogs(store, tell=print).follow(record)
    assert log.read_bytes() == whole


def test_of_lines_that_find_room_in_part_nothing_stays(store, submit, log, monkeypatch):
    record = store.apply(submit("j"), HoldAsked())
    logs = EventLogs(store, tell=(remarks := []).append)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fills_up(os.write))
        logs.follow(record)
    assert log.read_bytes() == b""
    assert "No space left on device" in remarks[0].text
    logs.retry()
    assert told(log) == ["hold-asked"]
    assert len(remarks) == 1


def fills_up(write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    """A disk with room for ten more bytes."""
    room = [10]

    def written(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: room.pop()])

    return written


def test_one_that_somebody_else_is_writing_to_is_waited_for_without_a_word(store, submit, log):
    record = store.apply(submit("j"), HoldAsked())
    logs = EventLogs(store, tell=(remarks := []).append)
    with log.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        logs.follow(record)
    logs.settle(record)
    assert told(log) == ["hold-asked"]
    assert remarks == []


def test_a_log_that_is_moved_away_is_begun_anew(store, submit, log):
    record, logs = submit("j"), EventLogs(store, tell=print)
    for event in HELD[:2]:
        record = store.apply(record, event)
        logs.follow(record)
        log.rename(log.with_suffix(f".{event.__struct_config__.tag}"))
    assert told(log.with_suffix(".hold-asked")) == ["hold-asked"]
    assert told(log.with_suffix(".held")) == ["held"]


@pytest.mark.parametrize("kind", ["text", "link", "pipe", "folder"])
def test_what_is_no_event_log_is_left_alone(store, submit, log, tmp_path, kind):
    kinds = {
        "text": lambda: log.write_text("my diary\n"),
        "link": lambda: log.symlink_to(tmp_path / "elsewhere"),
        "pipe": lambda: os.mkfifo(log),
        "folder": log.mkdir,
    }
    kinds[kind]()
    before = log.lstat()
    record = store.apply(submit("j"), HoldAsked())
    EventLogs(store, tell=(remarks := []).append).follow(record)
    assert "cannot be written" in remarks[0].text
    assert log.lstat() == before
    assert not (tmp_path / "elsewhere").exists()


def test_a_log_does_nothing_to_a_terminal(store, submit, log):
    reason = "\x1b[2J\x9b31m\u202e"
    record = store.apply(submit("j"), Judged(verdict=verdict(Outcome.JOB_FAULT, reason=reason)))
    EventLogs(store, tell=print).follow(record)
    assert log.read_bytes().rstrip(b"\n").decode("ascii").isprintable()
    assert [each["reason"] for each in told(log, "verdict")] == [reason]


def test_no_event_has_a_field_that_every_line_has():
    ours = {"at", "job", "id", "attempt", "event", "state", "type"}
    taken = {(each, name) for each in get_args(Event) for name in each.__struct_fields__ if name in ours}
    assert taken == {(HostDied, "attempt")}, "which is the very same"
