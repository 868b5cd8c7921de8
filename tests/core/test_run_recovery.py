"""A job whose machine or host has died goes on from what was kept of it, and never for ever."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from farm import FARM
from faults import will_fail
from vmf import checkpoints
from vmf.errors import HoldCode
from vmf.model import Checkpoint, Outcome, Stop, Suspend, Why
from vmf.run import Advanced, Remark, engine, life
from vmf.run.life import FALLS_MOST
from vmf.run.starting import FAULTS_MOST
from vmf.state import (
    CheckpointAsked,
    Checkpointed,
    Created,
    FellBack,
    HostDied,
    Judged,
    Placed,
    RestoreFailed,
    Resumed,
    State,
    StopAsked,
    SuspendAsked,
    Suspended,
    VacateAsked,
    Vacated,
)
from vmf.testing import snapshots
from vmf.testing.world import World

ASKED = CheckpointAsked(why=Why.OWNER)
DEATH = HostDied(host="farm", attempt=1)
YARD = replace(FARM, name="yard")
SCRIPT = "hear\nwrite out.txt made\nexit 3"
"""Waits, in the first attempt for ever."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(engine, "LOOK_SECONDS", 0.02)


def job(farm, script=SCRIPT, **wanted):
    """A job whose guest hears a word in every attempt but the first."""
    farm.speak(Created, since=2)
    return replace(farm.job(script), **wanted)


def kept(farm, script=SCRIPT):
    return job(farm, script, checkpoint=Checkpoint(on_eviction=True))


def when(farm, event, do, *, times=1):
    left = [do] * times

    def watch(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, event) and left:
            left.pop()()

    farm.watch(watch)


def world(farm, host=FARM):
    return World(farm.store.home.host(host.name))


def kill(farm):
    (machine,) = world(farm).names()
    world(farm).stop(machine, Stop.FORCE)


def numbers(farm):
    return [each.name for each in checkpoints.places(farm.store.home.checkpoints(1))]


def story(farm):
    return [type(each.event) for each in farm.store.history(1)]


def test_a_guest_that_dies_goes_on_from_its_checkpoint(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, lambda: kill(farm))
    (record,) = farm.carry(kept(farm))
    assert (record.state, record.verdict.exit_code, record.attempt) == (State.COMPLETED, 3, 2)
    assert (record.folder / "out.txt").read_text() == "made\n"
    assert FellBack in story(farm)
    assert [each.checkpoint for each in record.gaps] == [1]


def test_without_a_checkpoint_its_death_is_the_jobs_end(make):
    farm = make()
    when(farm, Created, lambda: kill(farm))
    (record,) = farm.carry(kept(farm))
    assert (record.verdict.outcome, record.attempt) == (Outcome.KILLED, 1)


def test_one_that_dies_again_and_again_is_given_up(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, lambda: when(farm, Created, lambda: kill(farm), times=9))
    when(farm, Checkpointed, lambda: kill(farm))
    (record,) = farm.carry(kept(farm, "hang"))
    assert (record.verdict.outcome, record.attempt) == (Outcome.KILLED, 1 + FALLS_MOST)


def test_a_job_outlives_its_host(make):
    """Nobody but its owner can know that the host is off; should it come back, the old machine does not run beside."""
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))

    def lose():
        farm.fault("state", "lost", "no route", times=10**6)
        farm.engine.ask(1, DEATH)

    when(farm, Checkpointed, lose)
    (record,) = farm.carry(kept(farm), hosts=(FARM, YARD))
    assert (record.verdict.exit_code, record.placement.host.name, record.attempt) == (3, "yard", 2)
    assert world(farm).names() == ("vmf-1-1",)
    farm.fault("state", "lost", "no route", times=0)
    farm.carry(farm.job("exit 0", name="other"))
    assert world(farm).names() == ()
    assert farm.store.strays("farm") == ()


def test_without_a_checkpoint_the_job_begins_anew_elsewhere(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, DEATH))
    (record,) = farm.carry(job(farm), hosts=(FARM, YARD))
    assert (record.verdict.exit_code, record.placement.host.name, record.gaps) == (3, "yard", ())


@pytest.mark.parametrize("how", [Suspend.SOFT, Suspend.HARD])
def test_what_stood_still_on_a_dead_host_begins_anew(make, how):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, SuspendAsked(how=how)))
    when(farm, SuspendAsked, lambda: farm.engine.ask(1, DEATH))
    (record,) = farm.carry(job(farm), hosts=(FARM, YARD))
    assert (record.verdict.exit_code, record.placement.host.name) == (3, "yard")


def test_a_job_that_was_to_end_ends_with_its_host(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.stop(force=False))

    def lose():
        farm.fault("shut_down", "lost", "no route", times=10**6)
        farm.engine.ask(1, DEATH)

    when(farm, StopAsked, lose)
    (record,) = farm.carry(farm.job("hang"), hosts=(FARM, YARD))
    assert (record.state, record.verdict.outcome, record.attempt) == (State.REMOVED, Outcome.STOPPED, 1)


def test_a_job_goes_back_to_the_host_that_it_has_left_if_no_other_ever_fits(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, VacateAsked()))
    small = replace(YARD, memory=2**20)
    (record,) = farm.carry(kept(farm), hosts=(FARM, small))
    assert (record.verdict.exit_code, record.placement.host.name, record.attempt) == (3, "farm", 2)


def test_what_no_host_can_go_on_from_waits_and_says_what_to_do(make, monkeypatch):
    farm = make()

    def age():
        monkeypatch.setattr(snapshots, "PLATFORM", replace(snapshots.PLATFORM, version="2"))
        farm.engine.ask(1, VacateAsked())

    when(farm, Created, age)
    farm.watch(lambda notice: isinstance(notice, Remark) and farm.engine.stop(force=False))
    (record,) = farm.carry(kept(farm))
    (said,) = farm.remarks()
    assert said.startswith("waits: farm: its checkpoint goes on with version 2 or a newer one, host has 1; ")
    assert said.endswith("to begin anew instead: `vmf hold j`, `vmf checkpoint rm j`, `vmf release j`")
    assert record.state is State.REMOVED


@pytest.mark.parametrize("verb", ["put", "create"])
@pytest.mark.parametrize("times", [1, FAULTS_MOST - 1])
def test_a_host_that_fails_for_a_moment_costs_no_checkpoint(make, monkeypatch, verb, times):
    monkeypatch.setattr(life, "LONGEST_PAUSE_SECONDS", 0.02)
    farm = make()

    def die():
        farm.fault(verb, "host", "no space left", times=times)
        kill(farm)

    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, die)
    (record,) = farm.carry(kept(farm))
    assert (record.verdict.exit_code, record.attempt, [each.checkpoint for each in record.gaps]) == (3, 2, [1])


def test_a_checkpoint_that_the_last_host_fails_with_again_and_again_is_given_up(make, monkeypatch):
    monkeypatch.setattr(life, "LONGEST_PAUSE_SECONDS", 0.02)
    farm = make()

    def die():
        farm.fault("create", "host", "it does not load", times=FAULTS_MOST)
        kill(farm)

    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, die)
    (record,) = farm.carry(kept(farm))
    (event,) = (each.event for each in farm.store.history(1) if isinstance(each.event, RestoreFailed))
    assert event.reason == f"its host failed {FAULTS_MOST} times; it does not load"
    assert (record.verdict.exit_code, record.gaps) == (3, ())


def test_what_is_in_the_way_of_the_job_costs_no_checkpoint(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, VacateAsked()))
    when(farm, Vacated, lambda: farm.fault("create", "job", "the port is taken"))
    (record,) = farm.carry(kept(farm))
    assert (record.state, [each.number for each in record.kept]) == (State.HELD, [1])


def test_what_is_in_its_way_on_one_host_leads_it_to_another(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))

    def die():
        farm.fault("create", "job", "the port is taken")
        kill(farm)

    when(farm, Checkpointed, die)
    (record,) = farm.carry(kept(farm), hosts=(FARM, YARD))
    assert (record.verdict.exit_code, record.placement.host.name) == (3, "yard")
    assert [each.checkpoint for each in record.gaps] == [1]


def test_who_falls_back_may_go_on_where_it_was(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, ASKED))
    when(farm, Checkpointed, lambda: kill(farm))
    (record,) = farm.carry(kept(farm), hosts=(FARM, YARD))
    assert (record.verdict.exit_code, record.placement.host.name, record.attempt) == (3, "farm", 2)


def test_a_host_that_fails_and_then_dies_leaves_the_job_to_another(make):
    farm = make()
    farm.fault("create", "host", "out of order")

    def lose():
        farm.fault("destroy", "lost", "no route", times=10**6)
        farm.engine.ask(1, DEATH)

    when(farm, Judged, lose)
    (record,) = farm.carry(job(farm), hosts=(FARM, YARD))
    assert (record.verdict.exit_code, record.placement.host.name, record.attempt) == (3, "yard", 2)


def test_what_a_guest_missed_while_it_stood_still_is_told(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, SuspendAsked(how=Suspend.SOFT)))
    when(farm, Suspended, lambda: world(farm).resume("vmf-1-1"))
    farm.speak(Resumed)
    (record,) = farm.carry(farm.job("hear"))
    (gap,) = record.gaps
    assert (gap.checkpoint, gap.clock_set) == (None, False)
    assert gap.seconds > 0


def at(farm, event, attempts, do):
    """Do something when this has happened in these attempts."""

    def watch(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, event) and notice.record.attempt in attempts:
            do()

    farm.watch(watch)


def test_one_that_dies_again_and_again_goes_on_from_the_checkpoint_before(make):
    farm = make()
    farm.speak(Created, since=FALLS_MOST + 2)
    at(farm, Created, {1}, lambda: farm.engine.ask(1, ASKED))
    at(farm, Checkpointed, {1}, lambda: kill(farm) if len(numbers(farm)) > 1 else farm.engine.ask(1, ASKED))
    at(farm, Created, range(2, FALLS_MOST + 2), lambda: kill(farm))
    (record,) = farm.carry(replace(farm.job(SCRIPT), checkpoint=Checkpoint(keep=2)))
    assert (record.verdict.exit_code, record.attempt) == (3, FALLS_MOST + 2)
    assert [each.checkpoint for each in record.gaps] == [*([2] * FALLS_MOST), 1]


def test_a_host_that_failed_once_may_have_the_job_again_when_it_has_got_somewhere(make):
    farm = make()
    farm.speak(Created, since=4)
    at(farm, Created, {1, 3}, lambda: farm.engine.ask(1, VacateAsked()))
    will_fail(farm.store.home.host("yard"), "create", "host", "out of room", times=1)
    wanted = replace(farm.job(SCRIPT), checkpoint=Checkpoint(on_eviction=True))
    (record,) = farm.carry(wanted, hosts=(FARM, YARD))
    assert [each.event.host for each in farm.store.history(1) if isinstance(each.event, Placed)] == [
        "farm", "yard", "farm", "yard",
    ]  # fmt: skip
    assert record.verdict.exit_code == 3


def test_a_host_that_failed_once_may_have_a_job_whose_host_is_dead(make):
    farm = make()
    farm.speak(Created, since=3)
    at(farm, Created, {2}, lambda: farm.engine.ask(1, HostDied(host="yard", attempt=2)))
    will_fail(farm.store.home.host("farm"), "create", "host", "out of room", times=1)
    (record,) = farm.carry(farm.job(SCRIPT), hosts=(FARM, YARD))
    assert (record.verdict.exit_code, record.placement.host.name) == (3, "farm")


def test_a_changed_original_holds_the_job_and_costs_no_checkpoint(make):
    farm = make()
    when(farm, Created, lambda: farm.engine.ask(1, VacateAsked()))
    when(farm, Vacated, lambda: (farm.folder / "box.raw").write_bytes(bytes(2**20)))
    (record,) = farm.carry(kept(farm))
    assert (record.state, record.verdict.code) == (State.HELD, HoldCode.IMAGE_INVALID)
    assert "box.raw is not as it was when the guest began" in record.verdict.reason
    assert [each.number for each in record.kept] == [1]
