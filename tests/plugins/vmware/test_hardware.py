from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.model import (
    MEBIBYTE,
    Access,
    Bus,
    Clock,
    DiskFormat,
    Firmware,
    Forward,
    Machine,
    MachineCdrom,
    MachineDisk,
    MachineNic,
    MachineShare,
    NetworkType,
    NicModel,
    Platform,
    Restored,
    Slice,
)
from vmf_vmware.data import data
from vmf_vmware.drives import located
from vmf_vmware.hardware import Seat, check, config
from vmf_vmware.paths import DatastorePath

GOLDEN = Path(__file__).with_name("golden")
BACKING = data("VirtualEthernetCardNetworkBackingInfo", deviceName="VM Network")
SEAT = Seat(
    name="vmf-0a1b2c3d-job-1",
    folder=DatastorePath("store1", "vmf-0a1b2c3d-job-1"),
    mark=(
        data("OptionValue", key="vmf.owner", value="0a1b2c3d"),
        data("OptionValue", key="vmf.machine", value="job-1"),
    ),
    networks={NetworkType.NAT: BACKING, NetworkType.BRIDGE: BACKING},
)
BROUGHT = MachineDisk(file="image0", format=DiskFormat.QCOW2)
LIES = MachineDisk(file="/vmfs/volumes/store2/data/data-flat.vmdk", format=DiskFormat.RAW)
KEPT = replace(LIES, file="/vmfs/volumes/store2/kept/kept-flat.vmdk", access=Access.IN_PLACE)
RESULTS = MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE)
CD = MachineCdrom(file="cdrom")
NIC = MachineNic(type=NetworkType.NAT, mac="02:00:00:00:00:01", model=NicModel.E1000)
PLATFORM = Platform(type="vmware", accelerator="vmware", version="8.0.2", machine="vmx-21", cpu="c", vendor="v")

HELLO = Machine(
    name="job-1",
    memory=255 * MEBIBYTE,
    cpus=1,
    accelerator="vmware",
    kernel="kernel",
    initrd="initrd",
    kernel_parameters="console=ttyS0 quiet",
    disks=(BROUGHT,),
    cdroms=(CD,),
    results=RESULTS,
    reboots=False,
)
BOX = Machine(
    name="job-1",
    memory=2**30,
    cpus=4,
    accelerator="vmware",
    firmware=Firmware.UEFI,
    disks=(BROUGHT, LIES, KEPT),
    cdroms=(MachineCdrom(file="/vmfs/volumes/iso/a.iso", bus=Bus.SCSI), MachineCdrom()),
    nic=NIC,
)
MANY = replace(BOX, disks=tuple(replace(BROUGHT, file=f"image{number}") for number in range(16)), nic=None, cdroms=())
OLD = replace(
    BOX,
    firmware=None,
    nic=None,
    disks=(replace(BROUGHT, bus=Bus.IDE), replace(BROUGHT, file="image1", bus=Bus.SATA)),
    cdroms=(MachineCdrom(file="cdrom", bus=Bus.IDE), MachineCdrom(file="files", bus=Bus.SATA)),
    results=replace(RESULTS, bus=Bus.IDE),
)
MACHINES = {
    "hello": (HELLO, SEAT),
    "box": (BOX, SEAT),
    "many": (MANY, SEAT),
    "old": (OLD, SEAT),
    "newer": (HELLO, replace(SEAT, ends_reboots=True, lines={"guestinfo.word": 'it "is"', "rtc.diffFromUTC": "1"})),
    "restored": (
        replace(HELLO, restored=Restored(platform=PLATFORM, memory="memory", layers={0: ("disk0.0",)})),
        replace(SEAT, version="vmx-21"),
    ),
}


@pytest.mark.parametrize("name", MACHINES)
def test_machines_are_described_as_they_always_were(name):
    """To see a change of all of them: write them anew by running this file, and look at the difference."""
    assert described(name) == (GOLDEN / f"{name}.json").read_text()


def described(name):
    return msgspec.json.format(msgspec.json.encode(config(*MACHINES[name])), indent=1).decode() + "\n"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"firmware": Firmware.UEFI}, "BIOS"),
        ({"kernel": None, "disks": (), "cdroms": ()}, "start from"),
        ({"clock": Clock.LOCAL}, "UTC"),
        ({"shares": (MachineShare(name="a", folder="/a"),)}, "folders"),
        ({"agent": True}, "agent"),
        ({"vnc": True}, "screen"),
        ({"disks": (replace(BROUGHT, bus=Bus.VIRTIO),)}, "virtio"),
        ({"cdroms": (MachineCdrom(bus=Bus.XEN),)}, "xen"),
        ({"disks": (replace(BROUGHT, device="sda"),)}, "counts its drives"),
        ({"cdroms": (MachineCdrom(device="hdc"),)}, "counts its drives"),
        ({"disks": (replace(BROUGHT, access=Access.READ),)}, "can be written"),
        ({"disks": (replace(LIES, part=Slice(offset=0, size=512)),)}, "whole file"),
        ({"cdroms": (replace(CD, bus=Bus.IDE),) * 4}, "room for another CD-ROM drive"),
        ({"disks": (BROUGHT,) * 60}, "room for another disk"),
        ({"nic": replace(NIC, model=NicModel.RTL8139)}, "vmxnet3"),
        ({"nic": replace(NIC, forwards=(Forward(port=22),))}, "forwarded"),
        ({"nic": replace(NIC, type=NetworkType.USER)}, "nat or bridge"),
        ({"disks": (replace(LIES, file="/vmfs/volumes/store1/a.vmdk"),)}, "-flat.vmdk"),
        ({"disks": (replace(LIES, file="/images/a-flat.vmdk"),)}, "no path of a datastore"),
        ({"disks": (replace(LIES, file="/vmfs/volumes/store1/../store2/a-flat.vmdk"),)}, "straight"),
    ],
)
def test_what_no_machine_has_here_is_the_jobs_fault(changes, word):
    with pytest.raises(JobFault, match=word) as caught:
        check(replace(HELLO, **changes))
    assert caught.value.code is HoldCode.MACHINE_INVALID
    assert caught.value.hint


def test_a_disk_on_the_host_is_named_by_the_file_with_its_data():
    assert str(located("/vmfs/volumes/store 2/a/b c-flat.vmdk")) == "[store 2] a/b c.vmdk"


def test_no_two_devices_have_one_place():
    for machine, seat in MACHINES.values():
        devices = [each["device"] for each in config(machine, seat)["deviceChange"]]
        keys = [each["key"] for each in devices]
        places = [(each["controllerKey"], each["unitNumber"]) for each in devices if each.get("controllerKey")]
        assert len(keys) == len({*keys})
        assert len(places) == len({*places})
        assert 7 not in {unit for controller, unit in places if controller >= 1000}


if __name__ == "__main__":
    for each in MACHINES:
        (GOLDEN / f"{each}.json").write_text(described(each))
