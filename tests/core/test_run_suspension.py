"""A guest that stands still, whatever happens to its host, its engine or itself meanwhile."""

from __future__ import annotations

import time
from itertools import count

import pytest
from msgspec.structs import replace

from farm import FARM
from faults import ALWAYS
from vmf.errors import HoldCode
from vmf.model import Access, File, Handle, Outcome, Stop, Suspend
from vmf.run import Advanced, engine
from vmf.state import (
    Created,
    Event,
    HoldAsked,
    Readmitted,
    ResumeAsked,
    Resumed,
    ResumeFailed,
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
    monkeypatch.setattr(engine, "LOOK_SECONDS", 0.02)


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
    farm.speak(Resumed)
    (record,) = farm.carry(farm.job("hear\nwrite out.txt kept\nexit 3"))
    assert (record.state, record.verdict.exit_code, record.attempt, record.suspend) == (State.COMPLETED, 3, 1, None)
    assert story(farm)[2:-3] == [SuspendAsked, *between, Resumed]


def test_a_clock_that_is_set_back_neither_hides_a_gap_nor_makes_one(make, monkeypatch):
    """Of a guest that stood still once, and the second time could not be suspended."""
    clock = count(10**9, -3600)
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    farm = make()
    wish(farm, SOFT, ResumeAsked())
    when(farm, Resumed, lambda: (farm.fault("suspend", "host", "no"), farm.engine.ask(1, SOFT)))
    farm.speak(SuspendFailed)
    (record,) = farm.carry(farm.job("hear\nexit 3"))
    assert story(farm)[2:8] == [SuspendAsked, Suspended, ResumeAsked, Resumed, SuspendAsked, SuspendFailed]
    assert [each.seconds for each in record.gaps] == [0.0]


def test_whoever_adopts_a_saved_job_lets_it_go_on_when_there_is_room(make):
    one = replace(FARM, machines=1)
    farm = make()
    wish(farm, HARD)
    when(farm, Saved, farm.engine.leave)
    (record,) = farm.carry(farm.job("hear\nexit 3"), hosts=(one,))
    assert (record.state, farm.store.taken()) == (State.SAVED, {})
    again = make()
    again.speak(Resumed)
    full = "waits: farm: machines 1 of at most 1"
    jobs = [*again.submit(again.job("hang", "other"), hosts=(one,)), (record, own(again.store.home, 1))]
    when(again, Created, lambda: again.engine.ask(1, ResumeAsked()))
    again.watch(lambda notice: full in getattr(notice, "text", "") and again.engine.stop(force=True, jobs=[2]))
    last = {each.id: each for each in again.engine.carry(jobs)}
    assert (last[1].state, last[1].verdict.exit_code) == (State.COMPLETED, 3)
    assert last[2].state is State.REMOVED


def test_an_engine_that_was_killed_while_it_suspended_is_followed_by_one_that_does_it(make):
    farm = make()
    wish(farm, SOFT)
    when(farm, SuspendAsked, farm.engine.leave)
    farm.fault("suspend", "lost", "no route", times=ALWAYS)
    (record,) = farm.carry(farm.job("hear\nexit 3"))
    assert record.state is State.SUSPENDING
    again = make()
    again.speak(Resumed)
    again.fault("suspend", "lost", "no route", times=0)
    wish(again, ResumeAsked())
    when(again, Suspended, lambda: again.engine.ask(1, ResumeAsked()))
    (record,) = again.engine.carry([(record, own(again.store.home, 1))])
    assert record.verdict.exit_code == 3


@pytest.mark.parametrize("kind", ["host", "job"])
def test_a_guest_that_cannot_be_suspended_goes_on(make, kind):
    farm = make()
    farm.fault("suspend", kind, "a folder of the host is mounted in it")
    wish(farm, HARD)
    farm.speak(Resumed)
    (record,) = farm.carry(farm.job("hear\nexit 3"))
    assert record.verdict.exit_code == 3
    assert story(farm)[2:5] == [SuspendAsked, SuspendFailed, Resumed]
    (failed,) = (each.event for each in farm.store.history(1) if isinstance(each.event, SuspendFailed))
    assert failed.reason == "a folder of the host is mounted in it"


def test_a_guest_that_somebody_else_sets_going_is_running(make):
    farm = make()
    wish(farm, SOFT)
    when(farm, Suspended, lambda: hypervisor(farm).resume(HANDLE))
    farm.speak(Resumed)
    (record,) = farm.carry(farm.job("hear\nexit 3"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    assert story(farm)[2:5] == [SuspendAsked, Suspended, Resumed]


def test_a_guest_that_is_killed_while_it_stands_still_is_seen_to_have_ended(make):
    farm = make()
    wish(farm, SOFT)
    when(farm, Suspended, lambda: hypervisor(farm).shut_down(HANDLE, Stop.FORCE))
    (record,) = farm.carry(farm.job("hang"))
    assert (record.state, record.verdict.outcome) == (State.COMPLETED, Outcome.KILLED)


@pytest.mark.parametrize("kind", ["host", "job"])
@pytest.mark.parametrize(
    ("asked", "before", "after"),
    [(SOFT, [Suspended, ResumeAsked], []), (HARD, [Saved, ResumeAsked, Readmitted], [Saved])],
)
def test_a_guest_that_cannot_be_set_going_stands_still_as_it_did_until_it_can(make, asked, before, after, kind):
    farm = make()
    farm.fault("resume", kind, "a port is taken")
    wish(farm, asked, ResumeAsked())
    taken = []

    def again():
        taken.append(farm.store.taken())
        farm.engine.ask(1, ResumeAsked())

    when(farm, ResumeFailed, lambda: when(farm, Saved, again) if after else again())
    farm.speak(Resumed)
    (record,) = farm.carry(farm.job("hear\nwrite out.txt kept\nexit 3"))
    assert (record.state, record.verdict.exit_code, record.attempt) == (State.COMPLETED, 3, 1)
    assert story(farm)[3:-3] == [*before, ResumeFailed, *after, *before[1:], Resumed]
    (failed,) = (each.event for each in farm.store.history(1) if isinstance(each.event, ResumeFailed))
    assert failed.reason == "a port is taken"
    assert taken == [{}] or asked is SOFT


def box(farm, access=Access.SNAPSHOT, name="j", script="exit 3"):
    """A job whose disk may be another one's, too."""
    job = farm.job(script, name)
    (disk,) = job.image.disks
    return replace(job, image=replace(job.image, disks=(replace(disk, access=access),)))


@pytest.mark.parametrize("access", Access)
def test_a_saved_guest_does_not_go_on_with_a_disk_that_has_changed(make, access):
    farm = make()
    wish(farm, HARD)

    def change():
        (farm.folder / "box.raw").write_bytes(bytes(2**20))
        farm.engine.ask(1, ResumeAsked())

    when(farm, Saved, change)
    when(farm, ResumeFailed, lambda: when(farm, Saved, lambda: farm.engine.stop(force=True)))
    (record,) = farm.carry(box(farm, access, script="hang"))
    (failed,) = (each.event for each in farm.store.history(1) if isinstance(each.event, ResumeFailed))
    assert f"{farm.folder / 'box.raw'} is not as it was when the guest was saved" in failed.reason
    assert Resumed not in story(farm)
    assert record.state is State.REMOVED


IN_PLACE, SNAPSHOT = Access.IN_PLACE, Access.SNAPSHOT


@pytest.mark.parametrize(
    ("saved", "starts", "end"),
    [
        (SNAPSHOT, IN_PLACE, State.HELD),
        (IN_PLACE, SNAPSHOT, State.HELD),
        (IN_PLACE, IN_PLACE, State.HELD),
        (SNAPSHOT, SNAPSHOT, State.COMPLETED),
    ],
)
def test_nobody_writes_to_what_a_saved_guest_goes_on_with(make, saved, starts, end):
    farm = make()
    (farm.folder / "link.raw").symlink_to("box.raw")
    wish(farm, HARD)
    when(farm, Saved, farm.engine.leave)
    farm.carry(box(farm, saved, script="hang"))
    again = make()
    other = box(again, starts, name="other")
    disk = replace(other.image.disks[0], file=File(path=again.folder / "link.raw"))
    (record,) = again.carry(replace(other, image=replace(other.image, disks=(disk,))))
    assert record.state is end
    if end is State.HELD:
        assert record.verdict.code is HoldCode.DISK_IN_USE
        assert "link.raw is used by j (job 1), whose guest is saved" in record.verdict.reason


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


def test_wishes_are_done_in_their_order_and_one_that_means_nothing_is_dropped(make):
    farm = make()
    when(farm, Created, lambda: [farm.engine.ask(1, each) for each in (HARD, SOFT, ResumeAsked())])
    farm.speak(Resumed)
    (record,) = farm.carry(farm.job("hear\nexit 3"))
    assert record.verdict.exit_code == 3
    assert story(farm)[2:-3] == [SuspendAsked, Saved, ResumeAsked, Readmitted, Resumed]


def test_a_guest_that_its_host_has_paused_goes_on_when_it_is_asked_to(make):
    farm = make()

    def pause():
        hypervisor(farm).suspend(HANDLE, Suspend.SOFT)
        farm.engine.ask(1, ResumeAsked())

    when(farm, Created, pause)
    farm.speak(Resumed)
    (record,) = farm.carry(farm.job("hear\nexit 3"))
    assert record.verdict.exit_code == 3
    assert story(farm)[2:-3] == [ResumeAsked, Resumed]
