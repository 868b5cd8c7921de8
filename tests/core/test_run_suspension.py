"""A guest that stands still, whatever happens to its host, its engine or itself meanwhile."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from farm import FARM
from vmf.model import Handle, Outcome, Stop, Suspend
from vmf.run import Advanced, engine
from vmf.state import (
    Created,
    Event,
    HoldAsked,
    Readmitted,
    ResumeAsked,
    Resumed,
    Saved,
    State,
    SuspendAsked,
    Suspended,
    SuspendFailed,
    Wish,
)
from vmf.store import own

HANDLE = Handle(host="farm", machine="vmf-1-1")
SOFT, HARD = (SuspendAsked(how=how) for how in Suspend)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(engine, "ROOM_SECONDS", 0.02)


def when(farm, event: type[Event], do):
    """Do something the first time that this has happened."""
    left = [do]

    def watch(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, event) and left:
            left.pop()()

    farm.watch(watch)


def wish(farm, *wishes: Wish):
    """Each of these is wanted as soon as the one before has been done."""
    done = (
        Created,
        *({Suspend.SOFT: Suspended, Suspend.HARD: Saved}.get(getattr(each, "how", None)) for each in wishes),
    )
    for event, each in zip(done, wishes, strict=False):
        when(farm, event, lambda each=each: farm.engine.ask(1, each))


def story(farm):
    return [type(each.event) for each in farm.store.history(1)]


def hypervisor(farm):
    return farm.hosts.hypervisor(FARM)


@pytest.mark.parametrize(
    ("asked", "between"), [(SOFT, [Suspended, ResumeAsked]), (HARD, [Saved, ResumeAsked, Readmitted])]
)
def test_it_goes_on_and_ends_as_if_nothing_had_been(make, asked, between):
    farm = make()
    wish(farm, asked, ResumeAsked())
    (record,) = farm.carry(farm.job("sleep 0.5\nwrite out.txt kept\nexit 3"))
    assert (record.state, record.verdict.exit_code, record.attempt, record.suspend) == (State.COMPLETED, 3, 1, None)
    assert story(farm)[2:-3] == [SuspendAsked, *between, Resumed]


def test_whoever_adopts_a_saved_job_lets_it_go_on_when_there_is_room(make):
    one = replace(FARM, machines=1)
    farm = make()
    wish(farm, HARD)
    when(farm, Saved, farm.engine.leave)
    (record,) = farm.carry(farm.job("sleep 0.5\nexit 3"), hosts=(one,))
    assert (record.state, farm.store.taken()) == (State.SAVED, {})
    again = make()
    jobs = [*again.submit(again.job("hang", "other"), hosts=(one,)), (record, own(again.store.home, 1))]
    when(again, Created, lambda: again.engine.ask(1, ResumeAsked()))
    when(again, ResumeAsked, lambda: again.engine.stop(force=True, jobs=[2]))
    last = {each.id: each for each in again.engine.carry(jobs)}
    assert (last[1].state, last[1].verdict.exit_code) == (State.COMPLETED, 3)
    assert last[2].state is State.REMOVED
    assert "waits: farm: machines 1 of at most 1" in again.remarks()


def test_an_engine_that_was_killed_while_it_suspended_is_followed_by_one_that_does_it(make):
    farm = make()
    wish(farm, SOFT)
    when(farm, SuspendAsked, farm.engine.leave)
    farm.fault("suspend", "lost", "no route")
    (record,) = farm.carry(farm.job("sleep 0.2\nexit 3"))
    assert record.state is State.SUSPENDING
    again = make()
    wish(again, ResumeAsked())
    when(again, Suspended, lambda: again.engine.ask(1, ResumeAsked()))
    (record,) = again.engine.carry([(record, own(again.store.home, 1))])
    assert record.verdict.exit_code == 3


@pytest.mark.parametrize("kind", ["host", "job"])
def test_a_guest_that_cannot_be_suspended_goes_on(make, kind):
    farm = make()
    farm.fault("suspend", kind, "a folder of the host is mounted in it")
    wish(farm, HARD)
    (record,) = farm.carry(farm.job("sleep 0.3\nexit 3"))
    assert record.verdict.exit_code == 3
    assert story(farm)[2:5] == [SuspendAsked, SuspendFailed, Resumed]
    (failed,) = (each.event for each in farm.store.history(1) if isinstance(each.event, SuspendFailed))
    assert failed.reason == "a folder of the host is mounted in it"


def test_a_guest_that_somebody_else_sets_going_is_running(make):
    farm = make()
    wish(farm, SOFT)
    when(farm, Suspended, lambda: hypervisor(farm).resume(HANDLE))
    (record,) = farm.carry(farm.job("sleep 0.3\nexit 3"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    assert story(farm)[2:5] == [SuspendAsked, Suspended, Resumed]


def test_a_guest_that_is_killed_while_it_stands_still_is_seen_to_have_ended(make):
    farm = make()
    wish(farm, SOFT)
    when(farm, Suspended, lambda: hypervisor(farm).shut_down(HANDLE, Stop.FORCE))
    (record,) = farm.carry(farm.job("hang"))
    assert (record.state, record.verdict.outcome) == (State.COMPLETED, Outcome.KILLED)


def test_a_guest_that_its_host_cannot_set_going_is_the_hosts_fault(make):
    farm = make()
    wish(farm, HARD, ResumeAsked())
    farm.fault("resume", "host", "its memory cannot be read")
    (record,) = farm.carry(farm.job("hang"))
    assert (record.state, record.verdict.outcome) == (State.FAILED, Outcome.HOST_FAULT)
    assert "its memory cannot be read" in record.verdict.reason


@pytest.mark.parametrize("asked", [SOFT, HARD])
def test_a_guest_that_stands_still_is_not_waited_for_when_the_job_is_to_end(make, asked):
    farm = make()
    wish(farm, asked)
    when(farm, {SOFT: Suspended, HARD: Saved}[asked], lambda: farm.engine.stop(force=False))
    (record,) = farm.carry(farm.job("write out.txt kept\nhang"))
    assert (record.state, record.verdict.outcome) == (State.REMOVED, Outcome.STOPPED)
    assert hypervisor(farm).machines() == ()


@pytest.mark.parametrize("asked", [SOFT, HARD])
def test_a_job_can_be_held_while_its_guest_stands_still(make, asked):
    farm = make()
    wish(farm, asked, HoldAsked())
    (record,) = farm.carry(farm.job("hang"))
    assert (record.state, record.verdict.outcome) == (State.HELD, Outcome.HELD)
    assert hypervisor(farm).machines() == ()


def test_a_wish_waits_until_it_has_a_meaning_and_the_last_one_counts(make):
    farm = make()
    when(farm, Created, lambda: [farm.engine.ask(1, each) for each in (HoldAsked(), ResumeAsked(), SOFT)])
    when(farm, Suspended, lambda: farm.engine.ask(1, ResumeAsked()))
    (record,) = farm.carry(farm.job("sleep 0.2\nexit 3"))
    assert record.verdict.exit_code == 3
