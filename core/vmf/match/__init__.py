"""Which hosts a job fits, best first, and for each one that is out, the clause that put it out. Pure.

A host fits if the job's requirements and the host's own are both exactly true, and if it has room. Room is counted in
whole machines, beside the expressions: nobody's words make a host give what it has not got.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from vmf import classad
from vmf.ads import Clause, capacity, clauses, host_ad, job_ad
from vmf.ads.tables import MANY
from vmf.classad import ERROR, UNDEFINED, Ad, Node, World
from vmf.match.words import sentence
from vmf.model import Claim, Job, Offer
from vmf.units import format_size


class Rejection(Struct, frozen=True, kw_only=True):
    """Why a host is out."""

    host: str
    clause: str
    """What the objection is about, in a word or two."""
    reason: str
    """The objection with the values that were seen, as a sentence."""
    passing: bool
    """Whether it goes away when machines end."""
    expression: str = ""
    """The clause as an expression, where it is one."""


class Match(Struct, frozen=True, kw_only=True):
    """A host that fits, with the reasons."""

    offer: Offer
    reasons: tuple[str, ...]
    rank: float = 0.0


class Matches(Struct, frozen=True, kw_only=True):
    """A job against all hosts: those that fit, best first, and the others."""

    fitting: tuple[Match, ...]
    rejected: tuple[Rejection, ...]

    @property
    def hopeless(self) -> bool:
        """True if no host fits now and none will when its machines end."""
        return not self.fitting and not any(each.passing for each in self.rejected)


class Room(Struct, frozen=True, kw_only=True):
    """One thing of which a host has only so much."""

    name: str
    wanted: Callable[[Claim], int]
    told: Callable[[int, Claim, Claim], str]
    """The words for what is wanted, of what there is in all, of which some is taken."""


def match(job: Job, offers: Sequence[Offer | Rejection], *, world: World) -> Matches:
    """Try a job against every host; hosts that fit are ranked: by the job's rank, fewest machines, and name.

    A host that is out whatever the job wants comes as its rejection.
    """
    seeker = Seeker(job, world)
    fitting: list[Match] = []
    rejected: list[Rejection] = []
    for offer in offers:
        found = offer if isinstance(offer, Rejection) else seeker.judge(offer)
        (fitting if isinstance(found, Match) else rejected).append(found)  # type: ignore[arg-type]  # told apart by type
    fitting.sort(key=lambda each: (-each.rank, each.offer.taken.machines, each.offer.host.name))
    return Matches(fitting=tuple(fitting), rejected=tuple(rejected))


class Seeker:
    """A job that looks for a host: its ad and its clauses, made once."""

    def __init__(self, job: Job, world: World) -> None:
        self.job = job
        self.ad = job_ad(job)
        self.clauses = clauses(job, self.ad)
        self._world = world
        self._claim = Claim(memory=job.memory, cpus=job.cpus, machines=1)

    def judge(self, offer: Offer) -> Match | Rejection:
        """Whether a host fits."""
        there = host_ad(offer)
        return self._objection(offer, there) or Match(
            offer=offer, reasons=tuple(self._reasons(offer, there)), rank=self._rank(there)
        )

    def fails(self, there: Ad) -> tuple[Clause, ...]:
        """The clauses of the job's own that a host with this ad fails."""
        return tuple(each for each in self.clauses if not _holds(self.value(each.expression, there)))

    def value(self, expression: Node, there: Ad) -> classad.Value:
        """What an expression of the job's is worth, with a host's ad as TARGET."""
        return classad.evaluate(expression, self.ad, there, world=self._world)

    def welcome(self, there: Ad) -> bool:
        """Whether a host's own requirements take the job."""
        asked = there.get("Requirements", True)
        return classad.evaluate(asked, there, self.ad, world=self._world) is True

    def _objection(self, offer: Offer, there: Ad) -> Rejection | None:
        host = offer.host.name
        if self.value(self.ad["Requirements"], there) is not True:
            failed = (*self.fails(there), Clause(name="requirements", expression=self.ad["Requirements"]))[0]
            return Rejection(
                host=host,
                clause=failed.name,
                reason=sentence(failed, self.value(failed.expression, there), self.ad, there),
                passing=False,
                expression=classad.unparse(failed.expression),
            )
        if not self.welcome(there):
            text = classad.unparse(there["Requirements"])
            return Rejection(
                host=host, clause="start", reason=f"the host takes only jobs with {text}", passing=False, expression=text
            )
        return next(self._crowded(offer), None)

    def _crowded(self, offer: Offer) -> Iterator[Rejection]:
        total = capacity(offer)
        for room in ROOMS:
            if room.wanted(self._claim) + room.wanted(offer.taken) > room.wanted(total):
                told = room.told(room.wanted(self._claim), total, offer.taken)
                yield Rejection(host=offer.host.name, clause=f"free {room.name}", reason=told, passing=True)

    def _reasons(self, offer: Offer, there: Ad) -> Iterator[str]:
        total = capacity(offer)
        for clause in self.clauses:
            if clause.name == "type" or not clause.implied:
                yield sentence(clause, True, self.ad, there)  # noqa: FBT003  # a value of the language
        for room in ROOMS:
            if room.wanted(total) < MANY or room.name != "slot":
                yield room.told(room.wanted(self._claim), total, offer.taken)

    def _rank(self, there: Ad) -> float:
        value = self.value(self.ad.get("Rank", 0), there)
        return float(value) if isinstance(value, int | float) and not math.isnan(value) else 0.0


def _holds(value: classad.Value) -> bool:
    """Whether a clause lets the others decide: what `&&` takes for true."""
    return value is not UNDEFINED and value is not ERROR and isinstance(value, int | float) and value != 0


ROOMS: Final = (
    Room(
        name="memory",
        wanted=lambda claim: claim.memory,
        told=lambda wanted, total, taken: (
            f"memory {format_size(wanted)} of {format_size(max(total.memory - taken.memory, 0))} free"
        ),
    ),
    Room(
        name="cpus",
        wanted=lambda claim: claim.cpus,
        told=lambda wanted, total, taken: f"cpus {wanted} of {max(total.cpus - taken.cpus, 0)} free",
    ),
    Room(
        name="slot",
        wanted=lambda claim: claim.machines,
        told=lambda _, total, taken: f"machines {taken.machines} of at most {total.machines}",
    ),
)
