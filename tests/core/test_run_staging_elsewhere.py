"""A host that is another computer is brought what is of this one, and its own files stay where they are."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import msgspec
import pytest
from msgspec.structs import replace

from block_servers import short_folder
from farm import FARM, enable
from layering import layered
from vmf.errors import HoldCode
from vmf.files import disc
from vmf.hookspecs import hookimpl
from vmf.model import (
    Access,
    Cdrom,
    Checkpoint,
    Connection,
    Disk,
    DiskFormat,
    File,
    HostBoot,
    ResultDisks,
    Slice,
    Transport,
)
from vmf.run import Advanced, engine
from vmf.state import Created, Placed, State, VacateAsked
from vmf.testing.serving import serving

FAR = replace(FARM, name="far", connection=Connection(transport=Transport.SSH, address="a"))


@pytest.fixture(autouse=True)
def remote(monkeypatch):
    monkeypatch.setattr(engine, "LOOK_SECONDS", 0.02)
    enable(monkeypatch, "transport-ssh", "default-kernel")


class Looker:
    """Keeps what machines are made of, with the files that lie in their folders by then."""

    def __init__(self):
        self.machines, self.files = [], []

    @hookimpl(wrapper=True)
    def create(self, connection, machine):
        files = connection.machine(machine.name) / "files"
        self.machines.append(machine)
        self.files.append({each.name: each.read_bytes() for each in files.iterdir()})
        return (yield)


@pytest.fixture
def looker():
    return Looker()


def disk(path, *, part=None, on_host=False, **more):
    """A raw disk of 4 KiB that begins with its name."""
    path.write_bytes(path.name.encode().ljust(4096, b"\0"))
    return Disk(file=File(path=path, part=part, on_host=on_host), format=DiskFormat.RAW, **more)


def test_disks_of_this_computer_travel_and_the_hosts_own_are_used_where_they_lie(make, looker, tmp_path):
    farm = make(looker)
    disks = (
        disk(tmp_path / "b", access=Access.READ),
        disk(tmp_path / "archive", part=Slice(offset=512, size=1024)),
        disk(tmp_path / "there", on_host=True),
    )
    disc.write(tmp_path / "some.iso", {"a": b"1"}, label="OTHER")
    iso = Cdrom(iso=File(path=tmp_path / "some.iso", on_host=True))
    job = replace(farm.job("exit 3"), disks=disks, cdrom=iso)
    (record,) = farm.carry(replace(job, results=replace(job.results, disks=ResultDisks.WHOLE)), hosts=(FAR,))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    (machine,), (files,) = looker.machines, looker.files
    assert [each.file for each in machine.disks] == ["image0", "image1", "image2", str(tmp_path / "there")]
    assert [each.file for each in machine.cdroms] == ["cdrom", str(tmp_path / "some.iso"), None]
    assert sorted(files) == ["cdrom", "image0", "image1", "image2", "results"]
    assert files["image0"] == (tmp_path / "box.raw").read_bytes()
    assert files["image1"] == (tmp_path / "b").read_bytes()
    assert files["image2"] == (tmp_path / "archive").read_bytes()[512:1536]
    assert not (farm.store.home.job(record.id) / "workshop").exists()


def test_what_a_disk_lies_on_is_told_as_the_job_names_it(make, tmp_path):
    farm = make()
    job = farm.job("exit 0")
    (record,) = farm.carry(replace(job, results=replace(job.results, disks=ResultDisks.CHANGED)), hosts=(FAR,))
    told = (record.results / "result.json").read_text()
    assert f'"{tmp_path}/box.raw"' in told
    assert "image0" not in told


def test_a_disk_that_changes_on_its_way_is_not_used(make, looker):
    class Writer:
        @hookimpl(wrapper=True)
        def put(self, name):
            if name == "image0":
                with job.image.disks[0].file.path.open("r+b") as file:
                    file.write(b"more")
            return (yield)

    farm = make(looker, Writer())
    job = farm.job("exit 3")
    (record,) = farm.carry(job, hosts=(FAR,))
    assert (record.state, record.verdict.code) == (State.HELD, HoldCode.IMAGE_INVALID)
    assert "box.raw changed while it was read" in record.verdict.reason
    assert looker.machines == []


@pytest.mark.parametrize("right", [True, False])
def test_a_sum_is_compared_before_a_disk_travels(make, looker, tmp_path, right):
    farm = make(looker)
    given = disk(tmp_path / "b")
    found = hashlib.sha256(given.file.path.read_bytes()).hexdigest()
    job = replace(farm.job("exit 3"), disks=(replace(given, sha256=found if right else found[::-1]),))
    (record,) = farm.carry(job, hosts=(FAR,))
    assert [len(looker.machines), record.state] == ([1, State.COMPLETED] if right else [0, State.HELD])


LAYERS = ({0: b"1"}, {1: b"2"})


@pytest.mark.parametrize("host", [FAR, FARM])
def test_a_disk_of_several_files_comes_as_one_where_it_cannot_be_used_as_it_lies(make, looker, tmp_path, host):
    farm = make(looker)
    (tmp_path / "golden").write_bytes(b"base" * 2**15)
    base = Disk(file=File(path=tmp_path / "golden"), format=DiskFormat.RAW)
    job = replace(farm.job("exit 3"), image=None, disks=(layered(base, *LAYERS, size=2**17),))
    (record,) = farm.carry(job, hosts=(host,))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    (machine,), (files,) = looker.machines, looker.files
    (used,) = machine.disks
    assert (used.file, used.format, used.layers) == ("image0", DiskFormat.RAW, ())
    assert files["image0"] == b"1" * 2**16 + b"2" * 2**16


class Writer:
    """Writes to a file when the first disk is brought."""

    def __init__(self, path):
        self._path = path

    @hookimpl(wrapper=True)
    def put(self, name):
        if name == "image0":
            self._path.write_bytes(self._path.read_bytes() + b"x")
        return (yield)


def test_a_layer_that_changes_while_it_is_brought_is_told(make, tmp_path):
    (tmp_path / "golden").write_bytes(b"base" * 2**15)
    disk = layered(Disk(file=File(path=tmp_path / "golden"), format=DiskFormat.RAW), *LAYERS, size=2**17)
    farm = make(Writer(disk.layers[0].file.path))
    (record,) = farm.carry(replace(farm.job("exit 3"), image=None, disks=(disk,)))
    assert record.state is State.HELD
    assert f"{disk.layers[0].file.path} changed while it was read" in record.verdict.reason


def test_a_disk_of_several_files_is_used_where_it_lies_if_its_host_can(make, looker, tmp_path, monkeypatch):
    enable(monkeypatch, "disk-layers")
    farm = make(looker)
    (tmp_path / "golden").write_bytes(b"base" * 2**15)
    base = Disk(file=File(path=tmp_path / "golden"), format=DiskFormat.RAW)
    disk = layered(base, *LAYERS, size=2**17)
    job = replace(farm.job("exit 3"), image=None, disks=(disk,))
    (record,) = farm.carry(replace(job, results=replace(job.results, disks=ResultDisks.CHANGED)))
    (machine,), (files,) = looker.machines, looker.files
    assert machine.disks[0].file == str(tmp_path / "golden")
    assert machine.disks[0].layers == tuple(str(each.file.path) for each in disk.layers)
    assert "image0" not in files
    told = msgspec.json.decode((record.results / "result.json").read_bytes())["disks"][0]["base"]["layers"]
    assert told == [{"file": str(each.file.path), "sha256": each.sha256} for each in disk.layers]


@pytest.mark.parametrize("host", [FARM, FAR], ids=["here", "elsewhere"])
def test_a_disk_that_is_served_is_brought_to_a_host_that_cannot_read_it_there(make, looker, host):
    farm = make(looker)
    with short_folder() as folder, ThreadPoolExecutor() as workers, ExitStack() as stack:
        (folder / "golden").write_bytes(b"base" * 2**15)
        disk = layered(Disk(file=File(path=folder / "golden"), format=DiskFormat.RAW), *LAYERS, size=2**17)
        sockets = [stack.enter_context(serving(each.path, workers)) for each in disk.files]
        lowest, *upper = [File(path=each, served=True) for each in sockets]
        layers = tuple(replace(layer, file=file) for layer, file in zip(disk.layers, upper, strict=True))
        there = replace(disk, file=lowest, sha256="0" * 64, layers=layers)
        (record,) = farm.carry(replace(farm.job("exit 3"), image=None, disks=(there,)), hosts=(host,))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    (machine,), (files,) = looker.machines, looker.files
    assert (machine.disks[0].file, machine.disks[0].served) == ("image0", ())
    assert files["image0"] == b"1" * 2**16 + b"2" * 2**16


def test_a_job_takes_what_its_overlays_lie_on_along(make, looker):
    farm = make(looker)

    def leave(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, Created) and len(looker.machines) == 1:
            farm.engine.ask(1, VacateAsked())

    farm.watch(leave)
    farm.speak(Created, since=2)
    job = replace(farm.job("hear\nexit 3"), checkpoint=Checkpoint(on_eviction=True))
    (record,) = farm.carry(job, hosts=(FAR, replace(FAR, name="farther")))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    assert [each.file for machine in looker.machines for each in machine.disks] == ["image0", "image0"]
    assert looker.files[1]["image0"] == looker.files[0]["image0"] == job.image.disks[0].file.path.read_bytes()
    assert "disk0.0" in looker.files[1]


def test_a_job_upon_several_files_goes_on_where_they_are_one(make, looker, tmp_path, monkeypatch):
    enable(monkeypatch, "transport-ssh", "disk-layers")
    farm = make(looker)

    def leave(notice):
        if isinstance(notice, Advanced) and isinstance(notice.event, Created) and len(looker.machines) == 1:
            farm.engine.ask(1, VacateAsked())

    farm.watch(leave)
    farm.speak(Created, since=2)
    (tmp_path / "golden").write_bytes(b"base" * 2**15)
    disk = layered(Disk(file=File(path=tmp_path / "golden"), format=DiskFormat.RAW), *LAYERS, size=2**17)
    job = replace(farm.job("hear\nexit 3"), image=None, disks=(disk,), checkpoint=Checkpoint(on_eviction=True))
    (record,) = farm.carry(replace(job, rank='Name == "farm"'), hosts=(FARM, FAR))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    assert [len(machine.disks[0].layers) for machine in looker.machines] == [2, 0]
    assert looker.files[1]["image0"] == b"1" * 2**16 + b"2" * 2**16
    assert "disk0.0" in looker.files[1]


def test_a_host_whose_own_kernel_is_none_is_at_fault_and_the_job_goes_elsewhere(make, looker, tmp_path):
    (tmp_path / "vmlinuz").write_bytes(b"no kernel")
    bad = replace(FAR, boot=HostBoot(kernel=File(path=tmp_path / "vmlinuz", on_host=True)))
    farm = make(looker)
    (record,) = farm.carry(replace(farm.job("exit 3"), rank='Name == "far"'), hosts=(bad, FARM))
    assert (record.state, record.verdict.exit_code) == (State.COMPLETED, 3)
    placed = [each.event.host for each in farm.store.history(1) if isinstance(each.event, Placed)]
    assert placed == ["far", "farm"]
    assert "the kernel for jobs that name none: kernel" in record.faults[0]
    assert f"{tmp_path}/vmlinuz of the host: it is no Linux kernel" in record.faults[0]


def test_a_job_that_names_no_kernel_is_brought_the_hosts(make, looker, tmp_path):
    kernel = b"\x7fELF".ljust(2048, b"\0")
    (tmp_path / "vmlinuz").write_bytes(kernel)
    (tmp_path / "initrd").write_bytes(b"initrd")
    boot = HostBoot(kernel=File(path=tmp_path / "vmlinuz"), initrd=File(path=tmp_path / "initrd", on_host=True))
    farm = make(looker)
    (record,) = farm.carry(farm.job("exit 3"), hosts=(replace(FAR, boot=boot),))
    assert record.state is State.COMPLETED
    (machine,), (files,) = looker.machines, looker.files
    assert (machine.kernel, machine.initrd) == ("kernel", str(tmp_path / "initrd"))
    assert files["kernel"] == kernel
