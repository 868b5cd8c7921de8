"""The files that a guest changes on a host that libvirt alone reaches; qemu-img says what they are."""

from __future__ import annotations

import io
import json

import pytest
from msgspec.structs import replace

from one_guest import MACHINE, PLATFORM, Files
from qemu import qemu_img
from vmf.disks import qcow2
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Access, DiskFormat, MachineDisk, Restored, Slice
from vmf_libvirt.laying import cover, lay

MIB = 2**20
ON_HOST = "/images/disk.raw"


@pytest.fixture
def files():
    """The machine's folder: what is in it, by name."""
    return {"results": bytes(MIB)}


@pytest.fixture
def laid(files):
    """Lays the layers of a machine with these disks; those of the host are at `ON_HOST`, 4 MiB of them."""

    def laid(*disks, layers=None):
        restored = Restored(platform=PLATFORM, memory="memory", layers=layers) if layers else None
        return lay(replace(MACHINE, disks=disks, restored=restored), Files(files), read)

    return laid


def read(path):
    if str(path) != ON_HOST:
        raise FileNotFoundError(2, "No such file or directory")
    return io.BytesIO(bytes(4 * MIB))


@pytest.fixture
def told(files, tmp_path):
    """What a file lies on, and of how many bytes the disk in it is."""

    def told(name):
        (tmp_path / name).write_bytes(files[name])
        found = json.loads(qemu_img("info", "--output=json", tmp_path / name))
        return found["backing-filename"], found["backing-filename-format"], found["virtual-size"]

    return told


def raw(file=ON_HOST, **fields):
    return MachineDisk(file=file, format=DiskFormat.RAW, **fields)


def test_a_disk_is_written_to_by_way_of_an_overlay(laid, told):
    assert laid(raw()) == {"results": ("results",), "disk0": ("disk0",)}
    assert told("disk0") == (ON_HOST, "raw", 4 * MIB)


def test_one_that_has_travelled_is_in_the_machines_folder(laid, told, files):
    files["image"] = bytes(2 * MIB)
    laid(raw("image"))
    assert told("disk0") == ("image", "raw", 2 * MIB)


def test_of_a_stretch_the_overlay_is_as_long_as_that(laid, told):
    laid(raw(part=Slice(offset=MIB, size=MIB)))
    assert told("disk0") == (ON_HOST, "raw", MIB)


@pytest.mark.parametrize("access", [Access.IN_PLACE, Access.READ])
def test_other_disks_have_none(laid, files, access):
    assert laid(raw(access=access), raw()) == {"results": ("results",), "disk1": ("disk1",)}
    assert files.keys() == {"results", "disk1"}


def test_an_image_that_is_not_what_is_said_of_it_is_the_jobs_fault(laid):
    with pytest.raises(JobFault, match=f"{ON_HOST}: ") as caught:
        laid(MachineDisk(file=ON_HOST, format=DiskFormat.QCOW2))
    assert caught.value.code is HoldCode.IMAGE_INVALID


def test_an_image_that_is_not_there_is_the_jobs_fault(laid):
    with pytest.raises(JobFault, match="/none: No such file") as caught:
        laid(raw("/none"))
    assert caught.value.code is HoldCode.IMAGE_MISSING


@pytest.mark.parametrize("said", ["/etc/shadow", "nbd://evil/", "json:{}", "disk0-1"])
def test_whatever_layers_say_they_lie_on_what_vmf_says(laid, files, told, said):
    files["disk0"] = qcow2.empty(4 * MIB, said, DiskFormat.RAW)
    files["disk0.1"] = qcow2.empty(4 * MIB, said, DiskFormat.QCOW2)
    assert laid(raw(), layers={0: ("disk0.0", "disk0.1")})["disk0"] == ("disk0", "disk0.1")
    assert told("disk0") == (ON_HOST, "raw", 4 * MIB)
    assert told("disk0.1") == ("disk0", "qcow2", 4 * MIB)


def test_what_a_layer_holds_stays(laid, files):
    files["disk0"] = qcow2.empty(4 * MIB, "/etc/shadow", DiskFormat.RAW) + b"what the guest has written"
    laid(raw(), layers={0: ("disk0.0",)})
    assert files["disk0"].endswith(b"what the guest has written")


@pytest.mark.parametrize("layer", [b"", b"#!/bin/sh\n", bytes(MIB)])
def test_a_layer_that_is_none_is_the_jobs_fault(laid, files, layer):
    files["disk0"] = layer
    with pytest.raises(JobFault, match="disk0: ") as caught:
        laid(raw(), layers={0: ("disk0.0",)})
    assert caught.value.code is HoldCode.IMAGE_INVALID


def test_new_layers_lie_on_the_topmost_and_hide_nothing(laid, files, told):
    first = cover(laid(raw()), Files(files), 1)
    assert first == {"results": ("results", "results-1"), "disk0": ("disk0", "disk0-1")}
    assert told("results-1") == ("results", "raw", MIB)
    assert told("disk0-1") == ("disk0", "qcow2", 4 * MIB)
    assert cover(first, Files(files), 2)["results"] == ("results", "results-1", "results-2")
    assert told("results-2") == ("results-1", "qcow2", MIB)


def test_a_host_whose_disk_fails_is_at_fault(files):
    def fail(_path):
        raise OSError(5, "Input/output error")

    with pytest.raises(HostFault, match="Input/output error"):
        lay(replace(MACHINE, disks=(raw(),)), Files(files), fail)
