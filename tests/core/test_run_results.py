"""Where results go: nothing that is there is overwritten, but for what says nothing."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.model import Disk, DiskFormat, File, Handle, Image, Job, Outcome
from vmf.result import verdict
from vmf.run.results import CHUNK, NO_WORD, Parcel
from vmf.state import State
from vmf.store import Record

HANDLE = Handle(host="farm", machine="vmf-1-1")


@pytest.fixture
def record(tmp_path) -> Record:
    """Job 1, which was submitted at second 100."""
    image = Image(name="box", disks=(Disk(file=File(path=Path("/box.raw")), format=DiskFormat.RAW),))
    return Record(
        id=1,
        job=Job(name="j", image=image, memory=2**28),
        hosts=(),
        folder=tmp_path / "j.results",
        created=100.0,
        token="5eed" * 8,
        entered={State.IDLE: 100.0},
    )


def deliver(record: Record, outcome: Outcome = Outcome.COMPLETED) -> str:
    """Bring results home; the name of their folder."""
    return Parcel(record).deliver(verdict(outcome), NO_WORD, b"").name


@pytest.mark.parametrize(
    ("taken", "place"),
    [
        ([], "j.results"),
        (["j.results"], "j.results.1"),
        (["j.results", "j.results.1"], "j.results.1.2"),
        (["j.results", "j.results.1", "j.results.1.2"], "j.results.1.3"),
    ],
)
@pytest.mark.parametrize("take", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_results_find_a_name_that_is_free(record, taken, place, take):
    for name in taken:
        take(record.folder.with_name(name))
    assert deliver(record) == place
    assert {each.name for each in record.folder.parent.iterdir()} == {*taken, place}


def test_what_a_killed_engine_delivered_is_delivered_again_in_its_place(record):
    assert [deliver(record), deliver(record)] == ["j.results", "j.results"]


def test_the_results_of_a_namesake_from_another_state_folder_are_kept(record):
    """Its job has the same number and was submitted at another time."""
    deliver(replace(record, entered={State.IDLE: 99.0}))
    assert deliver(record) == "j.results.1"


RAN = {State.IDLE: 90.0, State.RUNNING: 95.0}


@pytest.mark.parametrize(
    ("earlier", "outcome", "more", "place"),
    [
        ({}, Outcome.JOB_FAULT, [], "j.results"),
        ({}, Outcome.HOST_FAULT, [], "j.results"),
        ({}, Outcome.STOPPED, [], "j.results.2"),
        ({}, Outcome.JOB_FAULT, ["notes.txt"], "j.results.2"),
        ({"entered": RAN}, Outcome.HOST_FAULT, [], "j.results.2"),
        ({"name": "another"}, Outcome.JOB_FAULT, [], "j.results.2"),
    ],
)
def test_only_what_tells_that_this_job_did_not_start_makes_way(record, earlier, outcome, more, place):
    name = earlier.get("name", "j")
    before = replace(record, job=replace(record.job, name=name), entered=earlier.get("entered", record.entered))
    deliver(before, outcome)
    for each in more:
        (record.folder / each).touch()
    assert deliver(replace(record, id=2)) == place


def test_a_disk_that_comes_back_keeps_its_holes(record):
    disk = (bytes(2 * CHUNK) + b"data").ljust(8 * CHUNK, b"\0")
    parcel = Parcel(record)
    parcel.unpack(SimpleNamespace(fetch=lambda _handle, _name: io.BytesIO(disk)), HANDLE)
    copy = parcel.path / "disk0.qcow2"
    assert copy.read_bytes() == disk
    assert copy.stat().st_blocks * 512 <= 2 * CHUNK


@pytest.mark.parametrize("text", ["[" * 200_000, "no JSON", "{}"])
def test_a_result_that_is_none_is_somebody_elses(record, text):
    record.folder.mkdir()
    (record.folder / "result.json").write_text(text)
    assert deliver(record) == "j.results.1"
    assert (record.folder / "result.json").read_text() == text


def test_a_result_that_nobody_writes_is_not_waited_for(record):
    record.folder.mkdir()
    os.mkfifo(record.folder / "result.json")
    assert deliver(record) == "j.results.1"
