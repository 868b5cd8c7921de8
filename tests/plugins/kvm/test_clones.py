from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from plugins.kvm.test_domain import GOLDEN, PLACE, TEMPLATE, WOKEN
from vmf.errors import HoldCode, JobFault
from vmf.model import Access, Bus, Firmware, MachineCdrom, MachineDisk, MachineShare, NetworkType
from vmf_kvm import clones
from vmf_kvm.domain import ELSEWHERE, xml
from vmf_kvm.nics import NAMESPACE

CARD = replace(WOKEN.nic, forwards=())


def asleep():
    return clones.asleep(xml(WOKEN, PLACE), WOKEN, WOKEN.wakes.memory, PLACE)


def test_a_machine_that_is_asleep_is_described_as_in_its_golden_file():
    found = asleep()
    assert found.description == (GOLDEN / "asleep.xml").read_text()
    assert found.volume == (GOLDEN / "plugged.xml").read_text()


def test_a_path_stays_a_path():
    domain = ET.fromstring(asleep().description)  # noqa: S314  # our own
    words = [each.get("value") for each in domain.iterfind(f"{{{NAMESPACE}}}commandline/{{{NAMESPACE}}}arg")]
    memory = json.loads(words[words.index("-object") + 1])
    assert (memory["mem-path"], memory["share"], memory["size"]) == (WOKEN.wakes.memory, False, WOKEN.memory)


def test_only_a_template_writes_to_its_memory():
    assert "&quot;share&quot;: true" in xml(TEMPLATE, PLACE)
    assert "&quot;share&quot;: true" not in xml(WOKEN, PLACE) + asleep().description


@pytest.mark.parametrize("path", ["devices/controller", "devices/disk[@device='cdrom']", "devices/serial", "cpu"])
def test_a_machine_has_the_devices_of_its_template_at_the_same_places(path):
    of_template, of_machine = (
        [(element.attrib, [each.attrib for each in element.iterfind("address")]) for element in domain.iterfind(path)]
        for domain in (ET.fromstring(xml(machine, PLACE)) for machine in (TEMPLATE, WOKEN))  # noqa: S314  # our own
    )
    assert of_template == of_machine != []


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (replace(TEMPLATE, nic=CARD), "neither a network card"),
        (replace(TEMPLATE, results=WOKEN.results), "neither a network card"),
        (replace(TEMPLATE, cdroms=(MachineCdrom(file="cdrom"),)), "drives of a template are empty"),
        (replace(TEMPLATE, cdroms=()), "has a CD-ROM drive"),
        (replace(TEMPLATE, shares=(MachineShare(name="x", folder="/x"),)), "cannot be plugged in"),
        (replace(TEMPLATE, disks=(replace(TEMPLATE.disks[0], bus=Bus.IDE),)), "on virtio or scsi"),
        (replace(TEMPLATE, cdroms=(MachineCdrom(bus=Bus.SATA),)), "on virtio or scsi"),
        (replace(TEMPLATE, disks=(replace(TEMPLATE.disks[0], access=Access.IN_PLACE),)), "written in place"),
        (replace(TEMPLATE, firmware=Firmware.UEFI), "UEFI"),
        (replace(WOKEN, nic=replace(CARD, type=NetworkType.NAT)), "network type user"),
        (replace(WOKEN, cpus=2), "does not have the devices"),
        (replace(WOKEN, memory=2**29), "does not have the devices"),
        (replace(WOKEN, disks=(*WOKEN.disks, *WOKEN.disks)), "does not have the devices"),
        (replace(WOKEN, cdroms=WOKEN.cdroms[:1]), "does not have the devices"),
        (replace(WOKEN, vnc=True), "does not have the devices"),
    ],
)
def test_what_can_be_no_template_or_cannot_wake_is_refused(machine, words):
    with pytest.raises(JobFault, match=words) as caught:
        xml(machine, PLACE)
    assert caught.value.code is HoldCode.MACHINE_INVALID
    assert caught.value.hint


@pytest.mark.parametrize("machine", [TEMPLATE, WOKEN])
def test_nobody_wakes_elsewhere(machine):
    with pytest.raises(JobFault, match="another computer"):
        xml(machine, ELSEWHERE)


def test_what_is_given_to_a_machine_that_wakes_is_no_part_of_its_hardware():
    disc = (MachineCdrom(file="another"), MachineCdrom(file="one"))
    disks = tuple(MachineDisk(file="/golden/disk", format=each.format) for each in WOKEN.disks)
    assert replace(WOKEN, cdroms=disc, nic=None, results=None, disks=disks).equipment == TEMPLATE.equipment
