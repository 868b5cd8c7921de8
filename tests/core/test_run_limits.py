from __future__ import annotations

import pytest
from msgspec.structs import replace

from farm import FARM
from vmf.errors import Exit
from vmf.hookspecs import hookimpl
from vmf.model import Host, Limits, Outcome, Power, Stop
from vmf.run import life
from vmf.state import Completed, Created, CutOff, Ended, Judged, Placed, State

WIDE = Host(name="farm", type="fake", disk_space=2**40)
NARROW = replace(WIDE, limits=Limits(disk_growth=2**30))


class Stops:
    """How a machine is stopped, and how its host saw it before."""

    def __init__(self):
        self.asked = []

    @hookimpl(wrapper=True)
    def shut_down(self, how):
        self.asked.append(how)
        return (yield)


@pytest.mark.parametrize(
    ("host", "space", "remedy"),
    [
        (WIDE, 2**21, "raise the job's `disk_space`"),
        (NARROW, 2**21, "raise the job's `disk_space`"),
        (NARROW, None, "ask the owner of host farm to raise its `limits.disk_growth`"),
        (NARROW, 2**30, "ask the owner of host farm to raise its `limits.disk_growth`"),
    ],
)
def test_a_guest_that_fills_its_disk_is_ended_and_told_what_to_raise(make, host, space, remedy):
    site = Stops()
    farm = make(site)
    (record,) = farm.carry(replace(farm.job("echo hello\nfill"), disk_space=space), hosts=(host,))
    size = "960 MiB" if space != 2**21 else "2 MiB"
    assert record.verdict.reason == f"disk0 has taken the {size} that it may; {remedy}"
    assert (record.state, record.verdict.outcome) == (State.COMPLETED, Outcome.LIMIT)
    assert (record.verdict.exit_code, record.verdict.source) == (Exit.LIMIT, "vmf")
    assert site.asked == [Stop.FORCE]
    assert farm.events() == [Placed, Created, CutOff, Ended, Judged, Completed]
    assert (record.results / "console.log").read_bytes() == b"hello\n"


def test_a_full_host_is_waited_for(make, monkeypatch):
    monkeypatch.setattr(life, "POLL_SECONDS", 0.01)
    farm, seen = make(), []

    def look(notice):
        if not seen and farm.remarks() == ["its machine is paused: the host is out of space"]:
            seen.append(farm.hosts.hypervisor(FARM).state(notice.record.handle).power)
            farm.engine.stop(force=True)

    farm.watch(look)
    (record,) = farm.carry(farm.job("fill"))
    assert (record.verdict.outcome, seen) == (Outcome.STOPPED, [Power.PAUSED])


def test_what_the_guest_hit_is_kept_while_its_host_is_lost(make):
    farm = make()
    farm.fault("shut_down", "lost", "no answer")
    (record,) = farm.carry(replace(farm.job("fill"), disk_space=2**21), hosts=(WIDE,))
    assert (record.state, record.verdict.outcome) == (State.COMPLETED, Outcome.LIMIT)
    assert "disk0 has taken the 2 MiB" in record.verdict.reason


def test_a_job_whose_results_alone_are_more_than_the_limit_is_not_started(make):
    farm = make()
    job = farm.job("exit 0")
    (record,) = farm.carry(replace(job, results=replace(job.results, size=900 * 2**30)), hosts=(NARROW,))
    assert Placed not in farm.events()
    assert "results volume and overlays take 1 GiB together" in record.verdict.reason
