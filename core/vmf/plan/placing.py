"""Giving jobs their places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from vmf.ads import host_ad, job_ad
from vmf.classad import World
from vmf.match import Match, Matches, Rejection, Seeker, ranked
from vmf.model import Job, Offer, Placement


class Unplaced(Struct, frozen=True, kw_only=True):
    """A job without a place now, and what each host objects to."""

    job: Job
    rejected: tuple[Rejection, ...]
    hopeless: bool


def plan(jobs: Sequence[Job], offers: Sequence[Offer | Rejection], *, world: World) -> tuple[Placement | Unplaced, ...]:
    """Place the jobs in their order, each taking its share of what those before it left.

    Expressions see the hosts as they are at the beginning; only room is counted as places are taken.
    """
    from vmf.match.pool import Pool  # noqa: PLC0415  # numpy is slow to import, and a run needs none
    from vmf.match.resources import COST, RESOURCES  # noqa: PLC0415  # as above

    now = sorted((each for each in offers if isinstance(each, Offer)), key=lambda offer: offer.host.name)
    out = tuple(each for each in offers if isinstance(each, Rejection))
    ads = [host_ad(offer) for offer in now]
    places = Pool(ads, world=world).place([job_ad(job) for job in jobs], RESOURCES, cost=COST)
    planned: list[Placement | Unplaced] = []
    for job, chosen in zip(jobs, places.tolist(), strict=True):
        seeker = Seeker(job, world)
        found: Iterable[Match | Rejection]
        if chosen < 0:
            found = (_without(seeker.judge(offer, ad)) for offer, ad in zip(now, ads, strict=True))
        else:
            found = (seeker.judge(now[chosen], ads[chosen]),)
            now[chosen] = replace(now[chosen], taken=now[chosen].taken + job.claim)
        planned.append(place(job, ranked((*found, *out))))
    return tuple(planned)


def _without(found: Match | Rejection) -> Rejection:
    """Why a host has no place for a job; one that would have, but for the plan's other jobs, has that of its name."""
    if isinstance(found, Rejection):
        return found
    reason = "another job of this plan has the MAC address there"
    return Rejection(host=found.offer.host.name, clause="MAC address", reason=reason, passing=True)


def place(job: Job, matches: Matches) -> Placement | Unplaced:
    """Take the best host that fits."""
    if not matches.fitting:
        return Unplaced(job=job, rejected=matches.rejected, hopeless=matches.hopeless)
    return placed(job, matches.fitting[0])


def placed(job: Job, found: Match) -> Placement:
    """A host that fits, taken."""
    offer = found.offer
    return Placement(
        job=job, host=offer.host, facts=offer.facts, capabilities=offer.capabilities, reasons=found.reasons
    )
