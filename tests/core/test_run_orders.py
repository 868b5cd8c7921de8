"""What an owner wants of a life is heeded, whatever its host and its console are up to."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from faults import ALWAYS
from vmf.files import sparse
from vmf.hookspecs import hookimpl
from vmf.model import MachineState, Outcome, Power, Stop, Suspend
from vmf.run import Advanced, Console, Remark, engine, life
from vmf.run.orders import Interrupted, Orders
from vmf.state import PASSING, Created, HoldAsked, HostDied, ResumeAsked, State, SuspendAsked
from vmf.store import own

SUSPEND = SuspendAsked(how=Suspend.SOFT)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(life, "LONGEST_PAUSE_SECONDS", 0.0)


def once(farm, wanted, do):
    """Do something when the engine first tells this."""
    done = threading.Event()

    def watch(notice):
        if wanted(notice) and not done.is_set():
            done.set()
            do()

    farm.watch(watch)


def created(notice) -> bool:
    return isinstance(notice, Advanced) and isinstance(notice.event, Created)


class Paused:
    """A host whose machines run, pause, and run again; what is asked of them is kept."""

    def __init__(self) -> None:
        self.asked = []
        self.states = iter(())

    @hookimpl(wrapper=True)
    def state(self):
        state = yield
        paused = state.power is Power.RUNNING and next(self.states, False)
        return MachineState(power=Power.PAUSED, detail="the host may be out of space") if paused else state

    @hookimpl(wrapper=True)
    def shut_down(self, how):
        self.asked.append(how)
        return (yield)


def test_a_paused_machine_is_told_of_once_with_the_reason_and_when_it_goes_on(make, monkeypatch):
    monkeypatch.setattr(life, "POLL_SECONDS", 0.01)
    site = Paused()
    site.states = iter([True] * 5)
    farm = make(site)
    farm.watch(lambda notice: farm.tell() if isinstance(notice, Remark) and "runs again" in notice.text else None)
    (record,) = farm.carry(farm.job("hear\nexit 4"))
    assert record.verdict.exit_code == 4
    assert [each for each in farm.remarks() if "machine" in each] == [
        "its machine is paused: the host may be out of space",
        "its machine runs again",
    ]


def test_a_stop_by_force_asks_nobody_first(make):
    site = Paused()
    farm = make(site)
    once(farm, created, lambda: farm.engine.stop(force=True))
    (record,) = farm.carry(farm.job("hang"))
    assert (record.state, record.verdict.outcome) == (State.REMOVED, Outcome.STOPPED)
    assert site.asked == [Stop.FORCE]


def test_a_stop_needs_no_look_at_the_machine(make):
    farm = make()

    def stop():
        farm.fault("state", "host", "nobody knows", times=ALWAYS)
        farm.order(stop=True, force=True)

    once(farm, created, stop)
    (record,) = farm.carry(farm.job("hang"))
    assert (record.state, record.verdict.outcome) == (State.REMOVED, Outcome.STOPPED)


def test_a_console_that_cannot_be_read_is_told_of_once_and_hinders_nothing(make):
    farm = make()
    farm.fault("console", "host", "it is no plain file", times=ALWAYS)
    (record,) = farm.carry(farm.job("write out.txt kept\nexit 4"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 4)
    assert [each for each in farm.remarks() if "console" in each] == ["the console cannot be read: it is no plain file"]
    assert not any(isinstance(each, Console) for each in farm.told)


def test_a_host_that_answers_and_fails_again_and_again_is_not_asked_for_ever(make):
    farm = make()
    farm.fault("fetch", "host", "no such volume", times=ALWAYS)
    (record,) = farm.carry(farm.job("write out.txt kept\nexit 4"))
    assert record.state is State.COLLECTING
    assert len(farm.remarks()) == life.FAULTS_MOST
    farm.fault("fetch", "host", "", times=0)
    again = make()
    (record,) = again.engine.carry([(again.store.get(record.id), own(again.store.home, record.id))])
    assert record.verdict.exit_code == 4
    assert (record.folder / "out.txt").read_text() == "kept\n"


def test_a_lost_host_is_asked_for_ever(make):
    farm = make()
    farm.fault("fetch", "lost", "no route", times=3 * life.FAULTS_MOST)
    (record,) = farm.carry(farm.job("write out.txt kept\nexit 4"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 4)


@pytest.mark.parametrize(("order", "state"), [("stop", State.REMOVED), ("leave", State.STARTING)])
def test_the_reading_of_an_image_is_broken_off_by_an_order(make, monkeypatch, order, state):
    farm = make()

    def read(_file, _part, *, check):
        farm.order(**{order: True})
        check(0, 1)
        raise AssertionError("it went on")

    monkeypatch.setattr(sparse, "sha256", read)
    job = farm.job("exit 0")
    disk = replace(job.image.disks[0], sha256="0" * 64)
    (record,) = farm.carry(replace(job, image=replace(job.image, disks=(disk,))))
    assert record.state is state


def test_a_life_that_a_host_keeps_in_a_call_does_not_keep_the_engine_from_leaving(make, monkeypatch):
    monkeypatch.setattr(engine, "LEAVE_SECONDS", 0.2)
    held, freed = threading.Event(), threading.Event()

    class Hung:
        @hookimpl(wrapper=True)
        def state(self, handle):
            state = yield
            if handle.machine and state.power is Power.RUNNING:
                held.set()
                freed.wait(30)
            return state

    farm = make(Hung())
    threading.Thread(target=lambda: (held.wait(30), farm.engine.leave())).start()
    (record,) = farm.carry(farm.job("hang"))
    assert record.state is State.RUNNING
    freed.set()


def test_a_host_that_is_lost_for_a_moment_fails_no_waiting_job(make, monkeypatch):
    monkeypatch.setattr("vmf.model.setback.FIRST_PAUSE", 0.0)
    farm = make()
    farm.fault("connect", "lost", "no route")
    (record,) = farm.carry(farm.job("exit 4"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 4)
    assert farm.remarks()[0] == "waits: farm: no route"


def now(state):
    """A job in this state, as far as orders look at it."""
    host = SimpleNamespace(host=SimpleNamespace(name="farm"))
    return SimpleNamespace(state=state, attempt=2, placement=None if state is State.IDLE else host)


@pytest.mark.parametrize("death", [HostDied(host="farm", attempt=1), HostDied(host="yard", attempt=2)])
def test_the_death_of_a_host_that_the_job_has_left_means_nothing(death):
    orders = Orders()
    for state in (State.RUNNING, State.SUSPENDING):
        orders.give(wish=death)
        assert orders.heed(now(state)) is None
        orders.give(wish=death)
        assert orders.mourn(now(state)) is None
    orders.give(wish=HostDied(host="farm", attempt=2))
    assert orders.mourn(now(State.SUSPENDING)) == HostDied(host="farm", attempt=2)


def test_wishes_are_heeded_in_their_order_once_each_and_a_hold_goes_first():
    orders = Orders()
    for wish in (SUSPEND, ResumeAsked(), HoldAsked()):
        orders.give(wish=wish)
    assert [orders.heed(now(State.RUNNING)) for _ in range(4)] == [HoldAsked(), SUSPEND, ResumeAsked(), None]


@pytest.mark.parametrize("state", [State.SUSPENDING, State.RESUMING, State.SAVED, State.IDLE])
def test_a_wish_without_a_meaning_waits_while_the_state_passes_and_is_dropped_in_any_other(state):
    orders = Orders()
    orders.give(wish=SUSPEND)
    assert orders.heed(now(state)) is None
    assert orders.heed(now(State.RUNNING)) == (SUSPEND if state in PASSING else None)


def test_long_work_is_broken_off_by_a_hold_and_by_no_other_wish():
    orders = Orders()
    orders.give(wish=SUSPEND)
    orders.check()
    orders.give(wish=HoldAsked())
    with pytest.raises(Interrupted):
        orders.check()
