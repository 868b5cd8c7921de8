from __future__ import annotations

import math
import random

import numpy as np
import pytest

from match import tree
from match.writer import ad
from vmf.classad import ListValue, World, evaluate, parse
from vmf.match import brokers
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
        self.there = [(strings(host, "Has"), strings(host, "Disks")) for host in hosts]

    def place(self, job, waits):
        want, brings = whole(job, "Want", math.ceil), (strings(job, "Brings"), strings(job, "Disk"))
        ranks = tree.ranks(job, self.hosts)
        fitting = [
            (-ranks[host], -self.room[host], waits and waits[host], host)
            for host, fits in enumerate(tree.fits(job, self.hosts))
            if fits and self.room[host] >= want and self.slots[host] >= 1
            if not any(one & other for one, other in zip(brings, self.there[host], strict=True))
        ]
        if not fitting:
            return -1
        *_, host = min(fitting)
        self.room[host] -= want
        self.slots[host] -= 1
        for one, other in zip(brings, self.there[host], strict=True):
            other.update(one)
        return host


class Waits:
    """For each job the seconds of each host; of those that jobs give the same few, so that some are alike."""

    def __init__(self, choose, jobs, hosts):
        kinds = [[choose.choice((0.0, 0.5, 2.0)) for _ in hosts] for _ in range(3)]
        self.amounts = [choose.randrange(3) for _ in jobs]
        self.of = [kinds[kind] for kind in self.amounts]

    def seconds(self, job):
        return np.array(self.of[job])


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("most", [2, brokers.MOST])
@pytest.mark.parametrize("seed", range(15))
def test_jobs_are_placed_as_if_each_looked_at_every_host(monkeypatch, seed, most, waiting):
    monkeypatch.setattr(brokers, "FEW", 2)
    monkeypatch.setattr(brokers, "MOST", most)
    choose = random.Random(seed)  # noqa: S311  # a run is repeated by its seed
    hosts = [written(choose, HOST) for _ in range(12)]
    kinds = [written(choose, JOB) for _ in range(8)]
    jobs = [choose.choice(kinds) for _ in range(30)]
    waits = Waits(choose, jobs, hosts) if waiting else None
    greedy = Greedy(hosts)
    expected = [greedy.place(job, waits and waits.of[number]) for number, job in enumerate(jobs)]
    places = list(Pool(hosts, world=World()).place(jobs, RESOURCES, cost="memory", waits=waits))
    assert places == expected
    assert max(places) >= 0


def place(jobs, hosts, **options):
    resources = (Resource(name="slots", want=1, room="Slots"), Resource(name="memory", want=1, room="Memory"))
    pool = Pool([ad({"Memory": "9", **host}) for host in hosts], world=World())
    return list(pool.place([ad(job) for job in jobs], resources, **options))


def test_what_is_better_goes_first_then_what_has_more_memory_then_what_comes_first():
    hosts = [
        {"Slots": "2", "Tier": tier, "Memory": free} for tier, free in (("1", "9"), ("2", "8"), ("2", "9"), ("2", "9"))
    ]
    assert place([{"Rank": "TARGET.Tier"}] * 9, hosts, cost="memory") == [2, 3, 1, 2, 3, 1, 0, 0, -1]
    assert place([{"Rank": "TARGET.Tier"}] * 9, hosts) == [1, 1, 2, 2, 3, 3, 0, 0, -1]


def test_where_hosts_are_asked_for_bids_those_of_the_best_rank_that_bid_compete_and_no_other_is_asked():
    hosts = [{"Slots": "1", "Tier": tier} for tier in ("1", "3", "3", "2", "2")]
    asked = []

    def bid(job, host):
        asked.append((job, host))
        return None if host in {1, 2} and job == 0 else (5.0 - host, 1.0)

    assert place([{"Rank": "TARGET.Tier"}] * 4, hosts, cost="memory", bid=bid) == [4, 2, 1, 3]
    assert asked == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (1, 2), (2, 1), (3, 3)]


def test_of_equal_costs_less_to_do_wins_then_who_comes_first():
    bids = {0: (1.0, 2.0), 1: (1.0, 1.0), 2: (1.0, 1.0), 3: (2.0, 0.0)}
    assert place([{}] * 5, [{"Slots": "1"}] * 4, bid=lambda _, host: bids[host]) == [1, 2, 0, 3, -1]


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
    assert list(Pool([ad({})], world=World()).place([ad({})] * 2, ())) == [0, 0]
