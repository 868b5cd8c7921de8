from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf import match as matching
from vmf import plan as planning
from vmf.classad import World
from vmf.model import Claim, Facts, File, Host, Image, Job, Offer
from vmf.plan import Unplaced

GIB = 2**30
JOB = Job(name="j", image=Image(name="i", kernel=File(path=Path("/k"))), memory=GIB, cpus=2)
FACTS = Facts(identity="", memory=4 * GIB, cpus=4, arch="x86_64", accelerator="tcg")


def match(job, offers):
    return matching.match(job, offers, world=World())


def plan(jobs, offers):
    return planning.plan(jobs, offers, world=World())


def offer(name: str = "h", taken: Claim | None = None, **policy: object) -> Offer:
    return Offer(host=Host(name=name, **{"type": "kvm", **policy}), facts=FACTS, taken=taken or Claim())


@pytest.mark.parametrize(
    ("host", "clause", "reason", "passing"),
    [
        (offer(type="xen"), "type", "type kvm wanted, host is xen", False),
        (offer(memory=GIB // 2), "memory", "memory 1 GiB of 512 MiB in all", False),
        (offer(cpus=1), "cpus", "cpus 2 of 1 in all", False),
        (offer(taken=Claim(memory=4 * GIB)), "free memory", "memory 1 GiB of 0 bytes free", True),
        (offer(taken=Claim(cpus=3)), "free cpus", "cpus 2 of 1 free", True),
        (offer(taken=Claim(machines=2), machines=2), "free slot", "machines 2 of at most 2", True),
    ],
)
def test_the_clause_that_puts_a_host_out_is_named_with_what_it_saw(host, clause, reason, passing):
    matches = match(replace(JOB, types=("kvm",)), [host])
    assert matches.fitting == ()
    (rejection,) = matches.rejected
    assert (rejection.clause, rejection.reason, rejection.passing) == (clause, reason, passing)
    assert matches.hopeless is not passing


def test_a_job_that_names_no_type_runs_on_any():
    assert [each.offer.host.type for each in match(JOB, [offer("a", type="xen"), offer("b")]).fitting] == ["xen", "kvm"]


def test_the_reasons_are_those_of_the_strictest_clauses():
    (fits,) = match(JOB, [offer(machines=3)]).fitting
    assert fits.reasons == ("memory 1 GiB of 4 GiB free", "cpus 2 of 4 free", "machines 0 of at most 3")


def test_the_emptiest_host_comes_first_and_names_break_ties():
    hosts = [offer("c"), offer("b", Claim(machines=1)), offer("a")]
    assert [each.offer.host.name for each in match(JOB, hosts).fitting] == ["a", "c", "b"]


def test_a_hosts_policy_counts_before_what_the_probe_found():
    assert match(JOB, [offer(memory=8 * GIB, taken=Claim(memory=7 * GIB))]).fitting
    assert not match(JOB, [offer(taken=Claim(memory=7 * GIB))]).fitting


def test_a_plan_gives_each_job_what_those_before_it_left():
    jobs = [replace(JOB, name=name) for name in "abc"]
    first, second, third = plan(jobs, [offer()])
    assert (first.host.name, second.host.name) == ("h", "h")
    assert isinstance(third, Unplaced)
    assert not third.hopeless
    assert third.rejected[0].reason == "cpus 2 of 0 free"


def test_without_hosts_there_is_no_hope():
    assert match(JOB, []).hopeless
