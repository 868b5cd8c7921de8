"""Giving jobs their places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from vmf.ads import host_ad, job_ad
from vmf.classad import World
from vmf.errors import Refused
from vmf.match import Match, Matches, Rejection, Seeker, ranked
from vmf.match.bidding import UNKNOWN, Known
from vmf.model import Bid, Job, Offer, Placement

Ask: TypeAlias = Callable[[Placement], Bid | None]
"""Asks plugins what a host asks for a job; None: they leave it at vmf's own bid. Raises `Refused`: it does not bid."""


class Unplaced(Struct, frozen=True, kw_only=True):
    """A job without a place now, and what each host objects to."""

    job: Job
    rejected: tuple[Rejection, ...]
    hopeless: bool


def plan(
    jobs: Sequence[Job],
    offers: Sequence[Offer | Rejection],
    *,
    world: World,
    known: Known = UNKNOWN,
    ask: Ask | None = None,
) -> tuple[Placement | Unplaced, ...]:
    """Place the jobs in their order, each taking its share of what those before it left.

    Expressions see the hosts as they are at the beginning; only room is counted as places are taken, and so are bids.
    """
    from vmf.match.pool import Pool  # noqa: PLC0415  # numpy is slow to import, and a run needs none
    from vmf.match.resources import COST, RESOURCES  # noqa: PLC0415  # as above
    from vmf.match.waits import Waits, seen  # noqa: PLC0415  # as above

    now = sorted((each for each in offers if isinstance(each, Offer)), key=lambda offer: offer.host.name)
    out = tuple(each for each in offers if isinstance(each, Rejection))
    ads = [host_ad(offer) for offer in now]
    seeker = lru_cache(maxsize=1)(lambda job: Seeker(jobs[job], world, known=known))

    @lru_cache(maxsize=len(now))
    def judged(job: int, host: int) -> Match | Rejection:
        """A host when it is the job's turn, its bid included."""
        return _asked(jobs[job], seeker(job).judge(now[host], ads[host]), ask)

    def bid(job: int, host: int) -> tuple[float, float] | None:
        found = judged(job, host)
        return (found.bid.cost, found.bid.seconds) if isinstance(found, Match) else None

    waits = Waits(jobs, now, known) if seen(now) else None
    pool = Pool(ads, world=world)
    places = pool.place([job_ad(job) for job in jobs], RESOURCES, cost=COST, waits=waits, bid=bid if ask else None)
    planned: list[Placement | Unplaced] = []
    for number, (job, chosen) in enumerate(zip(jobs, places, strict=True)):
        if chosen < 0:
            found = [_without(judged(number, host)) for host in range(len(now))]
            planned.append(place(job, ranked((*found, *out))))
        else:
            planned.append(place(job, ranked((judged(number, chosen), *out))))
            now[chosen] = replace(now[chosen], taken=now[chosen].taken + job.claim)
    return tuple(planned)


def _without(found: Match | Rejection) -> Rejection:
    """Why a host has no place for a job; one that would have, but for the plan's other jobs, has that of its name."""
    if isinstance(found, Rejection):
        return found
    reason = "another job of this plan has the MAC address there"
    return Rejection(host=found.offer.host.name, clause="MAC address", reason=reason, passing=True)


def place(job: Job, matches: Matches, ask: Ask | None = None) -> Placement | Unplaced:
    """Take the best host that fits; hosts of a lower rank are only asked for their bids if those before make none."""
    rejected = list(matches.rejected)
    for each in auction(job, matches, ask):
        if isinstance(each, Match):
            return placed(job, each)
        rejected.append(each)
    return Unplaced(job=job, rejected=tuple(rejected), hopeless=matches.hopeless)


def auction(job: Job, matches: Matches, ask: Ask | None) -> Iterator[Match | Rejection]:
    """The hosts that fit, best first; each rank is asked for its bids in its turn, and who makes none is rejected."""
    for _, alike in groupby(matches.fitting, key=lambda each: each.rank):
        found = ranked(_asked(job, each, ask) for each in alike)
        yield from found.rejected
        yield from found.fitting


def auctioned(job: Job, matches: Matches, ask: Ask | None) -> Matches:
    """All hosts with their bids, asked whatever their rank."""
    return ranked((*auction(job, matches, ask), *matches.rejected))


def _asked(job: Job, found: Match | Rejection, ask: Ask | None) -> Match | Rejection:
    """The host with its bid as the plugins have it."""
    if ask is None or isinstance(found, Rejection):
        return found
    try:
        bid = ask(placed(job, found))
    except Refused as refusal:
        reason = f"it does not bid: {refusal.brief}"
        return Rejection(host=found.offer.host.name, clause="bid", reason=reason, passing=True)
    return replace(found, bid=bid) if bid else found


def placed(job: Job, found: Match) -> Placement:
    """A host that fits, taken."""
    offer = found.offer
    return Placement(
        job=job,
        host=offer.host,
        facts=offer.facts,
        capabilities=offer.capabilities,
        reasons=found.reasons,
        bid=found.bid,
    )
