from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.errors import JobFault
from vmf.hookspecs import OPTIONAL
from vmf.model import (
    Access,
    Boot,
    Connection,
    Disk,
    DiskFormat,
    Facts,
    File,
    Host,
    Job,
    Machine,
    MachineNic,
    NetworkType,
    Placement,
    Transport,
)
from vmf.plan import blueprint, explain
from vmf.plugins import Plugins
from vmf_xen import plugin
from vmf_xen.abilities import ABILITIES

GIB = 2**30
HOST = Host(name="x", type="xen")
MACHINE = Machine(name="m", memory=GIB, cpus=1, accelerator="xen", kernel="kernel")


@pytest.fixture
def plugins():
    return Plugins.load()


def placement(job, host):
    facts = Facts(identity="", memory=GIB, cpus=1, arch="x86_64", accelerator="xen")
    return Placement(job=job, host=host, facts=facts, reasons=())


def test_it_drives_hosts(plugins):
    (listed,) = (each for each in plugins.listed if each.name == "xen")
    assert (listed.error, listed.drives) == ("", True)
    assert plugins.types["xen"].capabilities == ABILITIES


def test_what_not_all_hypervisors_can_is_answered_exactly_where_it_is_declared():
    for verb, abilities in OPTIONAL.items():
        assert hasattr(plugin, verb) == bool(set(abilities) & ABILITIES.keys()), verb


def test_its_rules_are_among_those_of_lint(plugins):
    assert {"XEN201", "XEN203", "XEN204", "XEN205", "XEN206"} <= {each.rule.id for each in plugins.checks()}


def test_a_machine_that_xen_cannot_make_is_refused_before_anything_is_made():
    alone = MachineNic(type=NetworkType.NAT, mac="52:54:00:00:00:01")
    with pytest.raises(JobFault, match="keeps no machines apart"):
        plugin.review(placement(Job(name="j", memory=GIB), HOST), replace(MACHINE, nic=alone))
    plugin.review(placement(Job(name="j", memory=GIB), HOST), MACHINE)


def test_a_disk_that_travels_is_called_what_its_owner_calls_it():
    disk = Disk(file=File(path=Path("/home/me/b.qcow2")), format=DiskFormat.QCOW2, access=Access.READ)
    there = replace(HOST, connection=Connection(transport=Transport.TCP, address="127.0.0.1"))
    place = placement(Job(name="j", memory=GIB, disks=(disk,)), there)
    with pytest.raises(JobFault, match=r"^/home/me/b\.qcow2: on Xen only a raw disk"):
        plugin.review(place, blueprint(place, "m"))


@pytest.mark.parametrize(
    ("mode", "words", "told"),
    [("pv", "quiet", "quiet console=hvc0"), ("pvh", "console=hvc0 quiet", "console=hvc0 quiet"), ("hvm", "", "")],
)
def test_a_plan_shows_the_console_that_the_kernel_is_told_of(plugins, mode, words, told):
    settings = {"xen": {"mode": mode}}
    job = Job(name="j", memory=GIB, boot=Boot(kernel=File(path=Path("/k")), parameters=words), settings=settings)
    place = placement(job, HOST)
    machine, _ = plugins.amend(place, blueprint(place, "m"))
    assert machine.kernel_parameters == told
    assert {line.how for line in explain(place, machine) if line.what == "command line"} == ({told} if told else set())


def test_what_is_for_another_type_is_that_types_to_judge():
    elsewhere = Host(name="k", type="kvm")
    plugin.review(placement(Job(name="j", memory=GIB), elsewhere), replace(MACHINE, vnc=True))
    assert plugin.amend(placement(Job(name="j", memory=GIB), elsewhere), MACHINE) is None
