"""What guests publish is kept with the job, not for each line, and is seen where the job goes next."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from farm import FARM
from shell import until
from vmf.errors import HostFault
from vmf.hookspecs import hookimpl
from vmf.model import Host, Job, Suspend
from vmf.run import Console, publishing
from vmf.run.publishing import Publishing
from vmf.state import State, SuspendAsked
from vmf.store import Record

BARN, COOP = Host(name="barn", type="fake"), Host(name="coop", type="fake")


class Gone:
    """A site where the machines of the host `barn` vanish while their results are read."""

    @hookimpl(wrapper=True)
    def fetch(self, connection, handle):
        stream = yield
        if handle.host == "barn":
            stream.close()
            connection.destroy(handle.machine)
            raise HostFault("the machine is gone")
        return stream


class Desk:
    """A job's record, and how often it was kept."""

    def __init__(self, tmp_path):
        job = Job(name="j", memory=2**28)
        self.record = Record(id=1, job=job, hosts=(), folder=tmp_path, created=0.0, token="")
        self.kept = 0
        self.remarks = []
        self.publishing = Publishing(lambda: self.record, update=self.update, remark=self.remarks.append)

    def update(self, record):
        self.record = record
        self.kept += 1


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_flood_does_not_reach_the_store(desk):
    for number in range(1000):
        desk.publishing.hear(b"vmf: publish a = %d\nvmf: publish MyType = 1\n" % number)
        desk.publishing.keep()
    assert desk.kept == 1
    assert desk.publishing.told().published == {"a": "999"}
    assert len(desk.remarks) == 1


def test_what_stays_as_it_was_is_not_kept_again(desk, monkeypatch):
    monkeypatch.setattr(publishing, "PAUSE_SECONDS", 0.0)
    for text in (b"vmf: publish a = 1\n", b"vmf: publish a = 1\n", b"hello\n", b"vmf: publish a = 2\n"):
        desk.publishing.hear(text)
        desk.publishing.keep()
    assert desk.kept == 2
    assert desk.record.published == {"a": "2"}


def test_a_remark_cannot_control_a_terminal(desk):
    desk.publishing.hear(b"vmf: publish a\x1b[2J = 1\n")
    desk.publishing.told()
    assert "\x1b" not in desk.remarks[0]


def test_it_is_in_the_store_while_the_guest_runs_and_in_the_result_at_its_end(make):
    farm = make()
    submitted = farm.submit(farm.job("write vmf-attributes B = {1,undefined}\necho vmf: publish A = 1\nhear\nexit 3"))
    with ThreadPoolExecutor() as pool:
        carried = pool.submit(farm.engine.carry, submitted)
        until(lambda: farm.store.get(1).published == {"A": "1"}, "it is known")
        assert farm.store.get(1).state is State.RUNNING
        farm.tell()
        (record,) = carried.result(30)
    assert record.published == farm.store.get(1).published == {"A": "1", "B": "{1,undefined}"}
    result = json.loads((record.results / "result.json").read_text())
    assert (result["attributes"], result["files"]) == ({"A": 1, "B": [1, None]}, [])


def test_what_it_published_leads_a_job_to_its_next_host(make):
    farm = make(Gone())
    job = replace(farm.job('echo vmf: publish Avoid = "coop"\nexit 4'), requirements="TARGET.Name =!= MY.Avoid")
    (record,) = farm.carry(job, hosts=(BARN, COOP, FARM))
    assert (record.attempt, record.placement.host.name) == (2, "farm")
    assert record.placement.job == job


def test_what_is_new_is_kept_with_whatever_happens_to_the_job(make, monkeypatch):
    """Somebody else may go on from there, who does not hear it again."""
    monkeypatch.setattr(publishing, "PAUSE_SECONDS", 1000.0)
    farm = make()

    def watch(notice):
        if isinstance(notice, Console) and b"B = 1" in notice.data:
            farm.engine.ask(1, SuspendAsked(how=Suspend.SOFT))

    farm.watch(watch)
    submitted = farm.submit(farm.job("echo vmf: publish A = 1\nhear\necho vmf: publish B = 1\nhang"))
    with ThreadPoolExecutor() as pool:
        carried = pool.submit(farm.engine.carry, submitted)
        until(lambda: farm.store.get(1).published == {"A": "1"}, "the first is known")
        farm.tell()
        until(lambda: farm.store.get(1).state is State.SUSPENDED, "it stands still")
        assert farm.store.get(1).published == {"A": "1", "B": "1"}
        farm.engine.stop(force=True)
        carried.result(30)


@pytest.mark.parametrize(("said", "host"), [("false", "farm"), ("true", "coop")])
def test_a_host_asks_of_a_job_what_its_guest_has_published(make, said, host):
    farm = make(Gone())
    picky = replace(COOP, start="TARGET.Clean isnt false")
    (record,) = farm.carry(farm.job(f"echo vmf: publish Clean = {said}\nexit 4"), hosts=(BARN, picky, FARM))
    assert record.placement.host.name == host
