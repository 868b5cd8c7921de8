from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.model import (
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
    Slice,
)
from vmf_libvirt.place import Place
from vmf_xen.domain import check, parameters, xml
from vmf_xen.drives import drives
from vmf_xen.settings import Mode

GOLDEN = Path(__file__).with_name("golden")
PLACE = Place(folder=Path("/var/lib/vmf/vmf-job"), prefix="vmf-")
SCRIPT = Path("/etc/xen/scripts/vif-site")
RAW = MachineDisk(file="/images/tiny/scratch.raw", format=DiskFormat.RAW)
QCOW2 = MachineDisk(file="/images/big.qcow2", format=DiskFormat.QCOW2)
KEPT = MachineDisk(file="/dev/vg/kept", format=DiskFormat.RAW, access=Access.IN_PLACE)
READ = MachineDisk(file="/data/reference.raw", format=DiskFormat.RAW, access=Access.READ)
RESULTS = MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE)
CD = MachineCdrom(file="cdrom")
BRIDGE = MachineNic(type=NetworkType.BRIDGE, mac="02:00:00:00:00:02", bridge="br0")
NAT = MachineNic(type=NetworkType.NAT, mac="02:00:00:00:00:01", together=True)

HELLO = Machine(
    name="hello-1",
    memory=256 * 2**20,
    cpus=1,
    accelerator="xen",
    kernel="kernel",
    initrd="initrd",
    kernel_parameters="console=ttyS0 quiet",
    disks=(RAW,),
    cdroms=(CD,),
    results=RESULTS,
    reboots=False,
)
BOX = Machine(name="box-1", memory=2**30, cpus=2, accelerator="xen", disks=(QCOW2,), results=RESULTS, cdroms=(CD,))
HOSTILE = replace(
    HELLO,
    kernel="/images/<&\"'>/vmlinuz",
    kernel_parameters="a=<b> c=\"d\" e='f' g=&amp; </cmdline><on_crash>preserve</on_crash>",
    disks=(MachineDisk(file="/images/]]><source file='/etc/shadow'>", format=DiskFormat.RAW, access=Access.IN_PLACE),),
)

MACHINES = {
    "pv": (HELLO, Mode.PV),
    "pv-loader": (replace(BOX, disks=(QCOW2, KEPT, READ), nic=BRIDGE), Mode.PV),
    "pvh": (replace(HELLO, nic=NAT), Mode.PVH),
    "hvm": (replace(BOX, disks=(QCOW2, READ, KEPT), nic=replace(NAT, model=NicModel.E1000)), Mode.HVM),
    "hvm-kernel": (HELLO, Mode.HVM),
    "hostile": (HOSTILE, Mode.PV),
}


def tree(machine, mode, *, script=None):
    return ET.fromstring(xml(machine, PLACE, mode=mode, loader=None, bridge_script=script))  # noqa: S314  # our own


def named(machine, mode):
    """What each drive is called, by its file."""
    return {drive.media.file: drive.device for drive in drives(machine, mode)}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_described_as_in_its_golden_file(name):
    machine, mode = MACHINES[name]
    told = xml(machine, PLACE, mode=mode, loader=Path("/usr/bin/pygrub"), bridge_script=SCRIPT)
    assert told == (GOLDEN / f"{name}.xml").read_text()


def test_values_stay_values():
    domain = tree(HOSTILE, Mode.PV)
    assert domain.findtext("os/kernel") == HOSTILE.kernel
    assert domain.findtext("os/cmdline").startswith(HOSTILE.kernel_parameters)
    assert domain.find("devices/disk/source").get("file") == HOSTILE.disks[0].file
    assert [each.text for each in domain.iterfind("on_crash")] == ["destroy"]


@pytest.mark.parametrize("name", ["../other", "a/b", "/images/a\x1b.raw"])
def test_a_path_that_leads_elsewhere_or_that_xml_cannot_hold_is_refused(name):
    with pytest.raises(JobFault) as caught:
        tree(replace(HELLO, disks=(replace(RAW, file=name, access=Access.IN_PLACE),)), Mode.PV)
    assert caught.value.code is HoldCode.MACHINE_INVALID


@pytest.mark.parametrize(
    ("words", "mode", "told"),
    [
        ("console=ttyS0 quiet", Mode.PV, "console=ttyS0 quiet console=hvc0"),
        ("", Mode.PVH, "console=hvc0"),
        ("console=hvc0,115200 quiet", Mode.PV, "console=hvc0,115200 quiet"),
        ("console=hvc01", Mode.PV, "console=hvc01 console=hvc0"),
        ("console=ttyS0 quiet", Mode.HVM, "console=ttyS0 quiet"),
    ],
)
def test_the_console_is_the_one_that_the_machine_has(words, mode, told):
    assert parameters(words, mode) == told


def test_without_a_loader_xen_takes_its_own():
    assert tree(BOX, Mode.PV).findtext("bootloader") == "pygrub"
    assert tree(BOX, Mode.HVM).find("bootloader") is None
    assert tree(HELLO, Mode.PV).find("bootloader") is None


def test_names_that_are_asked_for_are_given_to_nobody_else():
    disks = (RAW, replace(QCOW2, device="xvda"), replace(KEPT, device="xvdc1"))
    assert named(replace(HELLO, disks=disks), Mode.PV) == {
        RAW.file: "xvdb", QCOW2.file: "xvda", KEPT.file: "xvdc1", "results": "xvdd", "cdrom": "xvde",
    }  # fmt: skip


def test_a_whole_computer_has_what_it_starts_from_on_ide_and_no_letter_twice():
    several = {"disks": (QCOW2, RAW, replace(KEPT, bus=Bus.XEN)), "cdroms": (CD, MachineCdrom(), replace(CD, file="x"))}
    assert named(replace(BOX, **several), Mode.HVM) == {
        QCOW2.file: "hda", RAW.file: "hdb", KEPT.file: "xvde", "results": "xvdf", "cdrom": "hdc", None: "hdd",
        "x": "xvdg",
    }  # fmt: skip


def test_as_many_disks_as_a_job_can_have():
    disks = tuple(replace(RAW, file=f"/d{number}") for number in range(64))
    for mode in Mode:
        found = named(replace(HELLO, disks=disks), mode)
        assert len(set(found.values())) == 66


IDE = replace(RAW, bus=Bus.IDE)


@pytest.mark.parametrize(
    ("mode", "changed", "words"),
    [
        (Mode.PV, {"disks": (replace(RAW, bus=Bus.VIRTIO),)}, "a machine of mode pv has no such bus"),
        (Mode.PV, {"disks": (replace(RAW, device="sda"),)}, "a machine of mode pv has no such bus"),
        (Mode.PVH, {"disks": (IDE,)}, "a machine of mode pvh has no such bus"),
        (Mode.HVM, {"disks": (replace(RAW, bus=Bus.SATA),)}, "a machine of mode hvm has no such bus"),
        (Mode.HVM, {"disks": (replace(RAW, device="hde"),)}, "none of its bus"),
        (Mode.PV, {"disks": (replace(RAW, device="fd0"),)}, "none of its bus"),
        (Mode.HVM, {"disks": (replace(RAW, device="hda"), replace(QCOW2, device="xvda"))}, "sees hda as xvda"),
        (Mode.HVM, {"disks": (IDE,) * 4, "results": replace(RESULTS, bus=Bus.IDE)}, "IDE has four places"),
        (Mode.HVM, {"disks": (replace(READ, bus=Bus.IDE),)}, "cannot be one that is only read"),
        (Mode.PV, {"disks": (replace(READ, format=DiskFormat.QCOW2),)}, "only a raw disk"),
        (Mode.PV, {"disks": (replace(RAW, format=DiskFormat.VMDK),)}, "Xen has no vmdk"),
        (Mode.PV, {"disks": (replace(RAW, part=Slice(offset=0, size=512)),)}, "attaches whole files"),
        (Mode.PV, {"cdroms": (MachineCdrom(),)}, "no empty drives"),
        (Mode.HVM, {"kernel": None, "disks": (replace(RAW, bus=Bus.XEN),), "cdroms": ()}, "starts from an IDE disk"),
        (Mode.HVM, {"firmware": Firmware.UEFI}, "no firmware"),
        (Mode.PV, {"clock": Clock.LOCAL}, "clock"),
        (Mode.PV, {"shares": (MachineShare(name="d", folder="/d"),)}, "no folders are shared"),
        (Mode.PV, {"agent": True}, "agent"),
        (Mode.PV, {"vnc": True}, "no screen"),
        (Mode.PV, {"nic": replace(NAT, type=NetworkType.USER)}, "no network of type user"),
        (Mode.PV, {"nic": replace(NAT, model=NicModel.E1000)}, "mode pv has no network card e1000"),
        (Mode.HVM, {"nic": replace(NAT, model=NicModel.VIRTIO)}, "mode hvm has no network card virtio"),
        (Mode.PV, {"nic": replace(NAT, together=False)}, "keeps no machines apart"),
        (Mode.PV, {"nic": BRIDGE}, "keeps no machines apart"),
        (Mode.PV, {"nic": replace(NAT, forwards=(Forward(port=22, host_port=2222),))}, "port 2222 .* is not forwarded"),
    ],
)  # fmt: skip
def test_what_xen_cannot_make_is_refused_in_words(mode, changed, words):
    with pytest.raises(JobFault, match=words) as caught:
        check(replace(HELLO, **changed), mode=mode)
    assert (caught.value.code, bool(caught.value.hint)) == (HoldCode.MACHINE_INVALID, True)


def test_where_machines_do_not_meet_the_script_of_a_bridge_keeps_them_apart():
    check(replace(HELLO, nic=BRIDGE), mode=Mode.PV, bridge_script=SCRIPT)
    with pytest.raises(JobFault, match="keeps no machines apart"):
        check(replace(HELLO, nic=replace(NAT, together=False)), mode=Mode.PV, bridge_script=SCRIPT)
