"""Where results go: nothing that is there is overwritten, but for what says nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.model import Access, Disk, DiskFormat, File, Handle, Image, Job, Outcome, ResultDisks, Results, Slice
from vmf.result import Base, verdict
from vmf.run.progress import Progress
from vmf.run.results import NO_WORD, Parcel
from vmf.state import State
from vmf.store import Record
from volumes import member, tar

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


GRAIN = 2**16


class Hypervisor:
    """Hands over what it was given, by name."""

    def __init__(self, **streams):
        self._streams = streams

    def fetch(self, _handle, name, _report=None):
        return self._streams[name]()


def unpack(parcel, hypervisor, *, check=lambda: None, sums=None, remark=None):
    """Unpack, as a life does; the disks' bases have these sums."""

    def describe(disk, returned):
        base = Base(file=str(disk.file.path), format=disk.layout, part=disk.file.part, sha256=sums)
        return replace(returned, base=base)

    def compare(_disk, returned, *, base=None):
        return replace(returned, base=base)

    bases = SimpleNamespace(describe=describe, compare=compare)
    progress = Progress(parcel.record, check=check, tell=None)
    return parcel.unpack(hypervisor, HANDLE, bases, progress=progress, remark=remark)


def disks(record, *given, come_back=None, **more):
    """The job, with these disks."""
    image = Image(name="box", disks=tuple(given))
    return replace(record, job=replace(record.job, image=image, results=Results(disks=come_back), **more))


def disk(name, **more):
    return Disk(file=File(path=Path(name)), **more)


def told(record):
    return json.loads((record.folder / "result.json").read_text())


def test_a_disk_that_comes_back_keeps_its_holes(record):
    content = (bytes(2 * 2**20) + b"data").ljust(8 * 2**20, b"\0")
    parcel = Parcel(record)
    unpack(parcel, Hypervisor(disk0=lambda: io.BytesIO(content)))
    copy = parcel.path / "disk0.qcow2"
    assert copy.read_bytes() == content
    assert copy.stat().st_blocks * 512 <= 2 * GRAIN


def test_an_overlay_comes_back_no_longer_than_it_is(record, tmp_path):
    base, overlay = tmp_path / "base.raw", tmp_path / "overlay"
    base.write_bytes(bytes(2**20))
    command = ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, overlay)
    subprocess.run(command, check=True)
    size = overlay.stat().st_size
    os.truncate(overlay, 2**30)
    parcel = Parcel(record)
    unpack(parcel, Hypervisor(disk0=lambda: overlay.open("rb")))
    parcel.deliver(verdict(Outcome.COMPLETED), NO_WORD, b"")
    assert (record.folder / "disk0.qcow2").stat().st_size <= size + GRAIN
    assert told(record)["disks"][0]["size"] == (record.folder / "disk0.qcow2").stat().st_size


MACHINE = (
    disk("/a.raw"),
    disk("/b.qcow2", access=Access.IN_PLACE),
    disk("/c.img", access=Access.READ),
    disk("/d.ova", format=DiskFormat.VMDK),
)
PART = Slice(offset=512, size=1024)


@pytest.mark.parametrize(("come_back", "called"), [("changed", "disk"), ("whole", "whole")])
def test_disks_that_the_guest_changed_come_back_under_their_numbers(record, come_back, called):
    given = (*MACHINE[:3], replace(MACHINE[3], file=replace(MACHINE[3].file, part=PART)))
    record = disks(record, *given, come_back=ResultDisks(come_back))
    parcel = Parcel(record)
    unpack(parcel, Hypervisor(**{f"{called}{n}": lambda: io.BytesIO(b"disk") for n in (0, 3)}), sums="ab" * 32)
    parcel.deliver(verdict(Outcome.COMPLETED), NO_WORD, b"")
    assert {each.name for each in record.folder.glob("disk*")} == {"disk0.qcow2", "disk3.qcow2"}
    bases = [each.get("base") for each in told(record)["disks"]]
    assert [(each["file"], each["size"]) for each in told(record)["disks"]] == [("disk0.qcow2", 4), ("disk3.qcow2", 4)]
    if come_back == "whole":
        assert bases == [None, None]
    else:
        assert bases == [
            {"file": "/a.raw", "format": "raw", "sha256": "ab" * 32},
            {
                "file": "/d.ova",
                "format": "vmdk",
                "part": {"offset": 512, "size": 1024},
                "sha256": "ab" * 32,
            },
        ]


def test_what_the_guest_changed_comes_back_if_it_cannot_be_made_whole(record):
    """The original is gone: nothing is lost of what the guest did, and what it lies on is told."""
    given = (disk("/a.raw", sha256="ab" * 32), disk("/b.raw"))
    parcel = Parcel(disks(record, *given, come_back=ResultDisks.WHOLE))

    def gone():
        raise JobFault("/a.raw: No such file or directory", code=HoldCode.IMAGE_MISSING)

    streams = {"whole0": gone, "disk0": lambda: io.BytesIO(b"changes"), "whole1": lambda: io.BytesIO(b"all of it")}
    remarks = []
    unpack(parcel, Hypervisor(**streams), remark=remarks.append)
    parcel.deliver(verdict(Outcome.COMPLETED), NO_WORD, b"")
    assert told(record)["disks"] == [
        {"file": "disk0.qcow2", "size": 7, "base": {"file": "/a.raw", "format": "raw", "sha256": "ab" * 32}},
        {"file": "disk1.qcow2", "size": 9},
    ]
    assert [each for each in remarks if "disk0.qcow2" in each and "/a.raw: No such file" in each] == remarks != []


@pytest.mark.parametrize(("come_back", "run"), [(ResultDisks.NONE, None), (None, "exit 0")])
def test_no_disk_comes_back_that_is_not_wanted(record, come_back, run):
    record = disks(record, disk("/a.raw"), come_back=come_back, run=run)
    parcel = Parcel(record)
    unpack(parcel, Hypervisor(results=lambda: io.BytesIO(bytes(2**20))))
    parcel.deliver(verdict(Outcome.COMPLETED), NO_WORD, b"")
    assert told(record)["disks"] == []
    assert list(record.folder.glob("disk*")) == []


def test_a_disk_that_is_coming_back_can_be_left(record):
    with pytest.raises(ZeroDivisionError), Parcel(record) as parcel:
        unpack(parcel, Hypervisor(disk0=lambda: io.BytesIO(b"disk")), check=lambda: 1 / 0)
    assert deliver(record) == "j.results"


def test_two_that_bring_the_same_results_do_not_mix(record):
    """They may know nothing of each other: each has a state folder of its own, in which the job has this number."""
    parcel = Parcel(record)
    unpack(parcel, Hypervisor(disk0=lambda: io.BytesIO(b"disk")))
    with pytest.raises(BlockingIOError, match="another process is making it"):
        Parcel(record)
    parcel.deliver(verdict(Outcome.COMPLETED), NO_WORD, b"")
    assert (record.folder / "disk0.qcow2").read_bytes() == b"disk"


def test_a_guests_file_does_not_take_the_place_of_a_disk(record):
    """Both are wanted: what the guest calls so is refused by name, and the disk stays."""
    record = disks(record, disk("/a.raw"), come_back=ResultDisks.CHANGED, run="exit 0")
    end = ("vmf-end", f"{record.nonce}\n".encode())
    stream = tar(member("disk0.qcow2", b"guest"), end=end)
    word = unpack(
        parcel := Parcel(record), Hypervisor(disk0=lambda: io.BytesIO(b"disk"), results=lambda: io.BytesIO(stream))
    )
    assert [each.name for each in word.refused] == ["disk0.qcow2"]
    assert (parcel.path / "disk0.qcow2").read_bytes() == b"disk"


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
