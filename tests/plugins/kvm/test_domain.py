from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from vmf.errors import HoldCode, JobFault
from vmf.model import Access, DiskFormat, Machine, MachineCdrom, MachineDisk
from vmf_kvm.domain import Place, overlays, xml

GOLDEN = Path(__file__).with_name("golden")
PLACE = Place(folder=Path("/host/machines/job"), sockets=Path("/host/run/console"))
RAW = MachineDisk(file="/images/tiny/scratch.raw", format=DiskFormat.RAW)
QCOW2 = MachineDisk(file="/images/big.qcow2", format=DiskFormat.QCOW2)

MACHINES = {
    "kernel": Machine(
        name="hello-1",
        memory=256 * 2**20,
        cpus=1,
        accelerator="tcg",
        kernel="kernel",
        initrd="initrd",
        kernel_parameters="console=ttyS0 quiet",
        disks=(RAW,),
        cdroms=(MachineCdrom(file="cdrom"),),
        results=MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE),
        reboots=False,
    ),
    "disks": Machine(
        name="disks-1",
        memory=2**30,
        cpus=4,
        accelerator="kvm",
        disks=(QCOW2, MachineDisk(file="/data/kept.raw", format=DiskFormat.RAW, access=Access.IN_PLACE)),
    ),
    "hostile": Machine(
        name="hostile-1",
        memory=2**20,
        cpus=1,
        accelerator="tcg",
        kernel="/images/<&\"'>/vmlinuz",
        kernel_parameters="a=<b> c=\"d\" e='f' g=&amp; </cmdline><on_crash>preserve</on_crash>",
        disks=(MachineDisk(file="/images/]]><source file='/etc/shadow'>", format=DiskFormat.RAW),),
    ),
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_described_as_in_its_golden_file(name):
    assert xml(MACHINES[name], PLACE) == (GOLDEN / f"{name}.xml").read_text()


def test_values_stay_values():
    hostile = MACHINES["hostile"]
    domain = ET.fromstring(xml(hostile, PLACE))  # noqa: S314  # our own
    assert domain.findtext("os/kernel") == hostile.kernel
    assert domain.findtext("os/cmdline") == hostile.kernel_parameters
    assert [each.get("file") for each in domain.iterfind("devices/disk/backingStore/source")] == [hostile.disks[0].file]
    assert [each.text for each in domain.iterfind("on_crash")] == ["destroy"]


def test_what_is_put_and_what_is_there_are_told_apart():
    assert PLACE.file("kernel") == "/host/machines/job/kernel"
    assert PLACE.file("/boot/vmlinuz") == "/boot/vmlinuz"


@pytest.mark.parametrize("name", ["", ".", "..", "../other/results", "a/b"])
def test_a_name_cannot_lead_out_of_the_folder(name):
    with pytest.raises(JobFault, match="neither a file's name nor an absolute path"):
        PLACE.file(name)


def test_an_unknown_accelerator_is_the_jobs_fault():
    machine = Machine(name="x", memory=2**20, cpus=1, accelerator="hax")
    with pytest.raises(JobFault, match="no accelerator 'hax'") as caught:
        xml(machine, PLACE)
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_each_disk_that_is_not_kept_has_an_overlay():
    made = overlays(MACHINES["disks"], PLACE)
    assert [(each.file, each.base, each.format) for each in made] == [
        ("/host/machines/job/disk0", "/images/big.qcow2", "qcow2")
    ]


def test_a_consoles_socket_fits_whatever_the_machine_is_called():
    longest = PLACE.console_socket("x" * 63)
    assert len(longest) == len(PLACE.console_socket("x"))
    assert longest != PLACE.console_socket("x" * 62)


def test_more_disks_than_slots_are_left_to_libvirt():
    disks = tuple(MachineDisk(file=f"/images/{number}", format=DiskFormat.RAW) for number in range(40))
    machine = Machine(
        name="many",
        memory=2**20,
        cpus=1,
        accelerator="tcg",
        disks=disks,
        results=MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE),
    )
    devices = ET.fromstring(xml(machine, PLACE)).find("devices")  # noqa: S314  # our own
    slots = [each.get("slot") for each in devices.iter("address")]
    assert len(slots) == len(set(slots)) == 30
    names = [each.get("dev") for each in devices.iterfind("disk/target")]
    assert names[25:28] == ["vdz", "vdaa", "vdab"]
    assert len(set(names)) == 41
