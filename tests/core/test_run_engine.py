"""The engine in this process, on the fake hypervisor: what `tests/cli` cannot see from outside."""

from __future__ import annotations

import signal
import threading
from types import SimpleNamespace

import msgspec
from msgspec.structs import replace

from farm import FARM
from vmf.errors import HostFault
from vmf.hookspecs import hookimpl
from vmf.model import Host, Network, NetworkType
from vmf.run import Advanced, Remark, Stuck, engine, life
from vmf.state import Created, Judged, Placed, State
from vmf.store import try_to_own
from vmf.testing import fake

NEVER = 10_000.0


def test_the_end_is_seen_by_event_without_any_poll(make, monkeypatch):
    monkeypatch.setattr(life, "POLL_SECONDS", NEVER)
    farm = make()
    (record,) = farm.carry(farm.job("sleep 0.3\nexit 7"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 7)


def test_the_end_is_seen_by_poll_when_events_are_lost(make, monkeypatch):
    monkeypatch.setattr(life, "POLL_SECONDS", 0.2)
    deaf = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr(fake, "watch", hookimpl(lambda: deaf))
    farm = make()
    (record,) = farm.carry(farm.job("sleep 0.3\nexit 7"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 7)


def test_observers_see_every_event_and_cannot_stop_a_job(make):
    seen = []

    class Observer:
        @hookimpl
        def event(self, job, event):
            seen.append((job, type(event)))
            raise RuntimeError("an observer stumbles")

    farm = make(Observer())
    (record,) = farm.carry(farm.job("exit 0"))
    assert record.state is State.COMPLETED
    assert seen == [("j", each) for each in farm.events()]
    assert seen[:2] == [("j", Placed), ("j", Created)]


def test_an_amendment_reaches_the_machine(make):
    class Site:
        @hookimpl
        def amend(self, machine):
            return replace(machine, kernel_parameters="site=yes")

    made = []

    class Spy:
        @hookimpl(wrapper=True)
        def create(self, machine):
            made.append(machine.kernel_parameters)
            return (yield)

    farm = make(Site(), Spy())
    farm.carry(farm.job("exit 0"))
    assert made == ["site=yes"]


def test_a_fault_of_vmf_keeps_the_job_for_another_engine(make, monkeypatch):
    farm = make()
    monkeypatch.setattr(life, "judge", lambda **_: 1 / 0)
    (record,) = farm.carry(farm.job("write out.txt kept\nexit 2"))
    assert record.state is State.COLLECTING
    assert [type(each.error) for each in farm.told if isinstance(each, Stuck)] == [ZeroDivisionError]
    monkeypatch.undo()
    ownership = try_to_own(farm.store.home, record.id)
    assert ownership
    second = make()
    (record,) = second.engine.carry([(second.store.get(record.id), ownership)])
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 2)
    assert (record.folder / "out.txt").read_text() == "kept\n"


def test_a_job_whose_other_hosts_do_not_fit_has_failed_with_the_reason(make):
    farm = make()
    small = Host(name="small", type="fake", memory=2**20)
    farm.fault("create", "host", "broken")
    (record,) = farm.carry(farm.job("exit 0"), hosts=(FARM, small))
    assert record.state is State.FAILED
    assert record.verdict.reason.startswith("farm: broken; no host is left that fits: small: memory")
    assert (record.folder / "result.json").exists()


YARD = Host(name="yard", type="fake")


def test_what_a_host_fails_at_keeps_no_other_job_from_it(make):
    """The job is tried elsewhere, and the next one that needs the same does not try it there."""
    farm = make()
    farm.fault("create", "host", "no screen is left", ability="vnc")
    seeing = replace(farm.job("write out.txt seen"), vnc=True)
    (record,) = farm.carry(seeing, hosts=(FARM, YARD))
    assert (record.state, record.placement.host, record.attempt) == (State.COMPLETED, YARD, 2)
    said = msgspec.json.decode((record.folder / "result.json").read_bytes())
    assert (said["host"], said["faults"]) == ("yard", ["farm: no screen is left"])
    jobs = (replace(seeing, name="seeing"), replace(farm.job("exit 0"), name="blind"))
    found = {each.job.name: each.placement.host.name for each in farm.carry(*jobs, hosts=(FARM, YARD))}
    assert found == {"seeing": "yard", "blind": "farm"}


def test_an_ability_that_is_set_aside_is_waited_for_and_back_when_a_job_has_used_it(make, clock):
    def pass_by(notice):
        clock.now += 30 if isinstance(notice, Remark) else 0

    farm = make()
    farm.watch(pass_by)
    farm.hosts.facts(FARM)
    farm.hosts.blame(FARM, HostFault("no screen is left", ability="vnc"))
    farm.hosts.blame(FARM, HostFault("no network is left", ability="network-user"))
    network = Network(type=NetworkType.DEFAULT)
    (record,) = farm.carry(replace(farm.job("exit 0"), vnc=True, network=network))
    assert record.state is State.COMPLETED
    assert "no screen is left" in farm.remarks()[0]
    assert farm.store.setbacks("farm") == {}


def test_a_host_that_hangs_keeps_neither_jobs_of_others_nor_orders_waiting(make, monkeypatch):
    monkeypatch.setattr(engine, "ASK_SECONDS", 0.0)
    answers, probe = threading.Event(), fake.probe

    def hang(connection, host, known):
        assert host == FARM or answers.wait(30)
        return probe(connection, known)

    monkeypatch.setattr(fake, "probe", hookimpl(hang))
    farm = make()
    stuck = farm.submit(farm.job("exit 0", "stuck"), hosts=(YARD,))
    others = farm.submit(farm.job("hang", "running"), hosts=(FARM,))

    def watch(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, Created):
            farm.engine.stop(force=True)

    farm.watch(watch)
    first, second = farm.engine.carry((*stuck, *others))
    assert not answers.is_set()
    answers.set()
    assert (first.state, second.state) == (State.REMOVED, State.REMOVED)
    assert second.placement.host == FARM


def test_a_waiting_job_says_why_once(make):
    farm = make()
    one = replace(FARM, machines=1)
    seen = set()

    def watch(notice):
        """The first guest goes on once it is there and the other job waits."""
        seen.add((notice.record.job.name, notice.record.state, type(notice)))
        if {("a", State.RUNNING, Advanced), ("b", State.IDLE, Remark)} <= seen:
            seen.clear()
            farm.tell()

    farm.watch(watch)
    farm.carry(farm.job("hear", "a"), farm.job("exit 0", "b"), hosts=(one,))
    remarks = [each.text for each in farm.told if isinstance(each, Remark) and "waits" in each.text]
    assert remarks == ["waits: farm: machines 1 of at most 1"]


def test_stopping_an_idle_job_ends_it_without_a_machine(make):
    farm = make()
    one = replace(FARM, machines=1)
    jobs = farm.submit(farm.job("hang", "a"), farm.job("exit 0", "b"), hosts=(one,))
    waiting = threading.Event()

    def watch(notice):
        if isinstance(notice, Remark) and "waits" in notice.text and not waiting.is_set():
            waiting.set()
            farm.engine.stop(force=False)

    farm.watch(watch)
    first, second = farm.engine.carry(jobs)
    assert (first.state, second.state) == (State.REMOVED, State.REMOVED)
    assert second.attempt == 0
    assert second.verdict.outcome == "stopped"


def test_a_signal_that_does_not_wake_the_engine_is_heeded_all_the_same(make):
    """As it is with one that comes just before the engine waits; here another thread is given it."""
    farm = make()
    before = signal.signal(signal.SIGUSR1, lambda *_: farm.engine.stop(force=True))

    def watch(notice):
        if isinstance(notice, Advanced) and notice.record.state is State.RUNNING:
            threading.Timer(0.1, signal.raise_signal, [signal.SIGUSR1]).start()

    farm.watch(watch)
    try:
        (record,) = farm.carry(farm.job("hang"))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert record.state is State.REMOVED


def test_leaving_lets_every_job_be_as_it_is(make):
    farm = make()
    one = replace(FARM, machines=1)
    jobs = farm.submit(farm.job("exit 3", "a"), farm.job("exit 0", "b"), hosts=(one,))
    farm.engine.leave()
    last = farm.engine.carry(jobs)
    assert not any(record.ended for record in last)
    owned = [(farm.store.get(each.id), try_to_own(farm.store.home, each.id)) for each in last]
    again = make()
    assert [record.state for record in again.engine.carry(owned)] == [State.COMPLETED, State.COMPLETED]


def test_a_held_job_says_so_in_its_results(make):
    farm = make()
    farm.fault("create", "job", "no")
    (record,) = farm.carry(farm.job("exit 0"))
    assert record.state is State.HELD
    assert record.verdict.code == "machine-invalid"
    assert [each for each in farm.events() if each is Judged] == [Judged]
