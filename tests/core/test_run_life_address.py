"""Where a guest is reached: asked of its host until it is known, kept while it runs."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from farm import FARM
from faults import ALWAYS
from shell import until
from vmf.hookspecs import hookimpl
from vmf.model import Forward, Network, Networks, NetworkType
from vmf.run import life

SSH = Forward(port=22)
NETWORK = Network(type=NetworkType.USER, forwards=(SSH,))
SITE = replace(FARM, networks=Networks(types=(NetworkType.USER,)))


class Asked:
    """Counts how often a host is asked."""

    times = 0
    often = None
    """What is done when it has been asked twice."""

    @hookimpl(wrapper=True)
    def facts(self):
        self.times += 1
        if self.times == 2 and self.often:
            self.often()
        return (yield)


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def farm(make, asked, monkeypatch):
    monkeypatch.setattr(life, "POLL_SECONDS", 0.05)
    return make(asked)


def test_it_is_kept_while_the_guest_runs(farm):
    farm.fault("facts", "host", "it does not know yet", times=2)
    submitted = farm.submit(replace(farm.job("hang"), network=NETWORK), hosts=(SITE,))
    ((record, _),) = submitted
    with ThreadPoolExecutor() as pool:
        carried = pool.submit(farm.engine.carry, submitted)
        known = re.compile(r"127\.0\.0\.1:\d+->22/tcp")
        until(lambda: known.fullmatch(farm.store.get(record.id).address), "its address is known")
        farm.engine.stop(force=False)
        (last,) = carried.result(30)
    assert last.ended
    assert last.address == ""


def test_a_host_that_never_says_harms_no_job(farm, asked):
    farm.fault("facts", "host", "it has forgotten", times=ALWAYS)
    asked.often = farm.tell
    (last,) = farm.carry(replace(farm.job("hear\nexit 5"), network=NETWORK), hosts=(SITE,))
    assert last.verdict.exit_code == 5
    assert asked.times > 1
    assert "it has forgotten" not in str(farm.remarks())


@pytest.mark.parametrize("type_", [NetworkType.NONE, NetworkType.USER])
def test_a_guest_that_nobody_can_reach_costs_no_question(farm, asked, type_):
    """On a user network nobody reaches it but by its forwards."""
    network = Network(type=type_)
    (last,) = farm.carry(replace(farm.job("sleep 0.3\nexit 5"), network=network), hosts=(SITE,))
    assert last.verdict.exit_code == 5
    assert asked.times == 0
