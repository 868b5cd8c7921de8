"""Guests without virtio, as Windows is: they boot by their own loaders and keep the guest contract on other devices."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from vmf import plan
from vmf.files import volume
from vmf.model import (
    MEBIBYTE,
    Boot,
    Bus,
    Clock,
    Disk,
    DiskFormat,
    Ending,
    Facts,
    File,
    Firmware,
    Host,
    Image,
    Job,
    Network,
    NetworkType,
    NicModel,
    Placement,
    Results,
)
from vmf.result import Said

pytestmark = pytest.mark.real

HOST = Host(name="here", type="kvm")
FACTS = Facts(identity="here", memory=2**30, cpus=1, arch="x86_64", accelerator="tcg", versions={})
SCRIPT = """
{
  ls /sys/bus/virtio/devices | wc -l
  basename "$(readlink /sys/class/net/eth0/device/driver)"
  [ -e /sys/firmware/efi ] && echo uefi || echo bios
  for drive in /sys/block/[sv]d* /sys/block/sr*; do cat "$drive/device/vendor"; done | sort -u
} >out
exit 3
"""


@pytest.mark.parametrize(
    "hardware",
    [
        ({"device": "hda"}, 0, Firmware.BIOS, NicModel.E1000),
        ({"bus": Bus.SATA}, 8, Firmware.UEFI, NicModel.E1000E),
    ],
    ids=["old", "new"],
)
def test_a_guest_without_virtio_keeps_the_contract(connection, host, put, wide_image, tmp_path, hardware):
    attached, others, firmware, card = hardware
    file = wide_image.kernel.path.with_name("boot.raw")
    disk = Disk(file=File(path=file), format=DiskFormat.RAW, **attached)
    job = Job(
        name="windows",
        image=Image(name="own-loader", disks=(disk,)),
        memory=256 * MEBIBYTE,
        disks=others * (replace(disk, file=wide_image.disks[0].file),),
        boot=Boot(firmware=firmware),
        clock=Clock.LOCAL,
        run=SCRIPT,
        network=Network(type=NetworkType.USER, model=card),
        results=Results(files=("out",)),
    )
    given, magic = put(connection, SCRIPT)
    machine = plan.blueprint(Placement(job=job, host=HOST, facts=FACTS, reasons=()), given.name)
    connection.create(machine)
    assert host.until_off(connection, machine.name).ending is Ending.SHUTDOWN
    with connection.fetch(machine.name, "results") as results:
        limits = volume.Limits(bytes=MEBIBYTE)
        word = volume.read(results, magic=magic, wanted=("out",), folder=tmp_path, limits=limits)
    assert (word.said, word.exit_code) == (Said.ALL, 3)
    assert (tmp_path / "out").read_text().split() == ["0", card, firmware, "ATA", "QEMU"]
