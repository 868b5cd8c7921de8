from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from vmf.blueprint import template
from vmf.errors import HoldCode, JobFault
from vmf.model import (
    Access,
    Bus,
    Clock,
    DiskFormat,
    Firmware,
    Forward,
    Limits,
    Machine,
    MachineCdrom,
    MachineDisk,
    MachineNic,
    MachineShare,
    NetworkType,
    Platform,
    Restored,
    Slice,
    Wakes,
)
from vmf_kvm.disks import overlays, written
from vmf_kvm.domain import xml
from vmf_kvm.drives import drives
from vmf_kvm.place import Place, Socket

GOLDEN = Path(__file__).with_name("golden")
PLACE = Place(folder=Path("/host/machines/job"), sockets=Path("/host/run/console"), devices=frozenset({"/dev/sda9"}))
RAW = MachineDisk(file="/images/tiny/scratch.raw", format=DiskFormat.RAW)
QCOW2 = MachineDisk(file="/images/big.qcow2", format=DiskFormat.QCOW2)
KEPT = MachineDisk(file="/data/kept.raw", format=DiskFormat.RAW, access=Access.IN_PLACE)
RESULTS = MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE)

PLATFORM = Platform(type="kvm", accelerator="tcg", version="7.2.22", machine="pc-q35-7.2", cpu="Nehalem")
WOKEN = Machine(
    name="woken-1",
    memory=2**28,
    cpus=1,
    accelerator="tcg",
    kernel="kernel",
    disks=(RAW,),
    cdroms=(MachineCdrom(file="cdrom"), MachineCdrom()),
    results=RESULTS,
    nic=MachineNic(type=NetworkType.USER, mac="02:00:00:00:00:03", forwards=(Forward(port=22),)),
)
TEMPLATE = template(WOKEN, "template-1")
WOKEN = replace(
    WOKEN,
    wakes=Wakes(platform=PLATFORM, equipment=WOKEN.equipment, memory="/golden/,<&'\">memory", state="/golden/state"),
)
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
        results=RESULTS,
        reboots=False,
    ),
    "disks": Machine(name="disks-1", memory=2**30, cpus=4, accelerator="kvm", disks=(QCOW2, KEPT)),
    "layers": Machine(
        name="layers-1",
        memory=2**30,
        cpus=1,
        accelerator="tcg",
        disks=(
            replace(QCOW2, growth=2**30 + 1),
            MachineDisk(file="/x.ova", format=DiskFormat.VMDK, part=Slice(offset=1536, size=70_001), growth=2**20),
            MachineDisk(file="/dev/sda9", format=DiskFormat.RAW),
            MachineDisk(file="/data/reference.qcow2", format=DiskFormat.QCOW2, access=Access.READ),
            replace(RAW, layers=("/warehouse/1/disk0.qcow2", "/warehouse/2/disk0.qcow2"), growth=2**20),
        ),
        results=RESULTS,
        limits=Limits(disk_rate=50 * 2**20, disk_operations=400),
    ),
    "served": Machine(
        name="served-1",
        memory=2**30,
        cpus=1,
        accelerator="tcg",
        disks=(
            replace(
                RAW, file="/remote/1.nbd", layers=("/remote/2.nbd", "/w/3"), served=("/remote/1.nbd", "/remote/2.nbd")
            ),
        ),
    ),
    "ide": Machine(
        name="old-1",
        memory=2**30,
        cpus=1,
        accelerator="tcg",
        clock=Clock.LOCAL,
        firmware=Firmware.BIOS,
        disks=(
            replace(QCOW2, bus=Bus.IDE),
            replace(RAW, bus=Bus.SATA),
            replace(RAW, bus=Bus.SCSI, device="sdq"),
            replace(RAW, device="vdc"),
            replace(RAW, device="vda"),
        ),
        results=replace(RESULTS, bus=Bus.IDE),
        cdroms=(MachineCdrom(file="cdrom", bus=Bus.IDE), MachineCdrom(device="hdd"), MachineCdrom(bus=Bus.VIRTIO)),
    ),
    "devices": Machine(
        name="devices-1",
        memory=2**30,
        cpus=1,
        accelerator="kvm",
        firmware=Firmware.UEFI,
        disks=(RAW,),
        nic=MachineNic(type=NetworkType.NAT, mac="02:00:00:00:00:01"),
        shares=(
            MachineShare(name="data", folder="/srv/data"),
            MachineShare(name="out", folder="/srv/out", write=True),
        ),
        agent=True,
        vnc=True,
    ),
    "calls": Machine(
        name="calls-1",
        memory=2**30,
        cpus=1,
        accelerator="kvm",
        kernel="kernel",
        nic=MachineNic(type=NetworkType.USER, mac="02:00:00:00:00:02", forwards=(Forward(port=22),)),
    ),
    "portable": Machine(name="portable-1", memory=2**28, cpus=1, accelerator="kvm", disks=(RAW,), portable=True),
    "restored": Machine(
        name="restored-1",
        memory=2**28,
        cpus=1,
        accelerator="tcg",
        firmware=Firmware.UEFI,
        disks=(replace(QCOW2, growth=2**20), KEPT, RAW),
        results=RESULTS,
        portable=True,
        restored=Restored(
            platform=Platform(type="kvm", accelerator="tcg", version="7.2.22", machine="pc-q35-7.2", cpu="Westmere"),
            memory="memory",
            nvram="nvram-kept",
            layers={0: ("disk0.0", "disk0.1", "disk0.2"), 2: ("disk2.0",)},
        ),
    ),
    "template": TEMPLATE,
    "woken": WOKEN,
    "woken-restored": replace(
        WOKEN,
        restored=Restored(platform=replace(PLATFORM, machine="pc-q35-6.2"), memory="memory", layers={0: ("disk0.0",)}),
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


@pytest.mark.parametrize("name", ["/images/a\x1b.raw", "/images/a\x00", "/caf\udce9/a.raw", "/a\ufffe"])
def test_a_path_that_xml_cannot_hold_is_refused_by_name(name):
    with pytest.raises(JobFault, match="that libvirt cannot be told") as caught:
        xml(replace(MACHINES["disks"], disks=(replace(RAW, file=name),)), PLACE)
    assert caught.value.code is HoldCode.MACHINE_INVALID
    assert repr(name) in caught.value.brief


def test_any_other_path_is_told_as_it_is():
    name = "/images/\t\n é\U0001f600.raw"
    domain = ET.fromstring(xml(replace(MACHINES["disks"], disks=(replace(RAW, file=name),)), PLACE))  # noqa: S314  # our own
    assert domain.find("devices/disk/backingStore/source").get("file") == name


def test_an_unknown_accelerator_is_the_jobs_fault():
    machine = Machine(name="x", memory=2**20, cpus=1, accelerator="hax")
    with pytest.raises(JobFault, match="no accelerator 'hax'") as caught:
        xml(machine, PLACE)
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_a_part_of_a_file_is_not_written_in_place():
    machine = replace(MACHINES["disks"], disks=(replace(KEPT, part=Slice(offset=512, size=512)),))
    with pytest.raises(JobFault, match="a part of a file cannot be written in place") as caught:
        xml(machine, PLACE)
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_names_that_are_asked_for_are_given_to_nobody_else():
    disks = (RAW, replace(RAW, device="vda"), RAW, replace(RAW, device="vdc"))
    assert [drive.device for drive in drives(replace(MACHINES["disks"], disks=disks))] == ["vdb", "vda", "vdd", "vdc"]


def test_each_disk_that_is_not_kept_has_an_overlay():
    made = overlays(MACHINES["disks"], PLACE)
    assert [(each.file, each.base, each.format) for each in made] == [
        ("/host/machines/job/disk0", "/images/big.qcow2", "qcow2")
    ]


def test_only_a_disk_in_place_is_written():
    assert written(MACHINES["disks"]) == {KEPT.file}


@pytest.mark.parametrize(
    ("cdrom", "name"),
    [(MachineCdrom(file="files", device="vdb"), "cdrom"), (MachineCdrom(bus=Bus.XEN), "a CD-ROM drive")],
)
def test_a_drive_that_cannot_be_is_called_as_its_owner_knows_it(cdrom, name):
    with pytest.raises(JobFault, match=f"^{name}: "):
        drives(replace(MACHINES["disks"], cdroms=(cdrom,)))


def test_a_socket_fits_whatever_the_machine_is_called():
    longest = PLACE.socket("x" * 63, Socket.CONSOLE)
    assert len(longest) == len(PLACE.socket("x", Socket.CONSOLE))
    assert longest != PLACE.socket("x" * 62, Socket.CONSOLE)


def many(number, bus):
    """The devices of a machine with so many disks, and a results volume."""
    disks = tuple(MachineDisk(file=f"/images/{each}", format=DiskFormat.RAW, bus=bus) for each in range(number))
    machine = Machine(name="many", memory=2**20, cpus=1, accelerator="tcg", disks=disks, results=RESULTS)
    return ET.fromstring(xml(machine, PLACE)).find("devices")  # noqa: S314  # our own


@pytest.mark.parametrize(
    ("number", "bus", "slots"), [(28, Bus.VIRTIO, 29), (64, Bus.SCSI, 2), (64, Bus.SATA, 12), (3, Bus.IDE, 1)]
)
def test_as_many_disks_as_there_is_room_for(number, bus, slots):
    devices = many(number, bus)
    taken = [each.get("slot") for each in devices.iter("address") if each.get("type") == "pci"]
    assert len(taken) == len(set(taken)) == slots
    names = [each.get("dev") for each in devices.iterfind("disk/target")]
    assert len(set(names)) == number + 1
    two = {Bus.VIRTIO: ["vdaa", "vdab"], Bus.SCSI: ["sdaa", "sdab"], Bus.SATA: ["sdaa", "sdab"], Bus.IDE: []}
    assert [name for name in names if len(name) > 3][:2] == two[bus]


@pytest.mark.parametrize(
    ("bus", "places"),
    [
        (Bus.SCSI, [(0, target, 0) for target in range(18)]),
        (Bus.SATA, [(1 + number // 6, 0, number % 6) for number in range(18)]),
    ],
)
def test_each_of_many_drives_has_a_place_that_guests_find_the_disc_first(bus, places):
    other = Bus.SATA if bus is Bus.SCSI else Bus.SCSI
    drives = (*(replace(RAW, bus=other),) * 8, *(replace(RAW, bus=bus),) * 17)
    machine = replace(MACHINES["disks"], disks=drives, cdroms=(MachineCdrom(file="cdrom", bus=bus),))
    devices = ET.fromstring(xml(machine, PLACE)).find("devices")  # noqa: S314  # our own
    found = {}
    for each in devices.iterfind("disk"):
        if each.find("target").get("bus") == bus:
            address = each.find("address")
            place = tuple(int(address.get(word)) for word in ("controller", "target", "unit"))
            found.setdefault(each.get("device"), []).append(place)
    assert (found["cdrom"], found["disk"]) == (places[:1], places[1:])


@pytest.mark.parametrize(
    ("number", "bus", "words"), [(29, Bus.VIRTIO, "more devices than its bus has slots"), (5, Bus.IDE, "four places")]
)
def test_more_disks_than_there_is_room_for_are_the_jobs_fault(number, bus, words):
    with pytest.raises(JobFault, match=words) as caught:
        many(number, bus)
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_a_port_of_the_host_that_cannot_lead_there_makes_no_machine():
    nic = MachineNic(type=NetworkType.NAT, mac="02:00:00:00:00:02", forwards=(Forward(port=22, host_port=2222),))
    with pytest.raises(JobFault, match="is not forwarded"):
        xml(replace(MACHINES["kernel"], nic=nic), PLACE)
