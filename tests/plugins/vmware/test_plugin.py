from __future__ import annotations

import pytest
from msgspec.structs import replace

from vmf.errors import JobFault
from vmf.model import DiskFormat, Facts, Host, Image, Job, Machine, MachineDisk, Placement
from vmf.plugins import Plugins

MACHINE = Machine(
    name="m", memory=2**28, cpus=1, accelerator="vmware", disks=(MachineDisk(file="image0", format=DiskFormat.RAW),)
)


@pytest.fixture
def plugins():
    return Plugins.load()


@pytest.fixture
def placement():
    job = Job(name="j", image=Image(name="i"), memory=2**28)
    facts = Facts(identity="x", memory=2**30, cpus=1, arch="x86_64", accelerator="vmware")
    return Placement(job=job, host=Host(name="lab", type="vmware"), facts=facts, reasons=())


def test_it_drives_hosts(plugins):
    (listed,) = (each for each in plugins.listed if each.name == "vmware")
    assert (listed.error, listed.drives) == ("", True)
    assert "soft-suspend" not in plugins.types["vmware"].capabilities


def test_its_rules_are_among_those_of_lint(plugins):
    assert {"VMW201", "VMW205", "VMW206", "VMW207"} <= {each.rule.id for each in plugins.checks()}


def test_a_machine_is_judged_before_anything_of_it_is_made(plugins, placement):
    plugins.review(placement, MACHINE)
    for wrong in (replace(MACHINE, vnc=True), replace(MACHINE, settings={"vmx": {"serial1.fileName": "x"}})):
        with pytest.raises(JobFault):
            plugins.review(placement, wrong)
        plugins.review(replace(placement, host=Host(name="fake", type="fake")), wrong)
