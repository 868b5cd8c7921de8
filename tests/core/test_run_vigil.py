"""What ends a guest that would go on: a limit of its job's, or that it is dead without being off."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.model import Ending, Outcome, Suspend
from vmf.run import Advanced, Console, follower, life, starting, vigil
from vmf.state import Created, CutOff, Ended, ResumeAsked, Resumed, SuspendAsked, Suspended


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(life, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(vigil, "QUIET_SECONDS", 0.05)


@pytest.fixture
def clock(monkeypatch):
    """The clock of those who watch a guest: it goes when it is told to."""
    clock = SimpleNamespace(now=1e6)
    for module in (vigil, follower, starting):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now, time=time.time))
    return clock


def events(farm, kind):
    return [each.event for each in farm.store.history(1) if isinstance(each.event, kind)]


@pytest.mark.parametrize(
    ("limit", "outcome"), [({"time_limit": 1}, Outcome.TIME_LIMIT), ({"silence_limit": 1}, Outcome.SILENT)]
)
def test_a_guest_that_takes_too_long_is_asked_to_end(make, limit, outcome):
    farm = make()
    (record,) = farm.carry(replace(farm.job("hang"), **limit))
    assert (record.verdict.outcome, record.verdict.exit_code) == (outcome, 81)
    assert "1.0s" in record.verdict.reason
    assert f"raise the job's `{next(iter(limit))}`" in record.verdict.reason
    assert record.ending is Ending.SHUTDOWN


def test_a_guest_that_speaks_now_and_then_is_not_silent(make, clock):
    farm = make()

    def watch(notice):
        if isinstance(notice, Console):
            clock.now += 1.5
            farm.tell()

    farm.watch(watch)
    script = "\n".join(["echo still there\nhear"] * 12)
    (record,) = farm.carry(replace(farm.job(f"{script}\nexit 4"), silence_limit=2))
    assert (record.verdict.outcome, record.verdict.exit_code) == (Outcome.COMPLETED, 4)


def test_a_guest_that_stands_still_spends_none_of_its_time(make, clock):
    farm = make()

    def watch(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, Created):
            farm.engine.ask(1, SuspendAsked(how=Suspend.SOFT))
        if isinstance(notice, Advanced) and isinstance(notice.event, Suspended):
            clock.now += 1000
            farm.engine.ask(1, ResumeAsked())

    farm.watch(watch)
    farm.speak(Resumed)
    (record,) = farm.carry(replace(farm.job("hear\nexit 4"), time_limit=2, silence_limit=2))
    assert (record.verdict.outcome, record.verdict.exit_code) == (Outcome.COMPLETED, 4)


def test_a_guest_that_does_not_hear_is_forced(make, monkeypatch):
    monkeypatch.setattr(life, "GRACE_SECONDS", 0.1)
    farm = make()
    (record,) = farm.carry(replace(farm.job("deaf\nhang"), time_limit=1))
    assert (record.verdict.outcome, record.ending) == (Outcome.TIME_LIMIT, Ending.KILLED)


def test_a_guest_that_has_halted_is_ended(make):
    farm = make()
    (record,) = farm.carry(farm.job("halt"))
    assert (record.verdict.outcome, record.verdict.exit_code) == (Outcome.HALTED, 75)
    assert [each.outcome for each in events(farm, CutOff)] == [Outcome.HALTED]


def test_a_guest_that_has_nothing_to_do_is_left_alone(make):
    farm = make()
    (record,) = farm.carry(farm.job("sleep 0.5\nexit 4"))
    assert (record.verdict.outcome, record.verdict.exit_code) == (Outcome.COMPLETED, 4)


@pytest.mark.parametrize(("script", "outcome"), [("reboot", Outcome.REBOOTED), ("panic", Outcome.PANICKED)])
def test_how_a_guest_ended_is_told_apart(make, script, outcome):
    farm = make()
    (record,) = farm.carry(farm.job(script))
    assert record.verdict.outcome is outcome
    assert [each.ending for each in events(farm, Ended)] == [Ending(outcome)]
