"""Many jobs at once go where they would have gone one by one."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from vmf.classad import World
from vmf.match import Rejection, match
from vmf.model import Claim, Facts, Host, Image, Job, Offer, Placement
from vmf.plan import Unplaced, place, plan

MIB = 2**20
RANKS = (None, "TARGET.TotalMemory", "-TARGET.Rack", 'TARGET.VM_Type == "kvm" ? 2 : 1', "TARGET.Nothing", "1/0")
REQUIREMENTS = (None, "TARGET.Rack < 3", 'TARGET.VM_Type == "XEN"', "Rack != 1 && TARGET.Cpus > 2", "TARGET.Nothing")
FACTS = Facts(identity="", memory=2**32, cpus=8, arch="x", accelerator="a")
STARTS = (None, "TARGET.RequestCpus < 2", "TARGET.Owner =!= 7")


def hosts(chance: random.Random) -> list[Offer | Rejection]:
    made = []
    for number in range(12):
        facts = Facts(
            identity="",
            memory=chance.randrange(2, 9) * 1000 * MIB,
            cpus=chance.randrange(1, 9),
            arch="x",
            accelerator="a",
        )
        host = Host(
            name=f"h{chance.randrange(100)}-{number}",
            type=chance.choice(("kvm", "xen")),
            machines=chance.choice((None, 2, 3)),
            start=chance.choice(STARTS),
            attributes={"Rack": str(chance.randrange(4))},
        )
        made.append(
            Offer(
                host=host,
                facts=facts,
                taken=Claim(memory=chance.randrange(3) * 500 * MIB, machines=chance.randrange(2)),
            )
        )
    return [*made, Rejection(host="lost", clause="usable", reason="no answer", passing=False)]


def job(chance: random.Random, number: int) -> Job:
    return Job(
        name=f"j{number}",
        image=Image(name="i"),
        memory=chance.randrange(100, 3000) * MIB + chance.randrange(2),
        cpus=chance.randrange(1, 4),
        types=chance.choice(((), (), ("kvm",))),
        requirements=chance.choice(REQUIREMENTS),
        rank=chance.choice(RANKS),
        attributes={"Owner": str(chance.randrange(6, 9))},
    )


@pytest.mark.parametrize("seed", range(25))
def test_a_plan_is_what_one_by_one_would_have_been(seed):
    chance = random.Random(seed)  # noqa: S311  # repeatable is the point
    offers, jobs = hosts(chance), [job(chance, number) for number in range(40)]
    planned = plan(jobs, offers, world=World())
    now = {each.host.name: each for each in offers if isinstance(each, Offer)}
    for each, found in zip(jobs, planned, strict=True):
        alone = place(each, match(each, (*now.values(), offers[-1]), world=World()))
        assert type(found) is type(alone)
        if isinstance(found, Placement):
            assert (found.host.name, found.reasons) == (alone.host.name, alone.reasons)
            offer = now[found.host.name]
            now[found.host.name] = replace(offer, taken=offer.taken + each.claim)
        else:
            assert (set(found.rejected), found.hopeless) == (set(alone.rejected), alone.hopeless)
    assert {type(each) for each in planned} == {Placement, Unplaced}


def test_expressions_see_the_hosts_as_they_are_before_the_plan():
    jobs = [
        Job(name=name, image=Image(name="i"), memory=MIB, requirements="TARGET.VM_Running == 0") for name in ("a", "b")
    ]
    planned = plan(jobs, [Offer(host=Host(name="h", type="kvm"), facts=FACTS)], world=World())
    assert [type(each) for each in planned] == [Placement, Placement]


def test_a_plan_gives_no_address_twice_on_a_host_and_charges_nobody_else():
    hosts = [Host(name="a", type="kvm", cpus=2), Host(name="z", type="kvm", start="false")]
    mac = {"JobVM_MACADDR": '"52:54:00:00:00:01"'}
    jobs = [Job(name=f"j{number}", image=Image(name="i"), memory=MIB, attributes=mac) for number in range(3)]
    planned = plan(jobs, [Offer(host=host, facts=FACTS) for host in hosts], world=World())
    assert [type(each) for each in planned] == [Placement, Unplaced, Unplaced]
    assert {each.reason for each in planned[2].rejected if each.host == "a"} == {
        "another job of this plan has the MAC address there"
    }
    assert not planned[2].hopeless
