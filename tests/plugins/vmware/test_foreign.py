from __future__ import annotations

import pytest

from vmf.errors import HoldCode, JobFault
from vmf_vmware import foreign, vmx

VMX = b"""\
config.version = "8"
virtualHW.version = "13"
displayName = "somebody's own"
memSize = "4096"
guestOS = "windows9srv-64"
firmware = "efi"
nvram = "own.nvram"
scsi0.present = "TRUE"
scsi0.virtualDev = "lsisas1068"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "own.vmdk"
scsi0:0.mode = "independent-persistent"
sata0.present = "TRUE"
sata0:1.present = "TRUE"
sata0:1.deviceType = "cdrom-image"
sata0:1.fileName = "tools.iso"
ide1:0.deviceType = "cdrom-raw"
ide1:0.fileName = "auto detect"
floppy0.fileName = "/vmfs/devices/floppy"
serial0.fileType = "file"
serial0.fileName = "/vmfs/volumes/store1/other/serial"
parallel0.fileName = "/dev/lp0"
ethernet0.networkName = "management"
sharedFolder0.hostPath = "/"
log.fileName = "/vmfs/volumes/store1/log"
sched.swap.dir = "/vmfs/volumes/store1"
migrate.hostLog = "x.hlog"
extendedConfigFile = "x.vmxf"
guestinfo.word = "kept"
vmf.owner = "somebody else"
uuid.bios = "56 4d"
"""
BESIDE = {"own.vmx", "own.vmdk", "own-flat.vmdk", "own.nvram", "tools.iso"}


def taken(text=VMX, beside=frozenset(BESIDE)):
    return foreign.taken(vmx.read(text), beside, "vmf-a-m")


def test_what_describes_the_computer_counts_and_nothing_else():
    found = taken()
    assert found.lines == {
        "config.version": "8",
        "virtualhw.version": "13",
        "guestos": "windows9srv-64",
        "firmware": "efi",
        "nvram": "vmf-a-m.nvram",
        "scsi0.present": "TRUE",
        "scsi0.virtualdev": "lsisas1068",
        "scsi0:0.present": "TRUE",
        "scsi0:0.filename": "vmx0.vmdk",
        "scsi0:0.devicetype": "disk",
        "sata0.present": "TRUE",
        "sata0:1.present": "TRUE",
        "sata0:1.filename": "vmx0.iso",
        "sata0:1.devicetype": "cdrom-image",
        "guestinfo.word": "kept",
    }
    assert found.disks == {"vmx0.vmdk": "own.vmdk"}
    assert found.files == {"vmx0.iso": "tools.iso", "vmf-a-m.nvram": "own.nvram"}


@pytest.mark.parametrize(
    "name", ["/vmfs/volumes/store1/other/other.vmdk", "../other/other.vmdk", "gone.vmdk", "", "own-flat.vmdk/x", ".."]
)
def test_a_disk_that_is_not_in_the_folder_holds_the_job(name):
    with pytest.raises(JobFault, match="not in that folder") as caught:
        taken(VMX.replace(b"own.vmdk", name.encode()))
    assert caught.value.code is HoldCode.IMAGE_INVALID


def test_what_is_no_disk_is_none():
    with pytest.raises(JobFault, match=r"no \.vmdk"):
        taken(VMX.replace(b"own.vmdk", b"tools.iso"))


def test_a_drive_that_is_not_there_is_left_out():
    found = taken(VMX.replace(b'scsi0:0.present = "TRUE"', b'scsi0:0.present = "FALSE"'))
    assert found.disks == {}
    assert not [key for key in found.lines if key.startswith("scsi0:0")]


def test_a_machine_that_is_suspended_holds_the_job():
    with pytest.raises(JobFault, match="suspended"):
        taken(VMX + b'checkpoint.vmState = "own.vmss"\n')


def test_one_file_describes_a_machine_or_a_template():
    assert foreign.described(BESIDE) == "own.vmx"
    assert foreign.described({"t.vmtx", "t.vmdk"}) == "t.vmtx"
    for names in ({"a.vmdk"}, {"a.vmx", "b.vmx"}):
        with pytest.raises(JobFault, match=r"\.vmx"):
            foreign.described(names)
