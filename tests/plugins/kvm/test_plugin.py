from __future__ import annotations

import pytest

from vmf.errors import HoldCode, JobFault
from vmf.model import MEBIBYTE, Bus, DiskFormat, Facts, Host, Job, Machine, MachineDisk, Placement
from vmf.plugins import Plugins

FACTS = Facts(identity="here", memory=2**30, cpus=1, arch="x86_64", accelerator="tcg")
IDE = MachineDisk(file="/images/a.raw", format=DiskFormat.RAW, bus=Bus.IDE)


@pytest.fixture
def review():
    """Asks all plugins about a machine with so many IDE disks on a host of this type."""
    plugins, job = Plugins.load(), Job(name="j", memory=MEBIBYTE)

    def review(type_, number):
        machine = Machine(name="m", memory=MEBIBYTE, cpus=1, accelerator="tcg", disks=number * (IDE,))
        plugins.review(Placement(job=job, host=Host(name="h", type=type_), facts=FACTS, reasons=()), machine)

    return review


def test_a_machine_that_cannot_be_is_forbidden_before_anything_is_made_of_it(review):
    review("kvm", 4)
    with pytest.raises(JobFault, match="IDE has four places") as caught:
        review("kvm", 5)
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_machines_of_other_hypervisors_are_left_to_them(review):
    review("fake", 5)
