from __future__ import annotations

import math
import random

import pytest

from match import tree
from match.writer import ad
from vmf.classad import ListValue, World, evaluate, parse
from vmf.match.placing import Exclusive, Resource
from vmf.match.pool import Pool

RESOURCES = (
    Resource(name="memory", want="Want", room="Room"),
    Resource(name="slots", want=1, room="Slots"),
    Exclusive(name="address", want="Brings", taken="Has"),
    Exclusive(name="disk", want="Disk", taken="Disks"),
)
NUMBERS = [
    "0",
    "1",
    "2",
    "2.5",
    "3.7",
    "-1",
    "1e300",
    'real("INF")',
    'real("NaN")',
    "true",
    '"2"',
    "undefined",
    "error",
    "",
]
HOST = {
    "Room": [*NUMBERS, "4", "8", "9223372036854775807", *["2 * Base"] * 6],
    "Base": ["1", "2"],
    "Slots": ["1", "2", "3"],
    "Busy": [*NUMBERS, "0", "0"],
    "Tier": ["1", "1", "2", "2.0", "true", 'real("INF")', 'real("-INF")', 'real("NaN")', '"a"', "-0.0", ""],
    "Arch": ['"x"', '"X"', '"y"'],
    "Has": ['{"aa", "Bb"}', '"aa"', "{}", '{1, "cc", undefined}', "{Arch}", "7", ""],
    "Disks": ['{"aa"}', ""],
    "Requirements": ["", "true", "TARGET.Want < 3"],
}
JOB = {
    "Want": [*NUMBERS, "0", "1", "1"],
    "Brings": ['{"AA"}', '{"bb", "x"}', '"CC"', "{}", "", ""],
    "Disk": ['"aa"', "", "", ""],
    "Requirements": ["true", 'TARGET.Arch == "x"', "TARGET.Room >= MY.Want", ""],
    "Rank": ["0", "TARGET.Tier", "-TARGET.Tier", "TARGET.Room", "TARGET.Tier / 0.0", ""],
}


def written(choose, choices):
    return ad({name: choose.choice(texts) for name, texts in choices.items()})


def whole(ad, name, rounded):
    """An amount as a whole number: of what is none, nothing."""
    value = evaluate(parse(name), ad)
    if type(value) not in (int, float) or not math.isfinite(value):
        return 0
    return min(max(rounded(value), 0), 2**63 - 1)


def strings(ad, name):
    value = evaluate(parse(name), ad)
    values = value.values(value.scope) if isinstance(value, ListValue) else [value]
    return {each.lower() for each in values if isinstance(each, str)}


class Greedy:
    """Each job by itself, in its turn, looks at every host."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.room = [whole(host, "Room", math.floor) for host in hosts]
        self.slots = [whole(host, "Slots", math.floor) for host in hosts]
        self.machines = [whole(host, "Busy", math.floor) for host in hosts]
        self.there = [(strings(host, "Has"), strings(host, "Disks")) for host in hosts]

    def place(self, job):
        want, brings = whole(job, "Want", math.ceil), (strings(job, "Brings"), strings(job, "Disk"))
        ranks = tree.ranks(job, self.hosts)
        fitting = [
            (-ranks[host], self.machines[host], host)
            for host, fits in enumerate(tree.fits(job, self.hosts))
            if fits and self.room[host] >= want and self.slots[host] >= 1
            if not any(one & other for one, other in zip(brings, self.there[host], strict=True))
        ]
        if not fitting:
            return -1
        *_, host = min(fitting)
        self.room[host] -= want
        self.slots[host] -= 1
        self.machines[host] += 1
        for one, other in zip(brings, self.there[host], strict=True):
            other.update(one)
        return host


@pytest.mark.parametrize("seed", range(30))
def test_jobs_are_placed_as_if_each_looked_at_every_host(seed):
    choose = random.Random(seed)  # noqa: S311  # a run is repeated by its seed
    hosts = [written(choose, HOST) for _ in range(12)]
    kinds = [written(choose, JOB) for _ in range(8)]
    jobs = [choose.choice(kinds) for _ in range(30)]
    greedy = Greedy(hosts)
    expected = [greedy.place(job) for job in jobs]
    places = Pool(hosts, world=World()).place(jobs, RESOURCES, cost="Busy").tolist()
    assert places == expected
    assert max(places) >= 0


def place(jobs, hosts, **options):
    resources = (Resource(name="slots", want=1, room="Slots"),)
    return (
        Pool([ad(host) for host in hosts], world=World())
        .place([ad(job) for job in jobs], resources, **options)
        .tolist()
    )


def test_what_is_better_goes_first_then_what_is_emptier_then_what_comes_first():
    hosts = [
        {"Slots": "2", "Tier": tier, "Busy": busy} for tier, busy in (("1", "0"), ("2", "1"), ("2", "0"), ("2", "0"))
    ]
    assert place([{"Rank": "TARGET.Tier"}] * 9, hosts, cost="Busy") == [2, 3, 1, 2, 3, 1, 0, 0, -1]
    assert place([{"Rank": "TARGET.Tier"}] * 9, hosts) == [1, 2, 3, 1, 2, 3, 0, 0, -1]


def test_every_host_is_found_however_many_are_full():
    hosts = [{"Slots": "1", "Tier": str(1000 - n)} for n in range(300)]
    jobs = [{"Rank": f"TARGET.Tier + {n}"} for n in range(301)]
    assert place(jobs, hosts) == [*range(300), -1]
    assert place(jobs[:1] * 299 + jobs[1:], hosts[::-1]) == [*reversed(range(300)), *[-1] * 299]


def test_a_queue_goes_on_past_hosts_that_others_have_filled():
    hosts = [{"Slots": "1", "Tier": str(1000 - n)} for n in range(200)]
    one, other = {"Rank": "TARGET.Tier"}, {"Rank": "TARGET.Tier + 1"}
    assert place([one, *[other] * 150, one, other], hosts) == [*range(153)]


def test_expressions_see_the_hosts_as_they_were_at_the_beginning():
    assert place([{"Requirements": "TARGET.Slots == 2"}] * 3, [{"Slots": "2"}]) == [0, 0, -1]


def test_no_jobs_no_hosts_and_no_resources():
    assert place([], [{"Slots": "1"}]) == []
    assert place([{}], []) == [-1]
    assert Pool([ad({})], world=World()).place([ad({})] * 2, ()).tolist() == [0, 0]
