"""However many hosts bid, nobody compares more than a few bids."""

from __future__ import annotations

import random

import numpy as np
import pytest

from vmf.match import brokers
from vmf.match.brokers import Group, gathered

HOSTS = 10_000


class Free:
    """The hosts' free memory, which counts how many bids were asked for."""

    def __init__(self, memory):
        self.memory = np.array(memory)
        self.asked = 0

    def __getitem__(self, hosts):
        self.asked += len(hosts)
        return self.memory[hosts]


class Room:
    """Hosts with memory only, of which each machine takes one."""

    def __init__(self, memory):
        self.free = Free(memory)

    def has(self, host, _wish):
        return self.free.memory[host] > 0

    def fits(self, hosts, _wish):
        return self.free.memory[hosts] > 0

    def take(self, host):
        self.free.memory[host] -= 1


def place(top, room):
    _, host = top.best()
    if host >= 0:
        room.take(host)
    return host


@pytest.mark.parametrize("hosts", [brokers.MOST + 1, HOSTS, 300_000, 1_000_000])
def test_at_the_top_as_many_bids_arrive_however_many_hosts_there_are(hosts):
    top = gathered(np.arange(hosts), Room([1] * hosts), None)
    assert len(top.heard) == brokers.FEW == 16


def test_of_10000_hosts_that_bid_alike_a_job_asks_those_of_one_group():
    room = Room([3] * HOSTS)
    top = gathered(np.arange(HOSTS), room, None)
    assert room.free.asked == HOSTS
    room.free.asked = 0
    jobs = 1000
    assert [place(top, room) for _ in range(jobs)] == [*range(jobs)]
    groups = HOSTS / brokers.FEW
    assert len(top.heard) == brokers.FEW
    assert jobs * groups <= room.free.asked <= jobs * groups * 1.1


@pytest.mark.parametrize(("few", "most"), [(2, 1), (2, 4), (3, 1), (16, 2)])
@pytest.mark.parametrize("seed", range(10))
def test_the_best_of_all_is_passed_up_through_any_number_of_brokers(monkeypatch, seed, few, most):
    """Two queues take turns, so that what the brokers of one have heard is out of date."""
    monkeypatch.setattr(brokers, "FEW", few)
    monkeypatch.setattr(brokers, "MOST", most)
    choose = random.Random(seed)  # noqa: S311  # a run is repeated by its seed
    memory = [choose.randrange(4) for _ in range(60)]
    room, left = Room(memory), list(memory)
    halves = [np.array(sorted(choose.sample(range(60), 40))) for _ in range(2)]
    tops = [gathered(hosts, room, None) for hosts in halves]
    for _ in range(sum(memory) + 2):
        turn = choose.randrange(2)
        best = max(halves[turn].tolist(), key=lambda host: (left[host], -host))
        expected = best if left[best] else -1
        assert place(tops[turn], room) == expected
        if expected >= 0:
            left[expected] -= 1


def test_a_few_hosts_need_no_broker():
    assert isinstance(gathered(np.arange(brokers.MOST), Room([1] * brokers.MOST), None), Group)
