"""What comes back of a machine whose files are on another computer: the real qemu-img puts layers into one file."""

from __future__ import annotations

import io
import shutil
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from one_guest import MACHINE, PLATFORM, Files
from qemu import qemu_img, qemu_io
from vmf.errors import HoldCode, HostFault, JobFault, Refused
from vmf.files import programs
from vmf.hookspecs import unreported
from vmf.model import DiskFormat, MachineDisk, Slice
from vmf_libvirt import fetched, laying
from vmf_libvirt.notes import Note, Notes

MIB = 2**20
AT = 2**16
SIZE = 4 * MIB
BASE = "/images/disk.raw"
ORIGINAL = b"o" * MIB + b"p" * (SIZE - MIB)


@pytest.fixture
def files():
    return {"results": b"r" * MIB}


@pytest.fixture
def host(files, tmp_path):
    """A host with one machine, m, whose disk lies on `ORIGINAL`."""
    site = SimpleNamespace(notes=Notes(folder=tmp_path / "machines"), volumes=lambda _machine: Files(files))
    machine = replace(MACHINE, disks=(MachineDisk(file=BASE, format=DiskFormat.RAW),))
    chains = laying.lay(machine, Files(files), lambda _path: io.BytesIO(ORIGINAL))
    site.notes.keep("m", Note(machine=machine, platform=PLATFORM, chains=chains, started=True))
    return site


@pytest.fixture
def writes(files, tmp_path):
    """Writes to a layer as a guest does that writes a byte at each cluster from the first that is named on."""

    def writes(name, byte, *clusters):
        folder = tmp_path / "guest"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for each, content in files.items():
            (folder / each).write_bytes(content)
        (tmp_path / "disk.raw").write_bytes(ORIGINAL)
        if name.startswith("disk0"):
            qemu_img("rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", tmp_path / "disk.raw", folder / "disk0")
        qemu_io(folder / name, *(f"write -P {byte} {number * AT} {AT}" for number in clusters))
        files[name] = (folder / name).read_bytes()

    return writes


@pytest.fixture
def layered(host, files):
    """Puts a layer on each chain, as a snapshot of this number does."""

    def layered(number):
        note = host.notes.read("m")
        host.notes.keep("m", replace(note, chains=laying.cover(note.chains, Files(files), number)))

    return layered


@pytest.fixture
def whole(host, tmp_path):
    """All bytes of a disk of the machine's, in what is fetched under a name."""

    def whole(name, *, over=None):
        with fetched.fetch(host, "m", name, unreported, read=lambda _path: io.BytesIO(ORIGINAL)) as stream:
            (tmp_path / "fetched").write_bytes(stream.read())
        if over is not None:
            (tmp_path / "disk.raw").write_bytes(over)
            qemu_img("rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", tmp_path / "disk.raw", tmp_path / "fetched")
        qemu_img("convert", "-f", "qcow2", "-O", "raw", tmp_path / "fetched", tmp_path / "converted")
        return (tmp_path / "converted").read_bytes()

    return whole


def fetch(host, name, report=unreported):
    with fetched.fetch(host, "m", name, report, read=lambda _path: io.BytesIO(ORIGINAL)) as stream:
        return stream.read()


def at(data, cluster):
    return data[cluster * AT : cluster * AT + 1]


def test_a_file_comes_as_it_is(host, files):
    files["nvram"] = b"of the firmware"
    assert fetch(host, "nvram") == b"of the firmware"
    assert fetch(host, "results") == b"r" * MIB
    assert fetch(host, "disk0") == fetch(host, "disk0.0") == files["disk0"]


@pytest.mark.parametrize("name", ["none", "disk7", "whole7", "memory-3", "volume-3"])
def test_what_is_not_there_is_the_hosts_fault(host, name):
    with pytest.raises(HostFault, match=f"machine m has no file {name}"):
        fetch(host, name)


def test_the_results_are_read_through_their_layers(host, layered, writes):
    layered(1)
    writes("results-1", 0x41, 2)
    layered(2)
    writes("results-2", 0x42, 3)
    now = fetch(host, "results")
    assert (len(now), at(now, 1), at(now, 2), at(now, 3)) == (MIB, b"r", b"A", b"B")
    assert fetch(host, "volume-1") == b"r" * MIB
    then = fetch(host, "volume-2")
    assert (at(then, 2), at(then, 3)) == (b"A", b"r")


def test_layers_of_a_disk_come_as_one(layered, writes, whole):
    writes("disk0", 0x41, 1, 2)
    layered(1)
    writes("disk0-1", 0x42, 2, 3)
    data = whole("disk0", over=ORIGINAL)
    assert [at(data, cluster) for cluster in range(5)] == [b"o", b"A", b"B", b"B", b"o"]
    assert at(whole("disk0.0", over=ORIGINAL), 2) == b"A"


def test_a_disk_comes_whole(layered, writes, whole):
    writes("disk0", 0x41, 1)
    layered(1)
    writes("disk0-1", 0x42, 2)
    data = whole("whole0")
    assert (len(data), [at(data, cluster) for cluster in range(4)]) == (SIZE, [b"o", b"A", b"B", b"o"])


def test_of_a_disk_that_is_a_stretch_that_stretch_comes(host, whole):
    note = host.notes.read("m")
    part = replace(note.machine.disks[0], part=Slice(offset=MIB, size=2 * MIB))
    chains = laying.lay(replace(note.machine, disks=(part,)), host.volumes("m"), lambda _path: io.BytesIO(ORIGINAL))
    host.notes.keep("m", replace(note, machine=replace(note.machine, disks=(part,)), chains=chains))
    assert whole("whole0") == b"p" * (2 * MIB)


def test_an_original_that_is_gone_is_the_jobs_fault(host):
    def read(_path):
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(JobFault, match=f"{BASE}: No such file") as caught:
        fetched.fetch(host, "m", "whole0", unreported, read=read)
    assert caught.value.code is HoldCode.IMAGE_MISSING


@pytest.mark.parametrize("name", ["results", "disk0", "whole0"])
def test_a_layer_that_its_guest_has_spoilt_is_told(host, files, layered, name):
    layered(1)
    files["results-1"] = files["disk0-1"] = b"#!/bin/sh\n" * 1000
    with pytest.raises(HostFault, match=r"results-1|layers of disk0"):
        fetch(host, name)


def test_what_breaks_it_off_leaves_nothing_here(host, layered, tmp_path):
    layered(1)

    def stop(_done, _total):
        raise Refused("enough")

    with pytest.raises(Refused):
        fetch(host, "whole0", stop)
    assert {each.name for each in (tmp_path / "machines/m").iterdir()} == {"note.json"}


def test_without_the_program_that_does_it_that_is_said(host, layered, monkeypatch):
    layered(1)
    monkeypatch.setattr(programs, "find", lambda _name: None)
    with pytest.raises(HostFault, match="qemu-img is not installed"):
        fetch(host, "disk0")


def test_layers_are_made_one_before_they_are_too_many(host, files, layered, writes, whole, monkeypatch):
    monkeypatch.setattr(fetched, "LAYERS_MOST", 3)
    writes("disk0", 0x41, 1)
    layered(1)
    assert fetched.shortened(host, "m", 2) == host.notes.read("m").chains
    layered(2)
    writes("disk0-2", 0x42, 2)
    writes("results-2", 0x43, 2)
    before = fetch(host, "results")
    chains = fetched.shortened(host, "m", 3)
    assert chains == {"results": ("results-3-merged",), "disk0": ("disk0-3-merged",)}
    host.notes.keep("m", replace(host.notes.read("m"), chains=chains))
    assert fetch(host, "results") == before == files["results-3-merged"]
    data = whole("whole0")
    assert (at(data, 1), at(data, 2)) == (b"A", b"B")
