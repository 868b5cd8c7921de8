"""What comes back of a job's disks names its original and its checksum, without waiting for that at the end."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading

import pytest
from msgspec.structs import replace

from farm import FARM
from vmf.files import sparse
from vmf.model import MEBIBYTE, Access, File, ResultDisks, Results
from vmf.run import Remark, bases, checksums
from vmf.state import Created, Ended, Judged, State
from vmf.store import own

ZEROS = hashlib.sha256(bytes(MEBIBYTE)).hexdigest()


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Files of this very moment count as settled."""
    monkeypatch.setattr(checksums, "SETTLED_SECONDS", -1.0)
    monkeypatch.setattr(bases, "REMARK_SECONDS", 0.0)


@pytest.fixture
def read(monkeypatch):
    """Tells when a sum is begun, and on which thread."""
    found, work = [], sparse.sha256

    def counted(*words, **more):
        found.append(threading.current_thread().name)
        return work(*words, **more)

    monkeypatch.setattr(sparse, "sha256", counted)
    return found


def job(farm, script="exit 0", **more):
    """A job whose changed disk comes back."""
    made = farm.job(script)
    disk = replace(made.image.disks[0], **more)
    return replace(made, image=replace(made.image, disks=(disk,)), results=Results(disks=ResultDisks.CHANGED))


def base(record):
    (disk,) = json.loads((record.folder / "result.json").read_text())["disks"]
    assert (record.folder / disk["file"]).stat().st_size == disk["size"]
    return disk["base"]


def test_the_sum_is_worked_out_while_the_guest_runs(make, read, monkeypatch):
    """The guest ends only when the sum is there."""
    monkeypatch.setattr(bases, "REMARK_SECONDS", 60)
    farm = make()
    work = sparse.sha256

    def summed(*words, **more):
        found = work(*words, **more)
        farm.engine.stop(force=False)
        return found

    monkeypatch.setattr(sparse, "sha256", summed)
    (record,) = farm.carry(job(farm, "hang"))
    assert base(record) == {"file": str(farm.folder / "box.raw"), "format": "raw", "sha256": ZEROS}
    assert read == ["checksums"]
    assert farm.remarks() == []


def test_a_disk_is_read_once_for_all_jobs_and_for_its_check_before_the_start(make, read):
    farm = make()
    checked = job(farm, sha256=ZEROS)
    disks = tuple(replace(each, sha256=None) for each in checked.image.disks)
    unchecked = replace(checked, name="c", image=replace(checked.image, disks=disks))
    for made in (checked, replace(checked, name="b"), unchecked):
        (record,) = farm.carry(made)
        assert base(record)["sha256"] == ZEROS
    assert len(read) == 1


def test_a_job_that_brings_no_disks_back_has_nothing_summed(make, read):
    farm = make()
    assert farm.carry(farm.job("exit 0"))[0].state is State.COMPLETED
    assert farm.carry(job(farm, access=Access.IN_PLACE))[0].state is State.COMPLETED
    assert read == []


def test_a_file_of_the_host_is_read_through_the_host(make):
    farm = make()
    path = farm.folder / "box.raw"
    (record,) = farm.carry(job(farm, file=File(path=path, on_host=True)))
    assert base(record) == {"file": str(path), "on_host": True, "format": "raw", "sha256": ZEROS}


def slowly(farm, monkeypatch, order=None):
    """A sum that takes until the guest has ended; then an order is given, and the reading goes on."""
    ended = threading.Event()

    def watch(notice):
        if isinstance(getattr(notice, "event", None), Ended):
            ended.set()

    def slow(_file, _part, *, check):
        while not ended.wait(0.01):
            check(0, 1)
        if order:
            farm.order(**order)
            while True:
                check(0, 1)
        check(0, 1)
        return ZEROS

    farm.watch(watch)
    monkeypatch.setattr(sparse, "sha256", slow)


def test_a_sum_that_is_not_known_at_the_end_is_waited_for_and_told_of(make, monkeypatch):
    farm = make()
    slowly(farm, monkeypatch)
    (record,) = farm.carry(job(farm))
    assert base(record)["sha256"] == ZEROS


def test_a_stop_by_force_brings_the_disk_back_without_its_sum(make, monkeypatch):
    farm = make()
    slowly(farm, monkeypatch, {"force": True})
    (record,) = farm.carry(job(farm))
    assert base(record) == {"file": str(farm.folder / "box.raw"), "format": "raw"}
    assert farm.remarks()[-1].endswith("box.raw: its checksum is given up")


def test_a_job_can_be_left_while_its_sum_is_worked_out(make, monkeypatch):
    farm = make()
    slowly(farm, monkeypatch, {"leave": True})
    (record,) = farm.carry(job(farm))
    assert record.state is State.COLLECTING
    monkeypatch.undo()
    again = make()
    (record,) = again.engine.carry([(again.store.get(1), own(again.store.home, 1))])
    assert (record.state, base(record)["sha256"]) == (State.COMPLETED, ZEROS)


def test_nothing_is_summed_any_more_when_the_job_is_left(make, monkeypatch):
    farm = make()
    begun, broken_off = threading.Event(), threading.Event()

    def endless(_file, _part, *, check):
        begun.set()
        try:
            while True:
                check(0, 1)
        finally:
            broken_off.set()

    monkeypatch.setattr(sparse, "sha256", endless)
    threading.Thread(target=lambda: (begun.wait(30), farm.engine.leave())).start()
    (record,) = farm.carry(job(farm, "hang"))
    assert record.state is State.RUNNING
    assert broken_off.wait(30)


def changing(farm, change, when):
    """Change the original at an event."""
    tell = farm.engine._tell

    def change_it(notice):
        tell(notice)
        if isinstance(getattr(notice, "event", None), when):
            change(farm.folder / "box.raw")

    farm.engine._tell = change_it


def write(path):
    with path.open("r+b") as file:
        file.write(b"other")
    os.utime(path, ns=(0, 0))  # a moment later the clock may still show the same


def renew(path):
    """What most programs do that save a file."""
    path.rename(path.with_name("old"))
    shutil.copy2(path.with_name("old"), path)


WORTHLESS = "box.raw changed while the job ran: disk0.qcow2 may be worthless"


@pytest.mark.parametrize("change", [write, renew])
@pytest.mark.parametrize("stated", [None, ZEROS])
def test_an_original_that_changes_meanwhile_has_no_checksum(make, change, stated):
    farm = make()
    changing(farm, change, Created)
    (record,) = farm.carry(job(farm, sha256=stated))
    (disk,) = json.loads((record.folder / "result.json").read_text())["disks"]
    assert (disk["base"].get("sha256"), disk["original_changed"]) == (None, True)
    assert [each for each in farm.remarks() if each.endswith(WORTHLESS)]


def test_a_whole_disk_of_an_original_that_changed_meanwhile_is_told_of(make):
    farm = make()
    changing(farm, write, Created)
    (record,) = farm.carry(replace(job(farm), results=Results(disks=ResultDisks.WHOLE)))
    (disk,) = json.loads((record.folder / "result.json").read_text())["disks"]
    assert disk["original_changed"]
    assert [each for each in farm.remarks() if each.endswith(WORTHLESS)]


def test_another_owner_or_other_permissions_are_no_change(make):
    """Hypervisors give files to the user who runs the guest."""
    farm = make()
    changing(farm, lambda path: path.chmod(0o640), Created)
    (record,) = farm.carry(job(farm))
    assert base(record)["sha256"] == ZEROS
    assert not [each for each in farm.remarks() if "changed" in each]


def test_whoever_adopts_a_job_knows_how_its_original_was(make):
    farm = make()
    changing(farm, lambda path: (write(path), farm.engine.leave()), Created)
    farm.carry(job(farm))
    again = make()
    (record,) = again.engine.carry([(again.store.get(1), own(again.store.home, 1))])
    assert "sha256" not in base(record)


def test_another_attempt_begins_with_the_original_as_it_is(make):
    farm = make()
    farm.fault("create", "host", "no")
    changing(farm, write, Judged)
    (record,) = farm.carry(job(farm), hosts=(FARM, replace(FARM, name="other")))
    assert (record.attempt, farm.remarks()[1:]) == (2, [])
    assert base(record)["sha256"] != ZEROS


@pytest.mark.parametrize("instead", [lambda _path: None, os.mkfifo])
def test_a_base_that_has_vanished_meanwhile_costs_no_results(make, instead):
    farm = make()
    changing(farm, lambda path: (path.unlink(), instead(path)), Ended)
    (record,) = farm.carry(job(farm))
    assert record.state is State.COMPLETED
    assert "sha256" not in base(record)
    assert any("box.raw: its checksum cannot be told: " in each for each in farm.remarks())
    assert not [each for each in farm.told if isinstance(each, Remark) and "still" in each.text]
