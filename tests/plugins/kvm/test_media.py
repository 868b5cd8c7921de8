from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from vmf.model import Bus, Machine, MachineCdrom
from vmf_kvm import media
from vmf_kvm.domain import xml
from vmf_kvm.place import Place

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


def test_a_drive_that_is_not_there(description):
    assert media.changed(description, 3, "/new") == ""
