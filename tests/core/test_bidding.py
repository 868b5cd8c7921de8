"""What hosts ask: the paper's cost, the seconds of measured history; and who gets the job."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.blueprint import blueprint
from vmf.classad import World
from vmf.errors import Refused
from vmf.match import match
from vmf.match.bidding import Known, Toil
from vmf.model import (
    Bid,
    Claim,
    Connection,
    Disk,
    DiskFormat,
    Facts,
    File,
    Host,
    HostBoot,
    Image,
    Job,
    Offer,
    Pace,
    Placement,
    Transport,
    Work,
)
from vmf.plan import Unplaced, auctioned, explain, place, plan

MIB = 2**20
KERNEL, DISK = File(path=Path("/k")), File(path=Path("/d"))
JOB = Job(
    name="j",
    image=Image(name="i", kernel=KERNEL, disks=(Disk(file=DISK, format=DiskFormat.RAW),)),
    memory=256 * MIB,
)
SIZES = {KERNEL: 10 * MIB, DISK: 90 * MIB}
ELSEWHERE = Connection(transport=Transport.SSH, address="h")
STAGED = {Work.STAGE: Pace(amount=50 * MIB, seconds=2.0)}
STARTED = {Work.BOOT: Pace(amount=2, seconds=6.0)}


def offer(name="h", *, memory=1024, taken=0, paces=None, **policy):
    facts = Facts(identity="", memory=memory * MIB, cpus=64, arch="x", accelerator="a")
    host = Host(name=name, type="kvm", **policy)
    return Offer(host=host, facts=facts, taken=Claim(memory=taken * MIB), paces=paces or {})


def matched(*offers, job=JOB):
    return match(job, offers, world=World(), known=Known(size=SIZES.__getitem__))


def test_the_hosts_of_the_paper_ask_what_they_ask_there():
    """Slide 18 of VMPlants: a guest of 256 MiB, on hosts with guests of 256 MiB each."""
    hosts = (
        offer("vws010", memory=512, taken=256),
        offer("vws005", memory=1024, taken=512),
        offer("vws002", memory=512, taken=256),
    )
    fitting = matched(*hosts).fitting
    assert {each.offer.host.name: each.bid.cost for each in fitting} == {"vws010": 1.0, "vws005": 0.5, "vws002": 1.0}
    assert [each.offer.host.name for each in fitting] == ["vws005", "vws002", "vws010"]
    assert fitting[0].bid.cost_of == ("memory 256 MiB of 512 MiB that no guest has",)


def test_without_room_there_is_no_bid():
    found = matched(offer(memory=512, taken=384))
    assert (found.fitting, [each.clause for each in found.rejected]) == ((), ["free memory"])


@pytest.mark.parametrize(
    ("paces", "policy", "seconds", "told"),
    [
        ({}, {}, 0.0, ("10 MiB to bring, nobody knows how fast", "nobody knows how fast a guest boots")),
        (STARTED, {}, 3.0, ("10 MiB to bring, nobody knows how fast", "a guest boots in 3.0s")),
        (STAGED, {}, 0.4, ("10 MiB to bring: 0.4s", "nobody knows how fast a guest boots")),
        ({**STAGED, **STARTED}, {"connection": ELSEWHERE}, 7.0, ("100 MiB to bring: 4.0s", "a guest boots in 3.0s")),
    ],
)
def test_the_seconds_are_what_the_host_still_has_to_do_as_it_was_seen_to_work(paces, policy, seconds, told):
    (found,) = matched(offer(paces=paces, **policy)).fitting
    assert (found.bid.seconds, found.bid.seconds_of) == (pytest.approx(seconds), told)


@pytest.mark.parametrize(
    ("toil", "told"),
    [
        (Toil(measured=1, seconds=2), "1 step: 2.0s"),
        (Toil(measured=2, seconds=2, unmeasured=1), "3 steps: 2.0s, without 1 that nobody has measured"),
        (Toil(unmeasured=2), "2 steps that nobody has measured"),
    ],
)
def test_the_steps_that_are_left_are_a_part_of_the_seconds(toil, told):
    known = Known(toil=lambda job: toil if job == JOB else Toil())
    for paces, seconds in (({}, 0), (STARTED, 3)):
        (found,) = match(JOB, [offer(paces=paces)], world=World(), known=known).fitting
        assert (found.bid.seconds, found.bid.seconds_of[-1]) == (seconds + toil.seconds, told)


def test_a_guest_that_wakes_is_told_from_one_that_boots():
    known = Known(beginning=lambda _, there: Work.WAKE if there.host.boot is None else Work.BOOT)
    boots = {"boot": HostBoot(kernel=KERNEL)}
    awake = {**STARTED, Work.WAKE: Pace(amount=2, seconds=1)}
    for paces, seconds, told in (
        (STARTED, 0, "nobody knows how fast a guest wakes"),
        (awake, 0.5, "a guest wakes in 0.5s"),
    ):
        (found,) = match(JOB, [offer(paces=paces)], world=World(), known=known).fitting
        assert (found.bid.seconds, found.bid.seconds_of[-1]) == (seconds, told)
    (found,) = plan([JOB], [offer("a", paces=awake, **boots), offer("b", paces=awake)], world=World(), known=known)
    assert (found.host.name, found.bid.seconds) == ("b", 0.5)


def test_of_hosts_that_ask_alike_the_one_with_less_to_do_is_taken_and_the_cost_comes_first():
    slow, quick = offer("a", paces={Work.BOOT: Pace(amount=1, seconds=9)}), offer("b", paces=STARTED)
    assert [each.offer.host.name for each in matched(slow, quick).fitting] == ["b", "a"]
    emptier = offer("a", memory=2048, paces=slow.paces)
    assert [each.offer.host.name for each in matched(emptier, quick).fitting] == ["a", "b"]


def test_the_latest_of_what_was_seen_counts_most():
    pace = Pace(amount=1, seconds=8).after(None)
    for _ in range(20):
        pace = Pace(amount=1, seconds=2).after(pace)
    assert pace.each == pytest.approx(2, rel=0.01)


def read(job, offers):
    """Where a job goes: the least by (-rank, cost, seconds, name), worked out anew of each host."""
    keys = []
    for each in match(job, offers, world=World()).fitting:
        there = each.offer
        bytes_ = SIZES[KERNEL] + (job.bundle.disks[0].file == DISK and there.host.elsewhere) * SIZES[DISK]
        amounts = {Work.STAGE: float(bytes_), Work.BOOT: 1.0}
        seconds = sum(amounts[work] * (pace.seconds / pace.amount) for work, pace in sorted(there.paces.items()))
        cost = Fraction(job.memory // MIB, there.facts.memory // MIB - there.taken.memory // MIB)
        keys.append((-each.rank, cost, seconds, there.host.name))
    return min(keys)[-1] if keys else None


def sometimes(choose, *values):
    return choose.choice((None, *values))


def drawn(choose):
    """Hosts and jobs of few kinds, so that many hosts are alike up to the last key."""
    paces = [{}, STAGED, STARTED, {Work.STAGE: Pace(amount=MIB, seconds=0.1), **STARTED}]
    offers = [
        offer(
            f"h{choose.randrange(100):02}-{number}",
            memory=choose.choice((1024, 1536)),
            taken=choose.choice((0, 256)),
            paces=choose.choice(paces),
            connection=choose.choice((Connection(), ELSEWHERE)),
            machines=sometimes(choose, 2),
            attributes={"Tier": str(choose.randrange(2))},
        )
        for number in range(10)
    ]
    there = Disk(file=replace(DISK, on_host=True), format=DiskFormat.RAW)
    jobs = [
        replace(
            JOB,
            name=f"j{number}",
            memory=choose.choice((128, 256)) * MIB,
            rank=sometimes(choose, "TARGET.Tier", "-TARGET.VM_Running"),
            image=replace(JOB.image, disks=choose.choice((JOB.image.disks, (there,)))),
        )
        for number in range(50)
    ]
    return jobs, offers


def names(planned):
    return [each.host.name if isinstance(each, Placement) else None for each in planned]


@pytest.mark.parametrize("seed", range(20))
def test_each_job_goes_where_rank_cost_seconds_and_name_are_least(seed):
    choose = random.Random(seed)  # noqa: S311  # repeatable is the point
    jobs, offers = drawn(choose)
    known = Known(size=lambda file: 0 if file.on_host else SIZES[file])
    planned = plan(jobs, offers, world=World(), known=known)
    now = {each.host.name: each for each in offers}
    expected = []
    for job in jobs:
        seen = replace(job, rank=None if job.rank == "-TARGET.VM_Running" else job.rank)  # the plan sees none begin
        chosen = read(seen, tuple(now.values()))
        expected.append(chosen)
        if chosen:
            now[chosen] = replace(now[chosen], taken=now[chosen].taken + job.claim)
    assert names(planned) == expected
    assert None in expected
    assert len(set(expected)) > 5


@pytest.mark.parametrize("seed", range(5))
def test_plugins_bids_decide_within_a_rank_in_a_plan_and_one_by_one(seed):
    choose = random.Random(seed)  # noqa: S311  # as above
    jobs, offers = drawn(choose)
    prices = {each.host.name: choose.randrange(3) for each in offers}

    def ask(placement):
        name = placement.host.name
        if prices[name] == 0:
            raise Refused("not today")
        return None if prices[name] == 1 else Bid(cost=0.01, seconds=float(name[1:3]))

    planned = plan(jobs, offers, world=World(), ask=ask)
    now = {each.host.name: each for each in offers}
    for job, found in zip(jobs, planned, strict=True):
        seen = replace(job, rank=None if job.rank == "-TARGET.VM_Running" else job.rank)
        alone = place(seen, match(seen, tuple(now.values()), world=World()), ask)
        assert type(found) is type(alone)
        if isinstance(alone, Placement):
            assert (found.host.name, found.bid) == (alone.host.name, alone.bid)
            assert prices[found.host.name] > 0
            now[found.host.name] = replace(now[found.host.name], taken=now[found.host.name].taken + job.claim)
    assert {each.bid.cost == 0.01 for each in planned if isinstance(each, Placement)} == {True, False}


def refuse(_):
    raise Refused("the power is dear")


def test_a_job_for_which_nobody_bids_waits_and_is_told_why():
    for found in (place(JOB, matched(offer()), refuse), plan([JOB], [offer()], world=World(), ask=refuse)[0]):
        assert isinstance(found, Unplaced)
        assert [each.reason for each in found.rejected] == ["it does not bid: the power is dear"]
        assert not found.hopeless


def test_hosts_of_a_lower_rank_are_asked_only_if_none_before_bids():
    hosts = [offer(name, attributes={"Tier": tier}) for name, tier in (("a", "1"), ("b", "2"), ("c", "2"), ("d", "3"))]
    ranked, asked = replace(JOB, rank="TARGET.Tier"), []

    def ask(placement):
        asked.append(placement.host.name)
        if placement.host.name == "d":
            raise Refused("full")
        return Bid(cost=1 if placement.host.name == "c" else 2)

    assert place(ranked, matched(*hosts, job=ranked), ask).host.name == "c"
    assert asked == ["d", "b", "c"]
    all_ = auctioned(ranked, matched(*hosts, job=ranked), ask)
    assert [each.offer.host.name for each in all_.fitting] == ["c", "b", "a"]
    assert [each.host for each in all_.rejected] == ["d"]


def test_a_plan_shows_the_bid_and_what_it_is_made_of():
    (found,) = plan([JOB], [offer(paces=STARTED)], world=World(), known=Known(size=SIZES.__getitem__))
    lines = {line.what: (line.how, line.why) for line in explain(found, blueprint(found, "m"))}
    assert lines["bid"] == (
        "cost 0.25, then 3.0s",
        "memory 256 MiB of 1 GiB that no guest has; 10 MiB to bring, nobody knows how fast; a guest boots in 3.0s",
    )
    (found,) = plan([JOB], [offer()], world=World(), ask=lambda _: Bid(cost=7))
    lines = {line.what: (line.how, line.why) for line in explain(found, blueprint(found, "m"))}
    assert lines["bid"] == ("cost 7, then 0.0s", "a plugin says so")
