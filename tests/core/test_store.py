from __future__ import annotations

import fcntl
import multiprocessing
import os
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from shell import DEADLINE, until, waits_for_lock
from vmf.classad import World
from vmf.errors import SetupError, UsageError
from vmf.match import match
from vmf.model import (
    Claim,
    Ending,
    Facts,
    File,
    Handle,
    Home,
    Host,
    Image,
    Job,
    Network,
    NetworkType,
    Offer,
    Outcome,
    Pace,
    Placement,
    Work,
    taken_of,
)
from vmf.plan import Unplaced, blueprint, place
from vmf.result import verdict
from vmf.state import Completed, Created, Ended, IllegalEvent, Judged, Placed, Requeued, State
from vmf.store import Store, own, owned, try_to_own

FARM = Host(name="farm", type="fake", machines=1)
BARN = Host(name="barn", type="fake")
FACTS = Facts(identity="", memory=2**32, cpus=4, arch="x86_64", accelerator="fake")


def job(name: str = "j") -> Job:
    return Job(name=name, image=Image(name="i", kernel=File(path=Path("/k"))), memory=2**28, run="true", env={"A": "é"})


def chooser(work: Job, host: Host = FARM):
    def choose(taken):
        offer = Offer(host=host, facts=FACTS, taken=taken.get(host.name, Claim()))
        return place(work, match(work, [offer], world=World()))

    return choose


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(root=tmp_path)


@pytest.fixture
def store(home: Home):
    store = Store(home)
    yield store
    store.close()


def submit(store: Store, *names: str):
    return store.submit([(job(name), Path("/r") / name) for name in names], (FARM, BARN))


def test_a_record_comes_back_as_it_was(store, home):
    ((record, ownership),) = submit(store, "j")
    placed = store.claim(record, chooser(record.job))
    created = store.apply(placed, Created(handle=Handle(host="farm", machine="vmf-1-1", data={"uuid": "u"})))
    again = Store(home)
    assert again.get(1) == created
    assert [type(each.event) for each in again.history(1)] == [Placed, Created]
    assert [each.state for each in again.history(1)] == ["starting", "running"]
    again.close()
    ownership.release()


def test_a_job_is_owned_from_its_first_moment_until_it_is_released(store, home):
    ((record, ownership),) = submit(store, "j")
    assert owned(home, record.id)
    assert try_to_own(home, record.id) is None
    ownership.release()
    assert not owned(home, record.id)
    own(home, record.id).release()


def test_a_live_name_is_refused_and_nothing_of_the_call_is_kept(store):
    submit(store, "a")
    with pytest.raises(UsageError, match="already called 'a'"):
        submit(store, "b", "a")
    assert [each.job.name for each in store.records()] == ["a"]
    assert submit(store, "b")[0][0].job.name == "b"


def test_the_name_of_an_ended_job_is_free(store):
    ((record, _),) = submit(store, "j")
    record = store.claim(record, chooser(record.job))
    record = store.apply(record, Judged(verdict=verdict(Outcome.COMPLETED)))
    record = store.apply(record, Completed())
    assert record.ended
    assert submit(store, "j")[0][0].id == 2


def test_an_illegal_event_changes_nothing(store):
    ((record, _),) = submit(store, "j")
    with pytest.raises(IllegalEvent, match="idle cannot be ended"):
        store.apply(record, Ended(ending=Ending.SHUTDOWN))
    assert store.get(record.id) == record
    assert store.history(record.id) == ()


def test_a_mac_address_is_claimed_on_every_host_whoever_chose_it(store):
    mac = "52:54:00:12:34:AB"
    networks = (Network(type=NetworkType.USER, mac=mac), Network(type=NetworkType.USER), Network(type=NetworkType.NONE))
    records = [record for record, _ in submit(store, *"abc")]
    for record, network in zip(records, networks, strict=True):
        work = replace(record.job, network=network)
        store.claim(record, lambda _, work=work: Placement(job=work, host=FARM, facts=FACTS, reasons=()))
    machine = blueprint(store.get(records[1].id).placement, "m", token=records[1].token)
    everywhere = taken_of("barn", store.taken()).macs
    assert everywhere == (mac.lower(), machine.nic.mac)
    assert taken_of("farm", store.taken()).macs == everywhere


def test_claims_are_seen_by_the_next_and_end_with_the_attempt(store):
    (first, _), (second, _) = submit(store, "a", "b")
    first = store.claim(first, chooser(first.job))
    assert store.taken() == {"farm": Claim(memory=2**28, cpus=1, machines=1)}
    refused = store.claim(second, chooser(second.job))
    assert isinstance(refused, Unplaced)
    first = store.apply(first, Judged(verdict=verdict(Outcome.HOST_FAULT)))
    first = store.apply(first, Requeued())
    assert store.taken() == {}
    assert first.state is State.IDLE
    assert [host.name for host in first.open] == ["barn"]
    assert store.claim(second, chooser(second.job)).attempt == 1


REFUSED = 3
"""Not what Python ends with after an exception."""


def claim_one(root: Path, number: int, gate) -> None:
    store = Store(Home(root=root))
    record = store.get(number)
    gate.wait()
    placed = store.claim(record, chooser(record.job))
    os._exit(REFUSED if isinstance(placed, Unplaced) else 0)


def test_processes_that_claim_at_once_never_overbook(store, home):
    submit(store, *"abcdef")
    fork = multiprocessing.get_context("fork")
    gate = fork.Barrier(6)
    claimers = [fork.Process(target=claim_one, args=(home.root, number, gate)) for number in range(1, 7)]
    for each in claimers:
        each.start()
    for each in claimers:
        each.join(60)
    assert sorted(each.exitcode for each in claimers) == [0, *[REFUSED] * 5]


def open_each(roots: list[Path], gate) -> None:
    for root in roots:
        gate.wait()
        Store(Home(root=root)).close()


def test_processes_may_open_a_new_store_at_once(tmp_path):
    roots = [tmp_path / str(number) for number in range(10)]
    for root in roots:
        root.mkdir()
    fork = multiprocessing.get_context("fork")
    gate = fork.Barrier(6, timeout=60)
    openers = [fork.Process(target=open_each, args=(roots, gate)) for _ in range(6)]
    for each in openers:
        each.start()
    for each in openers:
        each.join(60)
    assert [each.exitcode for each in openers] == [0] * 6


def test_a_store_that_another_process_is_just_making_is_waited_for(home):
    lock = os.open(home.root, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    maker = sqlite3.connect(home.store, isolation_level=None)
    maker.execute("BEGIN")
    maker.execute("SELECT * FROM sqlite_master")
    with ThreadPoolExecutor() as pool:
        opening = pool.submit(Store, home)
        until(lambda: waits_for_lock(os.getpid()) or opening.done(), "it waits for its turn")
        maker.close()
        os.close(lock)
        opening.result().close()


def test_threads_may_share_a_store(store):
    records = [record for record, _ in submit(store, *(f"j{number}" for number in range(FACTS.cpus)))]
    gate = threading.Barrier(len(records), timeout=60)

    def claim(record):
        gate.wait()
        store.claim(record, chooser(record.job, BARN))
        assert store.get(record.id).state is State.STARTING

    with ThreadPoolExecutor(len(records)) as pool:
        list(pool.map(claim, records))
    assert store.taken()["barn"].machines == len(records)


def test_a_store_is_not_closed_under_another_thread(store):
    """That would end the process; and whoever comes after is told."""
    record = submit(store, "j")[0][0]
    closing = threading.Thread(target=store.close)

    def choose(taken):
        closing.start()
        closing.join(0.2)
        assert closing.is_alive()
        return chooser(record.job)(taken)

    assert store.claim(record, choose).state is State.STARTING
    closing.join(DEADLINE)
    with pytest.raises(SetupError, match="closed"):
        store.records()


def test_a_job_is_found_by_name_or_id(store):
    submit(store, "a", "b")
    assert store.find("a").id == 1
    assert store.find("2").job.name == "b"
    with pytest.raises(UsageError, match="no job is called 'x'"):
        store.find("x")


def test_a_forgotten_job_is_gone_with_its_events(store):
    ((record, _),) = submit(store, "j")
    store.claim(record, chooser(record.job))
    store.forget(record)
    assert (store.get(1), store.history(1), store.taken()) == (None, (), {})


def test_the_store_is_private(store, home):
    assert stat.S_IMODE(home.store.stat().st_mode) == 0o600
    submit(store, "j")
    assert stat.S_IMODE(home.job(1).stat().st_mode) == 0o700


def test_a_newer_store_is_refused(home):
    store = Store(home)
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(SetupError, match="newer vmf"):
        Store(home)


def test_an_older_store_goes_on(home):
    """Of a version that kept no checksums, and did not tell guests that boot from those that wake."""
    store = Store(home)
    facts = Facts(identity="i", memory=1, cpus=1, arch="a", accelerator="x")
    store.keep_facts("farm", facts)
    store._db.executescript(
        "DROP TABLE checksums; INSERT INTO paces VALUES ('farm', 'start', ''); PRAGMA user_version = 1;"
    )
    store.close()
    store = Store(home)
    assert store.facts("farm") == facts
    assert store.paces("farm") == {}
    store.keep_checksum(b"disk", "now", "ab")
    store.keep_pace("farm", Work.BOOT, Pace(amount=1, seconds=2))
    assert store.paces("farm") == {Work.BOOT: Pace(amount=1, seconds=2)}
    assert [store.checksum(b"disk", stamp) for stamp in ("now", "then")] == ["ab", None]
    store.close()


def test_a_file_that_is_no_store_is_refused_and_kept(home):
    home.store.write_text("my diary\n" * 100)
    with pytest.raises(SetupError, match="cannot be used"):
        Store(home)
    assert home.store.read_text().startswith("my diary")


def test_facts_are_kept_for_each_host(store):
    assert store.facts("farm") is None
    store.keep_facts("farm", FACTS)
    assert store.facts("farm") == FACTS
    assert isinstance(store.claim(submit(store, "j")[0][0], chooser(job())).placement, Placement)


def test_a_look_at_a_job_keeps_nobody_from_owning_it(store, home):
    ((_, ownership),) = submit(store, "j")
    ownership.release()
    look = os.open(home.job(1), os.O_RDONLY)
    fcntl.flock(look, fcntl.LOCK_SH)
    found = []
    owner = threading.Thread(target=lambda: found.append(try_to_own(home, 1)))
    owner.start()
    os.close(look)
    owner.join(30)
    assert found[0] is not None
    found[0].release()


def test_room_is_given_back_when_the_guest_has_ended_and_not_before(store):
    ((record, _),) = submit(store, "j")
    record = store.claim(record, chooser(record.job))
    failed = store.apply(record, Judged(verdict=verdict(Outcome.HOST_FAULT)))
    assert store.taken() == {"farm": Claim(memory=2**28, cpus=1, machines=1)}
    store.apply(failed, Requeued())
    assert store.taken() == {}


def test_how_fast_a_host_works_is_kept_for_all_and_forgotten_with_the_host_as_it_was(store, home):
    assert store.paces("farm") == {}
    store.keep_pace("farm", Work.BOOT, Pace(amount=1, seconds=4))
    store.keep_pace("farm", Work.BOOT, Pace(amount=1, seconds=2))
    store.keep_pace("farm", Work.STAGE, Pace(amount=100, seconds=1))
    store.keep_pace("barn", Work.BOOT, Pace(amount=1, seconds=9))
    other = Store(home)
    assert other.paces("farm") == {
        Work.BOOT: Pace(amount=1.75, seconds=5),
        Work.STAGE: Pace(amount=100, seconds=1),
    }
    other.keep_facts("farm", FACTS)
    other.close()
    assert store.paces("farm") == {}
    assert store.paces("barn") == {Work.BOOT: Pace(amount=1, seconds=9)}
