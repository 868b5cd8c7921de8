"""What a job names is looked at, made into discs and brought to its host, all of it or nothing; and then it is gone."""

from __future__ import annotations

import os
from io import BytesIO
from itertools import pairwise

import pytest
from msgspec.structs import replace
from pycdlib import PyCdlib

from farm import FARM
from vmf.errors import HoldCode
from vmf.files import disc
from vmf.hookspecs import hookimpl
from vmf.model import Cdrom, CloudInit, File, Outcome, Results, Ssh
from vmf.model.host import ImageRoot
from vmf.run import Console, Staging, progress
from vmf.run.checksums import Checksums
from vmf.run.progress import Progress
from vmf.run.staging import clear, furnish
from vmf.state import State
from vmf.store import own
from vmf.testing.world import World
from vmf.warehouse.initrd import text


class Looker:
    """Reads what lies in a machine's folder when the machine is about to be made of it."""

    def __init__(self):
        self.names, self.discs, self.volume = [], {}, None

    @hookimpl(wrapper=True)
    def create(self, connection, machine):
        files = connection.machine(machine.name) / "files"
        self.names = sorted(each.name for each in files.iterdir())
        self.volume = (files / "results").stat().st_size if "results" in self.names else None
        self.discs = {name: contents(files / name) for name in ("cdrom", "files", "seed") if (files / name).exists()}
        return (yield)


def contents(path):
    """A disc's label and its files."""
    iso, found = PyCdlib(), {}
    iso.open(str(path))
    for folder, _, names in iso.walk(rr_path="/"):
        for name in names:
            with iso.open_file_from_iso(rr_path=f"{folder.rstrip('/')}/{name}") as file:
                found[f"{folder.rstrip('/')}/{name}"[1:]] = file.read()
    label = iso.pvd.volume_identifier.decode().rstrip()
    iso.close()
    return label, found


def written(path, data):
    path.write_bytes(data)
    return File(path=path)


@pytest.fixture
def looker():
    return Looker()


def console(farm):
    return b"".join(each.data for each in farm.told if isinstance(each, Console)).decode()


def test_every_disc_is_made_and_brought(make, looker, tmp_path):
    farm = make(looker)
    (tmp_path / "data").mkdir()
    written(tmp_path / "data/x", b"in a folder")
    job = replace(
        farm.job("args\nenv TOKEN\nexit 3"),
        arguments=("one", "two  words"),
        secrets={"TOKEN": written(tmp_path / "token", b"s3cret\n")},
        cdrom=Cdrom(files=(File(path=tmp_path / "data"), written(tmp_path / "y", b"beside it"))),
        cloud_init=CloudInit(user_data=written(tmp_path / "user", b"#cloud-config\npackages: [x]\n")),
    )
    (record,) = farm.carry(job)
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    assert console(farm).splitlines()[:3] == ["one", "two  words", "s3cret"]
    assert looker.discs["files"] == ("VMF_FILES", {"data/x": b"in a folder", "y": b"beside it"})
    label, seed = looker.discs["seed"]
    assert (label, seed["user-data"]) == ("cidata", b"#cloud-config\npackages: [x]\n")
    assert record.token.encode() in seed["meta-data"]
    assert looker.names == ["cdrom", "files", "results", "seed"]


def test_the_results_volume_has_whole_mebibytes(make, looker):
    farm = make(looker)
    farm.carry(replace(farm.job("exit 0"), results=Results(size=2**20 + 1)))
    assert looker.volume == 2 * 2**20


def test_an_iso_travels_as_it_is(make, looker, tmp_path):
    farm = make(looker)
    disc.write(tmp_path / "some.iso", {"a": b"1"}, label="OTHER")
    (record,) = farm.carry(replace(farm.job("exit 3"), cdrom=Cdrom(iso=File(path=tmp_path / "some.iso"))))
    assert record.state is State.COMPLETED
    assert looker.discs["files"] == ("OTHER", {"a": b"1"})


@pytest.mark.parametrize("on_host", [False, True])
@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_an_iso_that_changes_on_its_way_is_not_used(make, looker, tmp_path, on_host, mode):
    class Writer:
        @hookimpl(wrapper=True)
        def put(self, name):
            if name == "files":
                with iso.path.open(mode) as file:
                    file.write(b"more")
            return (yield)

    iso = File(path=tmp_path / "some.iso", on_host=on_host)
    disc.write(iso.path, {"a": b"1"}, label="OTHER")
    farm = make(looker, Writer())
    (record,) = farm.carry(replace(farm.job("exit 3"), cdrom=Cdrom(iso=iso)))
    assert (record.state, record.verdict.code) == (State.HELD, HoldCode.IMAGE_INVALID)
    assert "some.iso" in record.verdict.reason
    assert "changed while it was read" in record.verdict.reason
    assert looker.discs == {}


class Elsewhere:
    """A host's files, as those of another computer are read."""

    @hookimpl(wrapper=True)
    def read(self):
        with (yield) as stream:
            return BytesIO(stream.read())


@pytest.mark.parametrize("elsewhere", [False, True])
def test_files_of_the_host_are_read_there_and_only_from_elsewhere_by_way_of_a_copy(make, looker, tmp_path, elsewhere):
    class Watcher:
        put_from = None

        @hookimpl(wrapper=True)
        def put(self, name, source):
            if name == "files":
                self.put_from = source.resolve()
            return (yield)

    watcher = Watcher()
    farm = make(looker, watcher, *([Elsewhere()] if elsewhere else []))
    disc.write(tmp_path / "some.iso", {"a": b"1"}, label="OTHER")
    there = {"iso": File(path=tmp_path / "some.iso", on_host=True)}
    token = replace(written(tmp_path / "token", b"far"), on_host=True)
    (record,) = farm.carry(replace(farm.job("env TOKEN"), cdrom=Cdrom(**there), secrets={"TOKEN": token}))
    assert record.state is State.COMPLETED
    assert looker.discs["files"] == ("OTHER", {"a": b"1"})
    assert console(farm).splitlines()[0] == "far"
    assert (watcher.put_from != tmp_path / "some.iso") == elsewhere


def test_a_key_is_made_for_ssh_and_the_guest_is_given_its_public_half(make):
    farm = make()
    ((record, _),) = farm.submit(replace(farm.job("exit 0"), ssh=Ssh(user="ann"), cloud_init=CloudInit()))
    folder = farm.store.home.job(record.id)
    sums = Checksums(farm.store)
    progress = Progress(record, check=lambda: None, tell=print)
    furnish(farm.hosts.hypervisor(FARM), record, farm.store.home, checksums=sums, progress=progress, identity=b"")
    files = World(farm.store.home.host("farm")).machine(record.machine) / "files"
    key = (folder / "ssh/id_ed25519.pub").read_bytes()
    given = contents(files / "cdrom")[1]
    assert (given["authorized_keys"], given["login"]) == (key, b"ann\n")
    assert key.strip() in contents(files / "seed")[1]["meta-data"]
    clear(farm.store.home, record.id)
    assert not (folder / "ssh").exists()


@pytest.mark.parametrize("run", ["exit 0", None])
def test_cloud_init_starts_what_does_the_job_s_work_in_an_image_that_uses_it(make, looker, run):
    farm = make(looker)
    job = farm.job(run)
    farm.carry(replace(job, image=replace(job.image, cloud_init=True)))
    label, seed = looker.discs["seed"]
    assert (label, seed["user-data"]) == ("cidata", b"#cloud-config\n{}\n")
    assert (text("guest.sh") in seed.get("vendor-data", b"")) == (run is not None)


def test_nothing_of_a_secret_is_kept_or_told(make, looker, tmp_path):
    farm = make(looker)
    token = written(tmp_path / "token", b"s3cret")
    (record,) = farm.carry(replace(farm.job("exit 0"), secrets={"TOKEN": token}))
    assert b"TOKEN='s3cret'" in looker.discs["cdrom"][1]["env"]
    assert record.state is State.COMPLETED
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert kept == [token.path]
    assert "s3cret" not in repr(farm.told)


def bad(tmp_path, name):
    """Something that cannot be given to a guest, and what is said of it."""
    if name == "pipe":
        os.mkfifo(tmp_path / "pipe")
    return File(path=tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "said", "code"),
    [
        (lambda path: {"cdrom": Cdrom(files=(bad(path, "pipe"),))}, "pipe: it is a named pipe", HoldCode.IMAGE_INVALID),
        (lambda path: {"cdrom": Cdrom(files=(bad(path, "gone"),))}, "gone: there is no such", HoldCode.IMAGE_MISSING),
        (lambda path: {"cdrom": Cdrom(iso=written(path / "x.iso", b"x"))}, "x.iso is no ISO", HoldCode.IMAGE_INVALID),
        (lambda path: {"cdrom": Cdrom(iso=bad(path, "gone"))}, "gone: there is no such", HoldCode.IMAGE_MISSING),
        (lambda path: {"secrets": {"A": written(path / "s", b"\0")}}, "s cannot be a variable", HoldCode.IMAGE_INVALID),
        (lambda path: {"cloud_init": CloudInit(user_data=bad(path, "pipe"))}, "a named pipe", HoldCode.IMAGE_INVALID),
        (
            lambda path: {"secrets": {"A": File(path=path / "far", on_host=True)}},
            "far of the host: there is no such file",
            HoldCode.IMAGE_MISSING,
        ),
    ],
)
def test_what_a_guest_cannot_be_given_is_told_before_anything_is_brought(make, tmp_path, changes, said, code):
    brought = []

    class Watcher:
        @hookimpl(wrapper=True)
        def put(self, name):
            brought.append(name)
            return (yield)

    farm = make(Watcher())
    (record,) = farm.carry(replace(farm.job("exit 0"), **changes(tmp_path)))
    assert (record.state, record.verdict.code, brought) == (State.HELD, code, [])
    assert said in record.verdict.reason


@pytest.mark.parametrize("field", ["secrets", "files", "iso", "seed"])
def test_what_lies_on_a_host_is_its_owners_to_allow(make, tmp_path, field):
    farm = make()
    (tmp_path / "allowed").mkdir()
    host = replace(FARM, images=(ImageRoot(path=tmp_path / "allowed"),))
    there = replace(written(tmp_path / "private", b""), on_host=True)
    changes = {
        "secrets": {"secrets": {"A": there}},
        "files": {"cdrom": Cdrom(files=(there,))},
        "iso": {"cdrom": Cdrom(iso=there)},
        "seed": {"cloud_init": CloudInit(user_data=there)},
    }[field]
    job = farm.job("exit 0")
    disk = job.image.disks[0]
    inside = File(path=tmp_path / "allowed" / "box.raw")
    inside.path.write_bytes(disk.file.path.read_bytes())
    image = replace(job.image, disks=(replace(disk, file=inside),))
    (record,) = farm.carry(replace(job, image=image, **changes), hosts=(host,))
    assert record.state in {State.HELD, State.FAILED}
    assert "private" in record.verdict.reason


def test_how_far_it_is_is_told(make, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "MOMENT_SECONDS", 0.0)
    monkeypatch.setattr(progress, "PAUSE_SECONDS", 0.0)
    farm = make()
    big = tmp_path / "big"
    big.write_bytes(os.urandom(2**23))
    (record,) = farm.carry(replace(farm.job("exit 0"), cdrom=Cdrom(files=(File(path=big),))))
    told = [each for each in farm.told if isinstance(each, Staging)]
    assert {each.file for each in told} == {"disc VMF", "disc VMF_FILES", "results volume"}
    mine = [each for each in told if each.file == "disc VMF_FILES"]
    assert all(each.record.id == record.id and 0 <= each.done <= each.total for each in mine)
    assert any(2**22 < each.done < each.total for each in mine)
    assert mine[-1].done == mine[-1].total > 2**23


def test_what_takes_no_longer_than_a_moment_is_not_told_and_the_rest_not_too_often(monkeypatch):
    now, told = [100.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    report = progress.Progress(None, check=lambda: None, tell=lambda notice: told.append((now[0], notice))).of("x")
    for _ in range(200):
        now[0] += 0.01
        report(int((now[0] - 100) * 1000), 5000)
    times = [at for at, _ in told]
    assert times[0] >= 100 + progress.MOMENT_SECONDS
    assert min(later - before for before, later in pairwise(times)) >= progress.PAUSE_SECONDS - 1e-6
    assert len(told) >= 5
    assert all(990 <= notice.rate <= 1010 for _, notice in told)


class Orderer:
    """Gives an order when a disc is about to be brought."""

    def __init__(self):
        self.give = None

    @hookimpl(wrapper=True)
    def put(self, name):
        if name == "files" and self.give:
            self.give()
        return (yield)


@pytest.mark.parametrize(("order", "state"), [("stop", State.REMOVED), ("leave", State.STARTING)])
@pytest.mark.parametrize("place", ["while a disc is made", "while a file is brought"])
def test_an_order_breaks_it_off_and_nothing_half_stays(make, tmp_path, monkeypatch, order, state, place):
    orderer = Orderer()
    farm = make(orderer)
    written(tmp_path / "data", b"x" * 2**22)

    def give():
        farm.order(**{order: True})

    if place == "while a disc is made":
        compare = disc._Disc.compare
        monkeypatch.setattr(disc._Disc, "compare", lambda *words: give() or compare(*words))
    else:
        orderer.give = give
    (record,) = farm.carry(replace(farm.job("exit 0"), cdrom=Cdrom(files=(File(path=tmp_path / "data"),))))
    assert record.state is state
    assert farm.remarks() == []
    left = [path for path in tmp_path.rglob("*") if path.name.startswith(".") and path.is_file()]
    assert left == []
    assert not (farm.store.home.job(record.id) / "workshop").exists()
    monkeypatch.undo()
    if order == "leave":
        again = make()
        (record,) = again.engine.carry([(record, own(again.store.home, record.id))])
        assert (record.state, record.verdict.outcome) == (State.COMPLETED, Outcome.COMPLETED)
