"""One life when its host fails: who is blamed, what is tried again, and that nothing unread is given up."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from farm import FARM
from faults import ALWAYS
from vmf.blocks.shelf import Blocks
from vmf.errors import HoldCode, HostFault
from vmf.hookspecs import hookimpl
from vmf.model import Disk, DiskFormat, File, Host, Image, Job, MachineState, Outcome, Power
from vmf.run import Advanced, Remark, life, serving
from vmf.state import Created, State, StopAsked
from vmf.store import own
from vmf.testing import fake

BARN = Host(name="barn", type="fake")
NEVER = 10_000.0


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(life, "LONGEST_PAUSE_SECONDS", 0.0)


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


def test_a_host_that_is_lost_while_the_machine_is_made_is_asked_again(make):
    farm = make()
    farm.fault("create", "lost", "no route")
    (record,) = farm.carry(farm.job("exit 4"))
    assert (record.state, record.attempt, record.verdict.exit_code) == (State.COMPLETED, 1, 4)
    assert farm.remarks()[0].startswith("no route; asking again")


@pytest.mark.parametrize("kind", ["host", "lost"])
def test_results_that_cannot_be_read_yet_are_asked_for_again(make, kind):
    farm = make()
    farm.fault("fetch", kind, "busy", times=2)
    (record,) = farm.carry(farm.job("write out.txt kept\nexit 4"))
    assert (record.state, record.attempt, record.verdict.exit_code) == (State.COMPLETED, 1, 4)
    assert (record.folder / "out.txt").read_text() == "kept\n"
    assert [each.split(";")[0] for each in farm.remarks()] == ["busy", "busy"]


def test_what_is_heard_of_a_host_that_fails_does_not_use_up_its_tries(make, monkeypatch):
    """Each of six tries comes no earlier than it is said: news of its machines may come at any time."""
    monkeypatch.setattr(life, "LONGEST_PAUSE_SECONDS", pause := 0.1)
    farm = make()
    farm.fault("fetch", "host", "busy", times=2)
    asked = []

    def tell(notice):
        if isinstance(notice, Remark):
            asked.append(time.monotonic())
            farm.engine._orders[1].wake.set()
        elif asked and isinstance(notice, Advanced):
            asked.append(time.monotonic())

    farm.watch(tell)
    (record,) = farm.carry(farm.job("exit 4"))
    assert record.verdict.exit_code == 4
    assert asked[1] - asked[0] >= pause
    assert asked[2] - asked[1] >= pause


def test_unread_results_are_kept_when_their_job_is_stopped_and_left(make):
    farm = make()
    farm.fault("fetch", "host", "busy", times=ALWAYS)
    orders = iter((partial(farm.engine.stop, force=False),))

    def tell(notice):
        if isinstance(notice, Remark):
            next(orders, farm.engine.leave)()

    farm.watch(tell)
    (record,) = farm.carry(farm.job("write out.txt kept\nexit 4"))
    assert record.state is State.COLLECTING
    farm.fault("fetch", "host", "busy", times=0)
    again = make()
    (record,) = again.engine.carry([(record, own(again.store.home, record.id))])
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 4)
    assert (record.folder / "out.txt").read_text() == "kept\n"


def test_a_machine_that_is_gone_with_its_results_is_made_again_on_another_host_and_the_run_says_why(make):
    farm = make(Gone())
    (record,) = farm.carry(farm.job("write out.txt kept\nexit 4"), hosts=(BARN, FARM))
    assert (record.state, record.attempt, record.placement.host) == (State.COMPLETED, 2, FARM)
    assert (record.folder / "out.txt").read_text() == "kept\n"
    assert farm.remarks() == ["barn: the machine is gone; another host is tried"]


def test_where_there_is_no_other_host_the_job_has_failed_with_the_reason(make):
    farm = make(Gone())
    (record,) = farm.carry(farm.job("exit 4"), hosts=(BARN,))
    assert (record.state, record.verdict.outcome) == (State.FAILED, Outcome.HOST_FAULT)
    assert "the machine is gone" in record.verdict.reason


def test_a_job_that_is_stopped_by_force_is_stopped_whatever_became_of_its_machine(make):
    farm = make(Gone())

    def tell(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, Created):
            farm.engine.stop(force=True)

    farm.watch(tell)
    (record,) = farm.carry(farm.job("hang"), hosts=(BARN,))
    assert (record.state, record.verdict.outcome) == (State.REMOVED, Outcome.STOPPED)


def test_a_disk_that_is_exchanged_after_the_job_was_taken_in_is_not_used(make):
    farm = make()
    job = farm.job("exit 0")
    disk = Disk(file=File(path=farm.folder / "box.qcow2"), format=DiskFormat.QCOW2)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk.file.path, "1M"], check=True)
    jobs = farm.submit(replace(job, image=replace(job.image, disks=(disk,))))
    backing = ("-F", "raw", "-b", farm.folder / "box.raw")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, disk.file.path], check=True)
    (record,) = farm.engine.carry(jobs)
    assert (record.state, record.verdict.code) == (State.HELD, HoldCode.IMAGE_INVALID)
    assert "box.raw" in record.verdict.reason


def test_a_nudge_is_heeded_once(make, monkeypatch):
    monkeypatch.setattr(life, "POLL_SECONDS", NEVER)
    looks = []
    state = fake.state
    monkeypatch.setattr(
        fake, "state", hookimpl(lambda connection, handle: looks.append(handle) or state(connection, handle))
    )
    farm = make()
    (record,) = farm.carry(farm.job("sleep 0.5\nexit 7"))
    assert record.verdict.exit_code == 7
    assert len(looks) < 10


class Starving:
    """A site where a guest cannot read until it was let go on so often; each time it seems to, at first."""

    def __init__(self, often=1):
        self.resumed = 0
        self.often = often
        self.seems_well = False
        self.then = None
        """What is done once it can."""

    @hookimpl(wrapper=True)
    def state(self):
        found = yield
        seems_well, self.seems_well = self.seems_well, False
        if found.power is Power.RUNNING and self.resumed < self.often and not seems_well:
            return replace(found, power=Power.PAUSED, starved=True)
        return found

    @hookimpl(wrapper=True)
    def resume(self):
        self.resumed += 1
        self.seems_well = True
        result = yield
        if self.resumed == self.often:
            self.then()
        return result


def test_a_guest_that_could_not_read_is_let_go_on(make):
    site = Starving()
    farm = make(site)
    site.then = farm.tell
    (record,) = farm.carry(farm.job("hear\nexit 4"))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 4)
    assert site.resumed


def test_a_guest_that_stands_still_again_and_again_is_told_of_once(make, monkeypatch):
    monkeypatch.setattr(life, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(serving, "PAUSE_SECONDS", 0.02)
    site = Starving(often=4)
    farm = make(site)
    site.then = farm.tell
    (record,) = farm.carry(farm.job("write out.txt kept\nhear\nexit 4"))
    assert record.verdict.exit_code == 4
    assert site.resumed == 4
    assert farm.remarks() == ["its machine is paused: nobody says why"]


def test_a_kernel_that_was_brought_is_not_served(tmp_path, monkeypatch):
    blocks = Blocks(tmp_path)
    kernel, disk = blocks.place("a" * 64), blocks.place("b" * 64)
    image = Image(name="box", kernel=File(path=kernel.whole), disks=(Disk(file=File(path=disk.socket, served=True)),))
    served = []
    monkeypatch.setattr(blocks, "serve", served.extend)
    job = Job(name="j", memory=2**28, image=image)
    serving.Serving(job, blocks=blocks, attempt=SimpleNamespace()).serve()
    assert served == [disk]


def test_a_guest_reads_until_it_is_off_and_is_stopped_though_it_cannot(make, monkeypatch):
    stopping, asked = [], []

    def serve(_serving):
        if stopping:
            asked.append("served")
            raise HostFault("no room for what is served")

    monkeypatch.setattr(serving.Serving, "serve", serve)
    farm = make()

    def tell(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, Created):
            farm.engine.stop(force=False)
        stopping.extend([1] if isinstance(notice, Advanced) and isinstance(notice.event, StopAsked) else [])

    farm.watch(tell)
    (record,) = farm.carry(farm.job("hang"))
    assert (record.state, asked) == (State.REMOVED, ["served"])


def test_a_guest_that_is_let_go_on_in_vain_is_so_less_and_less_often(tmp_path, monkeypatch):
    now, resumed = [0.0], []
    monkeypatch.setattr(serving, "time", SimpleNamespace(monotonic=lambda: now[0]))
    attempt = SimpleNamespace(handle=None, hypervisor=SimpleNamespace(resume=lambda _: resumed.append(now[0])))
    one = serving.Serving(Job(name="j", memory=2**28), blocks=Blocks(tmp_path), attempt=attempt)
    still = MachineState(power=Power.PAUSED, starved=True)
    for _ in range(8):
        one.go_on(still)
        one.go_on(replace(still, power=Power.RUNNING, starved=False))
        now[0] += one.patience(still)
    assert [after - before for before, after in pairwise(resumed)] == [1, 3, 7, 15, 31, 60, 60]
    one.go_on(replace(still, power=Power.RUNNING, starved=False))
    one.go_on(still)
    assert one.patience(still) == 1
