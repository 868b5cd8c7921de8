from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Access, DiskFormat, Forward, Machine, MachineCdrom, MachineDisk, MachineNic, NetworkType
from vmf_kvm.disks import in_place
from vmf_kvm.domain import xml
from vmf_kvm.faults import described, ports, sentences, unopened
from vmf_kvm.place import Place
from vmf_libvirt.errors import LibvirtFault, blaming_job

MACHINE = Machine(
    name="m1",
    memory=2**20,
    cpus=1,
    accelerator="tcg",
    kernel="/boot/vmlinuz",
    initrd="/boot/initrd",
    disks=(MachineDisk(file="/images/big.raw", format=DiskFormat.RAW),),
    cdroms=(MachineCdrom(file="/images/seed.iso"),),
    results=MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE),
)


def raised(line):
    """What comes of a start that fails so."""
    with pytest.raises((JobFault, HostFault)) as caught, blaming_job(sentences(in_place(MACHINE))):
        raise LibvirtFault(f"internal error: process exited while connecting to monitor\n{line}\nqemu: the end")
    return caught.value


@pytest.mark.parametrize("file", in_place(MACHINE))
@pytest.mark.parametrize(
    ("words", "code"),
    [("Permission denied", HoldCode.IMAGE_UNREADABLE), ("No such file or directory", HoldCode.IMAGE_MISSING)],
)
def test_a_file_of_the_jobs_that_cannot_be_opened_holds_it(file, words, code):
    found = raised(f"qemu: could not open kernel file '{file}': {words}")
    assert isinstance(found, JobFault)
    assert (found.code, bool(found.hint)) == (code, True)


def test_a_disk_that_another_machine_uses_is_named():
    found = raised('Failed to get "write" lock\nIs another process using the image [/images/big.raw]?')
    assert (found.brief, found.code) == ("/images/big.raw is used by another machine", HoldCode.DISK_IN_USE)


def test_a_lock_on_a_file_of_the_hosts_is_its_own():
    found = raised("Is another process using the image [/host/machines/m1/disk0]?")
    assert isinstance(found, LibvirtFault)


@pytest.mark.parametrize("words", ["Permission denied", "No such file or directory"])
@pytest.mark.parametrize(
    "file",
    [
        "/host/cache/libvirt/qemu/log/m1.log",
        "/usr/bin/qemu-system-x86_64",
        "/host/machines/m1/disk0",
        "/host/machines/m1/results",
        "/images/big.raw.lock",
    ],
)
def test_a_file_of_the_hosts_that_cannot_be_opened_sends_the_job_elsewhere(file, words):
    assert isinstance(raised(f"unable to open '{file}': {words}"), LibvirtFault)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOENT, HoldCode.IMAGE_MISSING),
        (errno.EACCES, HoldCode.IMAGE_UNREADABLE),
        (errno.EISDIR, HoldCode.IMAGE_INVALID),
        (errno.EIO, None),
        (errno.ESTALE, None),
        (errno.EMFILE, None),
    ],
)
def test_why_a_file_of_the_jobs_cannot_be_opened_decides_whose_fault_it_is(number, code):
    found = unopened(Path("/images/big.raw"), OSError(number, os.strerror(number)))
    assert "/images/big.raw: " in found.brief
    assert isinstance(found, HostFault if code is None else JobFault)
    assert getattr(found, "code", None) == code
    assert found.hint


def test_files_are_looked_for_where_the_job_has_them():
    assert in_place(MACHINE) == ("/boot/vmlinuz", "/boot/initrd", "/images/big.raw", "/images/seed.iso")


@pytest.mark.parametrize(("port", "held"), [(18080, True), (1808, False), (0, False)])
def test_a_port_that_is_taken_blames_the_job_that_names_it(port, held):
    forwards = (Forward(port=22), Forward(port=80, host_port=18080))
    nic = MachineNic(type=NetworkType.USER, mac="02:00:00:00:00:02", forwards=forwards)
    with pytest.raises(JobFault if held else HostFault) as caught, blaming_job(tuple(ports(nic.forwards))):
        raise LibvirtFault(f"qemu: -netdev user: Could not set up host forwarding rule 'tcp:127.0.0.1:{port}-:80'")
    if held:
        found = caught.value.brief, caught.value.code
        assert found == ("tcp port 18080 of this computer is taken", HoldCode.PORT_IN_USE)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Could not set up host forwarding rule 'tcp:127.0.0.1:18080-:80'", HoldCode.PORT_IN_USE),
        ("Could not open '/images/big.raw': No such file or directory", HoldCode.IMAGE_MISSING),
        ("could not open kernel file '/boot/vmlinuz': Permission denied", HoldCode.IMAGE_UNREADABLE),
        ("Could not open '/host/m1/disk0': No such file or directory", None),
        ("Could not set up host forwarding rule 'tcp:127.0.0.1:0-:22'", None),
    ],
)
def test_what_blames_the_job_is_read_off_a_machine_that_there_is(line, code):
    nic = MachineNic(
        type=NetworkType.USER,
        mac="02:00:00:00:00:02",
        forwards=(Forward(port=22), Forward(port=80, host_port=18080)),
    )
    place = Place(folder=Path("/host/m1"), sockets=Path("/run"))
    sentences = described(xml(replace(MACHINE, nic=nic), place), place.folder)
    with pytest.raises(JobFault if code else HostFault) as caught, blaming_job(sentences):
        raise LibvirtFault(line)
    assert getattr(caught.value, "code", None) == (code or 0)
