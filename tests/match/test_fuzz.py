"""What is evaluated for all hosts at once is what the tree says of each host.

By hand, as many as one likes: `VMF_FUZZ="100 200" pytest tests/match/test_fuzz.py` takes seeds 100 to 199.
"""

from __future__ import annotations

import os

import pytest

from match import tree
from match.writer import Writer
from vmf.classad import World
from vmf.match.pool import Pool

FIRST, *REST = range(*map(int, os.environ.get("VMF_FUZZ", "0 8").split()))
POOLS, HOSTS, JOBS = 4, 24, 50
"""How many pools of hosts a seed makes, how many hosts each has, and how many jobs look at it."""


@pytest.mark.parametrize("seed", [FIRST, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in REST)])
def test_all_hosts_at_once_are_what_the_tree_says_of_each(seed):
    writer, fitted = Writer(seed), 0
    for _ in range(POOLS):
        hosts = writer.hosts(HOSTS)
        pool = Pool(hosts, world=World())
        for _ in range(JOBS):
            job = writer.job()
            fits = pool.fits(job).tolist()
            assert fits == tree.fits(job, hosts), dict(job)
            assert pool.ranks(job).tolist() == tree.ranks(job, hosts), dict(job)
            fitted += any(fits)
    assert fitted > POOLS * JOBS / 10
