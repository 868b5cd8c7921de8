from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from vmf.errors import JobFault
from vmf.model import Bus, Machine, MachineCdrom
from vmf_kvm import media
from vmf_kvm.domain import xml
from vmf_kvm.place import Place
from vmf_libvirt.errors import LibvirtFault

CDROMS = (
    MachineCdrom(file="cdrom", bus=Bus.SATA, device="sdb"),
    MachineCdrom(file="files", bus=Bus.SATA, device="sda"),
    MachineCdrom(bus=Bus.SCSI),
)


@pytest.fixture
def description(tmp_path):
    machine = Machine(name="m", memory=2**28, cpus=1, accelerator="tcg", cdroms=CDROMS)
    return xml(machine, Place(folder=tmp_path, sockets=tmp_path))


@pytest.mark.parametrize(("drive", "device"), [(0, "sdb"), (1, "sda"), (2, "sdc")])
def test_a_drive_is_found_by_its_place_among_the_machine_s(description, drive, device):
    changed = ET.fromstring(media.changed(description, drive, "/new <disc>"))  # noqa: S314  # our own
    assert changed.find("target").get("dev") == device
    assert [each.get("file") for each in changed.iter("source")] == ["/new <disc>"]


def test_an_empty_drive_has_no_source(description):
    changed = ET.fromstring(media.changed(description, 1, ""))  # noqa: S314  # our own
    assert (changed.find("source"), changed.find("backingStore")) == (None, None)


def test_what_is_in_the_drives_is_told(description, tmp_path):
    assert media.discs(description, tmp_path) == {0: "cdrom", 1: "files"}
    assert media.discs(description, tmp_path / "elsewhere")[1] == str(tmp_path / "files")
    assert media.discs("", tmp_path) == {}


def test_a_drive_that_is_not_there(description):
    assert media.changed(description, 3, "/new") == ""


class Client:
    """libvirt, which has one machine and says this when its drive is to be changed."""

    def __init__(self, description, says=None):
        self.described, self.says = description, says

    def description(self, machine):
        return self.described if machine == "m" else ""

    def update(self, _machine, _device):
        if self.says:
            raise LibvirtFault(self.says)


def test_a_guest_that_holds_on_is_told_apart_from_what_else_goes_wrong(description):
    media.change(Client(description), "m", 0, "/new")
    with pytest.raises(JobFault, match="the guest of m holds on to the disc in drive 0"):
        media.change(Client(description, "operation failed: timed out waiting to open tray of 'sdb'"), "m", 0, "")
    with pytest.raises(LibvirtFault, match="no room"):
        media.change(Client(description, "no room"), "m", 0, "")
    for machine, drive in (("m", 3), ("n", 0)):
        with pytest.raises(JobFault, match=f"machine {machine} has no drive {drive}"):
            media.change(Client(description), machine, drive, "")


def test_a_guest_that_closes_the_tray_in_between_is_forestalled(description):
    class Closing(Client):
        def update(self, _machine, device):
            said, self.says = self.says, None
            self.device = device
            if said:
                raise LibvirtFault(said)

    client = Closing(description, "unable to execute QEMU command 'x': Tray of the device is not open")
    media.change(client, "m", 0, "/new")
    assert "/new" in client.device
