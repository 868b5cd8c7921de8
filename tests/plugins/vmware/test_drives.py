from __future__ import annotations

import pytest
from msgspec.structs import replace

from vmf.errors import JobFault
from vmf.model import Bus, DiskFormat, Machine, MachineCdrom, MachineDisk
from vmf_vmware.data import data
from vmf_vmware.drives import drives, taken

DISK = MachineDisk(file="image0", format=DiskFormat.RAW)
CD = MachineCdrom(file="cdrom")
MACHINE = Machine(name="m", memory=2**28, cpus=1, accelerator="vmware", kernel="kernel", disks=(DISK,), cdroms=(CD,))
OWN = (
    data("ParaVirtualSCSIController", key=1000, busNumber=0),
    data("VirtualDisk", key=2000, controllerKey=1000, unitNumber=0),
    data("VirtualIDEController", key=200, busNumber=0),
    data("VirtualIDEController", key=201, busNumber=1),
    data("VirtualCdrom", key=3000, controllerKey=200, unitNumber=0),
    data("VirtualCdrom", key=3002, controllerKey=201, unitNumber=0),
    data("VirtualAHCIController", key=15000, busNumber=0),
)
"""What a machine has that somebody else has described."""


def spots(several):
    return [(str(each.family), each.bus, each.unit) for each in several]


def test_discs_go_on_where_ide_is_full():
    found = drives(replace(MACHINE, cdroms=(CD,) * 5), {})
    assert spots(found.discs) == [
        ("ide", 0, 0), ("ide", 0, 1), ("ide", 1, 0), ("ide", 1, 1), ("sata", 0, 0), ("sata", 0, 1),
    ]  # fmt: skip


def test_many_disks_are_on_several_controllers_and_not_in_their_places():
    found = drives(replace(MACHINE, disks=(DISK,) * 16), {})
    assert spots(found.disks)[6:9] == [("scsi", 0, 6), ("scsi", 0, 8), ("scsi", 0, 9)]
    assert spots(found.disks)[-1] == ("scsi", 1, 0)


def test_what_a_machine_has_of_its_own_stays_where_it_is():
    disks = (DISK, replace(DISK, bus=Bus.SATA))
    found = drives(replace(MACHINE, disks=disks), taken(OWN))
    assert spots(found.disks) == [("scsi", 1, 0), ("sata", 1, 0)]
    assert spots(found.discs) == [("ide", 0, 1), ("ide", 1, 1)]


def test_there_is_room_for_so_many_only():
    full = [
        data("VirtualDisk", key=3000 + place, controllerKey=200 + place // 2, unitNumber=place % 2)
        for place in range(4)
    ]
    with pytest.raises(JobFault, match="no room for another CD-ROM drive"):
        drives(MACHINE, taken(full))
    with pytest.raises(JobFault, match="no room for another disk"):
        drives(replace(MACHINE, disks=(replace(DISK, bus=Bus.IDE),) * 5), {})
