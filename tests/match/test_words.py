from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.classad import World
from vmf.match import match
from vmf.model import Checkpoint, Claim, Facts, File, Host, Image, Job, Network, NetworkType, Offer

GIB = 2**30
JOB = Job(name="j", image=Image(name="i", kernel=File(path=Path("/k"))), memory=GIB, cpus=2)
FACTS = Facts(identity="", memory=4 * GIB, cpus=4, arch="x86_64", accelerator="tcg")


def reason(start: str | None = None, host: dict[str, str] | None = None, **wishes: object) -> str:
    """Why a job with these wishes is out on a host with this policy and these attributes."""
    there = Offer(host=Host(name="h", type="kvm", start=start, attributes=host or {}), facts=FACTS, taken=Claim())
    (rejection,) = match(replace(JOB, **wishes), [there], world=World(now=7)).rejected
    return rejection.reason


@pytest.mark.parametrize(
    ("requirements", "told"),
    [
        ("TARGET.Memory >= 8192", "`TARGET.Memory >= 8192` is false: host has Memory 4096"),
        ("Memory > 9999 && Arch == 1", "`Memory > 9999` is false: host has Memory 4096"),
        ("TARGET.Rack == 3", "`TARGET.Rack == 3` is false: host has Rack 4"),
        ("Now > 8", "`Now > 8` is false: host has Now 7"),
        ("Memory < MY.Need", "`Memory < MY.Need` is false: host has Memory 4096, job has Need 3"),
        ("RequestMemory > 5000", "`RequestMemory > 5000` is false: job has RequestMemory 1024"),
        ("TARGET.Arch + 1", '`TARGET.Arch + 1` is an error: host has Arch "X86_64"'),
        ("TARGET.Arch", '`TARGET.Arch` is "X86_64": host has Arch "X86_64"'),
        ("TARGET.Memory - 4096", "`TARGET.Memory - 4096` is 0: host has Memory 4096"),
        ("false", "`false` is false"),
        ('Arch =?= "a"', '`Arch =?= "a"` is false: host has Arch "X86_64"'),
        ("Rack > 9 || rack < 1", "`Rack > 9 || rack < 1` is false: host has Rack 4"),
        ("{1,2}[TARGET.Rack - 3] == 1", "`{ 1,2 }[TARGET.Rack - 3] == 1` is false: host has Rack 4"),
    ],
)  # fmt: skip
def test_a_clause_is_told_with_what_it_is_worth_and_what_it_saw(requirements, told):
    assert (
        reason(host={"Rack": "2 + 2", "Now": "time()"}, attributes={"Need": "1 + 2"}, requirements=requirements) == told
    )


@pytest.mark.parametrize(
    ("requirements", "told"),
    [
        ("TARGET.Memroy > 1", "host has no Memroy; did you mean Memory?"),
        ("memroy > 1", "host has no memroy; did you mean Memory?"),
        ("RequestMemroy > 1", "host has no RequestMemroy; did you mean RequestMemory?"),
        ("MY.RequestMemroy > 1", "job has no RequestMemroy; did you mean RequestMemory?"),
        ("TARGET.Colour > 1", "host has no Colour"),
        ("TARGET.'a b' > 1", "host has no 'a b'"),
    ],
)
def test_an_attribute_that_is_missing_is_told_with_the_near_name(requirements, told):
    assert reason(requirements=requirements) == f"`{requirements}` is undefined: {told}"


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("TARGET.RequestMemory < 1000", "`TARGET.RequestMemory < 1000` is false: job has RequestMemory 1024"),
        ("Cpus < RequestCpus", "`Cpus < RequestCpus` is false: host has Cpus 4, job has RequestCpus 2"),
        (
            "RequestMemroy < 1",
            "`RequestMemroy < 1` is undefined: job has no RequestMemroy; did you mean RequestMemory?",
        ),
        ("MY.Cpu < 1", "`MY.Cpu < 1` is undefined: host has no Cpu; did you mean Cpus?"),
    ],
)
def test_a_hosts_own_clause_is_told_from_the_hosts_side(start, told):
    assert reason(start) == f"the host's own {told}"


def test_what_ads_hold_cannot_control_a_terminal():
    told = reason(host={"Colour": '"\x1b[31m\u202e"'}, requirements="TARGET.Colour == 3", types=("kvm",))
    assert told.isascii()
    assert told.isprintable()
    assert reason(types=("\x1b[31mkvm",)).isprintable()


@pytest.mark.parametrize(
    "name", ["CurrentTime", "TARGET.CurrentTime", "MY.Self.JobUniverse", "TARGET.other.JobUniverse"]
)
def test_a_name_with_a_meaning_of_its_own_is_not_missing(name):
    assert reason(requirements=f"{name} < 0") == f"`{name} < 0` is false"


def test_an_attribute_that_is_named_like_one_is_told():
    assert reason(host={"Root": "3"}, requirements="TARGET.Root > 3").endswith("is false: host has Root 3")


def test_a_long_value_is_told_by_its_ends():
    told = reason(host={"Colour": f'"{"r" * 999}ed"'}, requirements='TARGET.Colour == "red"')
    assert 'host has Colour "rrr' in told
    assert told.endswith('rrred"')
    assert len(told) < 300


def test_of_disk_space_that_the_host_says_nothing_of_the_field_is_named():
    assert reason(disk_space=GIB) == "spec.disk_space: the host does not say how much disk space it has"


VNC = "spec.vnc needs the ability vnc"
CHECKPOINT = "spec.checkpoint needs the ability checkpoint"
NAT = "spec.network.type needs the network nat"


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"vnc": True}, f"{VNC}, which the host does not have"),
        ({"vnc": True, "checkpoint": Checkpoint()}, f"{CHECKPOINT}, {VNC}: the host has neither"),
        ({"vnc": True, "network": Network()}, f"spec.network needs a network, {VNC}: the host has neither"),
        ({"vnc": True, "network": Network(type=NetworkType.NAT)}, f"{NAT}, {VNC}: the host has neither"),
        (
            {"vnc": True, "checkpoint": Checkpoint(), "network": Network(type=NetworkType.NAT)},
            f"{NAT}, {CHECKPOINT}, {VNC}: the host has none of them",
        ),
        ({"vnc": True, "checkpoint": Checkpoint(), "types": ("xen",)}, "type xen wanted, host is kvm"),
    ],
)
def test_all_that_a_host_cannot_do_is_told_at_once(wishes, told):
    assert reason(**wishes) == told
