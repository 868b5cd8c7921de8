from __future__ import annotations

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.model import MEBIBYTE, Access, DiskFormat, Machine, MachineDisk, MachineState, Power
from vmf_libvirt import sharing
from vmf_libvirt.notes import Note, Notes

FILE = "/srv/disk.raw"


@pytest.fixture
def site(tmp_path):
    """A host without locks; what its machines are doing is in `powers`."""
    powers = {}
    return SimpleNamespace(
        folder=tmp_path,
        notes=Notes(folder=tmp_path / "machines"),
        dialect=SimpleNamespace(locks=False),
        powers=powers,
        client=SimpleNamespace(state=lambda name: MachineState(power=powers[name])),
    )


def machine(name, access, file=FILE):
    disk = MachineDisk(file=file, format=DiskFormat.RAW, access=access)
    return Machine(name=name, accelerator="xen", memory=MEBIBYTE, cpus=1, disks=(disk,))


def has(site, access, power=Power.RUNNING, file=FILE):
    """There is another machine with a disk."""
    site.notes.keep("other", Note(machine=machine("other", access, file)))
    site.powers["other"] = power


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Access.IN_PLACE, Access.IN_PLACE),
        (Access.IN_PLACE, Access.READ),
        (Access.IN_PLACE, Access.SNAPSHOT),
        (Access.READ, Access.IN_PLACE),
        (Access.SNAPSHOT, Access.IN_PLACE),
    ],
)
@pytest.mark.parametrize("power", [Power.RUNNING, Power.PAUSED])
def test_a_disk_that_one_writes_in_place_is_nobody_elses(site, one, other, power):
    has(site, other, power)
    with pytest.raises(JobFault, match=r"/srv/disk\.raw is used by another machine") as error, start(site, one):
        pass
    assert error.value.code is HoldCode.DISK_IN_USE


@pytest.mark.parametrize("file", ["/srv/../srv/disk.raw", "//srv/disk.raw", "/srv//./disk.raw"])
def test_a_disk_is_the_same_however_its_path_is_spelt(site, file):
    has(site, Access.SNAPSHOT, file=file)
    with pytest.raises(JobFault, match=r"/srv/disk\.raw is used by another machine"), start(site, Access.IN_PLACE):
        pass


def test_a_machine_that_has_a_disk_twice_writes_to_it_if_one_of_the_two_does(site):
    has(site, Access.READ)
    disks = tuple(disk for access in (Access.IN_PLACE, Access.READ) for disk in machine("one", access).disks)
    with pytest.raises(JobFault), sharing.apart(site, replace(machine("one", Access.READ), disks=disks)):
        pass


@pytest.mark.parametrize(("one", "other"), [(Access.READ, Access.SNAPSHOT), (Access.READ, Access.READ)])
def test_a_disk_that_nobody_writes_to_is_shared(site, one, other):
    has(site, other)
    with start(site, one):
        pass


def test_a_machine_that_has_ended_has_no_disk_any_more(site):
    has(site, Access.IN_PLACE, Power.OFF)
    with start(site, Access.IN_PLACE):
        pass


def test_files_of_the_machines_own_are_nobody_elses(site):
    has(site, Access.IN_PLACE, file="disk0")
    with start(site, Access.IN_PLACE, file="disk0"):
        pass


def test_a_hypervisor_that_locks_files_is_left_to_do_it(site):
    site.dialect.locks = True
    has(site, Access.IN_PLACE)
    with start(site, Access.IN_PLACE):
        pass


def start(site, access, file=FILE):
    return sharing.apart(site, machine("one", access, file))
