"""What keeps a guest from waking, as far as that is known before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf import plan
from vmf.model import (
    CLONE,
    Boot,
    Cdrom,
    Disk,
    DiskFormat,
    Facts,
    File,
    Host,
    HostBoot,
    Image,
    Job,
    Layer,
    Placement,
    Platform,
    Warm,
)

DISK = Disk(file=File(path=Path("/d/box.raw")), format=DiskFormat.RAW)
LAYER = Layer(file=File(path=Path("/w/disk0.qcow2")), sha256="a" * 64)
JOB = Job(name="j", image=Image(name="box", disks=(DISK,)), memory=2**28, run="x")
HOST = Host(name="farm", type="fake")
FACTS = Facts(identity="1", memory=2**32, cpus=4, arch="x86_64", accelerator="tcg", version="7.2.0", vendor="Maker")
PLATFORM = Platform(type="fake", accelerator="tcg", version="7.2.0", machine="m", cpu="c")
PLACE = Placement(job=JOB, host=HOST, facts=FACTS, capabilities=(CLONE, "disk-layers"), reasons=())


def warm(**more):
    file = Layer(file=File(path=Path("/w/memory")), sha256="b" * 64)
    equipment = plan.template(plan.blueprint(PLACE, "t"), "t").equipment
    disks = (replace(DISK, layers=(LAYER,)),)
    known = {"golden": "5" * 32, "platform": PLATFORM, "equipment": equipment, "cold": (DISK,)}
    return Warm(**{**known, "memory": file, "state": file, "disks": disks, **more})


def why_not(place=PLACE, **more):
    given = warm(**more)
    placed = replace(place, job=plan.upon(place.job, given.disks))
    return plan.obstacle(placed, plan.blueprint(placed, "m"), given)


def test_a_machine_like_the_one_whose_memory_was_kept_wakes_on_the_disks_that_go_with_it():
    assert why_not() == ""
    machine = plan.waking(plan.blueprint(replace(PLACE, job=plan.upon(JOB, warm().disks)), "m"), warm())
    assert (machine.wakes.memory, machine.wakes.equipment) == ("/w/memory", machine.equipment)
    assert machine.disks[0].layers == ("/w/disk0.qcow2",)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"memory": 2**29}, "another size of memory"),
        ({"cpus": 2}, "another number of processors"),
        ({"disks": (DISK,)}, "other disks"),
        ({"cdrom": Cdrom(files=(File(path=Path("/x")),))}, "other CD-ROM drives"),
        ({"vnc": True}, "a screen"),
        ({"agent": True}, "agent"),
        ({"boot": Boot(kernel=File(path=Path("/k")))}, "booted in a way of its own"),
        ({"boot": Boot(kernel=File(path=Path("/k")), parameters="quiet")}, "booted in a way of its own"),
        ({"settings": {"fake": {"x": 1}}}, "words of its own"),
    ],
)
def test_a_job_that_wants_something_else_boots(changed, words):
    assert words in why_not(replace(PLACE, job=replace(JOB, **changed)))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"type": "kvm"}, "by type kvm, and host farm is of type fake"),
        ({"accelerator": "kvm"}, "by kvm, and host farm has tcg"),
        ({"version": "8.0.0"}, "by version 8.0.0, and host farm has 7.2.0"),
        ({"vendor": "Other"}, "on processors by Other, and host farm has those by Maker"),
    ],
)
def test_on_a_host_that_is_another_it_boots(made, words):
    assert words in why_not(platform=replace(PLATFORM, **made))


def test_processors_that_are_emulated_are_the_same_everywhere():
    assert why_not(platform=replace(PLATFORM, vendor="")) == ""
    assert why_not(platform=replace(PLATFORM, vendor="Maker")) == ""


def test_where_no_guest_can_wake_it_boots_and_the_host_s_own_reason_is_told():
    unable = replace(PLACE, capabilities=())
    assert why_not(unable) == "host farm: type fake cannot have guests wake"
    assert why_not(replace(unable, facts=replace(FACTS, missing={CLONE: "out of order"}))).endswith("out of order")


def test_a_host_that_boots_it_by_a_kernel_of_its_own_does_not_wake_it():
    own = replace(PLACE, host=replace(HOST, boot=HostBoot(kernel=File(path=Path("/k")))))
    assert why_not(own) == "it is to be booted in a way of its own"
