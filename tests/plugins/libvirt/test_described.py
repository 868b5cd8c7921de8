from __future__ import annotations

from vmf.model import DiskFormat, Slice
from vmf_libvirt.described import (
    Disk,
    Layer,
    disks,
    has_generation,
    leaves_firmware,
    macs,
    with_firmware,
    with_generation,
)

DESCRIPTION = """<domain><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
  <source file='/m/disk0'><slices><slice type='storage' offset='0' size='4096'/></slices></source>
  <backingStore type='block'><format type='vmdk'/><source dev='/dev/sdb'/><backingStore/></backingStore>
  <target dev='vda' bus='virtio'/></disk>
<disk type='network' device='disk'><driver name='qemu' type='raw'/>
  <source protocol='nbd'><host transport='unix' socket='/r/1.nbd'/><reconnect delay='600'/></source>
  <target dev='vdb' bus='virtio'/></disk>
<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><target dev='sda' bus='scsi'/></disk>
<interface type='network'><mac address='52:54:00:AA:00:01'/></interface>
<interface type='user'/>
</devices></domain>"""


def test_disks_are_told_with_all_that_they_lie_on():
    overlay = Layer(file="/m/disk0", format=DiskFormat.QCOW2, part=Slice(offset=0, size=4096))
    base = Layer(file="/dev/sdb", format=DiskFormat.VMDK)
    served = Layer(file="/r/1.nbd", format=DiskFormat.RAW, served=True)
    assert disks(DESCRIPTION) == (
        Disk(name="vda", layers=(overlay, base)),
        Disk(name="vdb", layers=(served,)),
        Disk(name="sda", layers=(), writable=False),
    )


def test_cards_are_told_by_their_addresses():
    assert macs(DESCRIPTION) == ("52:54:00:aa:00:01",)


def test_a_machine_that_is_not_there_has_nothing():
    assert (disks(""), macs("")) == ((), ())


EFI = """<domain><os firmware='efi'><type>hvm</type><firmware><feature name='secure-boot' enabled='no'/></firmware>
<nvram>/m/nvram</nvram></os></domain>"""
COMMAND = """LC_ALL=C /usr/bin/qemu -name 'guest=a b'
-blockdev '{"driver":"file","filename":"/m/nvram","node-name":"libvirt-pflash1-storage"}'
-blockdev '{"driver":"file","filename":"/fw/OVMF CODE.fd","node-name":"libvirt-pflash0-storage"}'
-blockdev '{"node-name":"libvirt-pflash0-format","driver":"raw","file":"libvirt-pflash0-storage"}' -msg timestamp=on"""


def test_a_firmware_that_libvirt_has_yet_to_choose_is_named_as_it_would_start_it():
    assert leaves_firmware(EFI)
    assert with_firmware(EFI, COMMAND) == (
        "<domain><os><type>hvm</type><nvram>/m/nvram</nvram>"
        '<loader readonly="yes" type="pflash">/fw/OVMF CODE.fd</loader></os></domain>'
    )


def test_a_firmware_that_is_chosen_or_not_to_be_is_left():
    chosen = EFI.replace("<nvram>", "<loader>/fw/OVMF_CODE.fd</loader><nvram>")
    assert not any(map(leaves_firmware, ("", "<domain><os><type>hvm</type></os></domain>", chosen)))
    assert with_firmware(EFI, "qemu -msg timestamp=on") == EFI


def test_a_machine_s_generation_is_what_it_was_when_it_was_saved():
    defined, saved = (f"<domain><genid>{number}</genid></domain>" for number in ("new", "old"))
    assert has_generation(defined)
    assert not has_generation("<domain />")
    assert with_generation(defined, saved) == saved
    assert with_generation(defined, "<domain />") == defined
