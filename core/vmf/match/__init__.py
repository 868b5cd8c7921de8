"""Which hosts a job fits, best first, and for each one that is out, the clause that put it out. Pure.

A host fits if the job's requirements and the host's own are both exactly true, and if it has room. Room is counted in
whole machines, beside the expressions: nobody's words make a host give what it has not got.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from vmf import classad
from vmf.ads import Clause, capacity, clauses, host_ad, job_ad
from vmf.ads.clauses import WORDS, parts
from vmf.ads.tables import KINDS, MANY, OWN_GROWTH, OWN_IMAGES, tree
from vmf.classad import Ad, Node, World
from vmf.match.bidding import UNKNOWN, Known, own_bid
from vmf.match.words import NETWORKS, Side, expressed, lacking, sentence
from vmf.model import Bid, Claim, Host, Job, NetworkType, Offer, Platform
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
    rank: float
    bid: Bid

    @property
    def key(self) -> tuple[float, float, float, str]:
        """Less for what is better: a higher rank, less that the host asks, less that it still has to do, its name."""
        return (-self.rank, self.bid.cost, self.bid.seconds, self.offer.host.name)


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
    amount: Callable[[Claim], int]
    told: Callable[[Claim, Claim, Claim], str]
    """The words for what is wanted of what there is in all, of which some is taken."""


def match(
    job: Job,
    offers: Sequence[Offer | Rejection],
    *,
    world: World,
    kept: Platform | None = None,
    known: Known = UNKNOWN,
) -> Matches:
    """Try a job against every host.

    A host that is out whatever the job wants comes as its rejection. A job that goes on from a checkpoint needs what
    that was taken on, which is `kept`. `known` is what bids are made of.
    """
    seeker = Seeker(job, world, kept=kept, known=known)
    return ranked(each if isinstance(each, Rejection) else seeker.judge(each, host_ad(each)) for each in offers)


def ranked(found: Iterable[Match | Rejection]) -> Matches:
    """Hosts that fit in the order of the job's rank, then of their bids, then of their names."""
    fitting: list[Match] = []
    rejected: list[Rejection] = []
    for each in found:
        (fitting if isinstance(each, Match) else rejected).append(each)  # type: ignore[arg-type]  # told apart by type
    fitting.sort(key=lambda each: each.key)
    return Matches(fitting=tuple(fitting), rejected=tuple(rejected))


class Seeker:
    """A job that looks for a host: its ad and its clauses, made once."""

    def __init__(self, job: Job, world: World, *, kept: Platform | None = None, known: Known = UNKNOWN) -> None:
        self.ad = job_ad(job, kept=kept)
        self.clauses = clauses(job, self.ad)
        self._job = job
        self._known = known
        self._pair = classad.Match(self.ad, Ad(), world)

    def judge(self, offer: Offer, there: Ad) -> Match | Rejection:
        """Whether a host fits; `there` is what expressions see of it."""
        self._pair.replace_right(there)
        if rejection := self._objection(offer, there) or self.lack(offer):
            return rejection
        return Match(
            offer=offer,
            reasons=tuple(self._reasons(offer, there)),
            rank=_finite(self._pair.left_rank()),
            bid=own_bid(self._job, offer, self._known),
        )

    def failed(self, there: Ad) -> tuple[Clause, ...]:
        """The clauses of the job that a host with this ad fails."""
        self._pair.replace_right(there)
        return tuple(each for each in self.clauses if not holds(self._pair.evaluate(each.expression)))

    def welcome(self, there: Ad) -> bool:
        """Whether the own requirements of a host with this ad take the job."""
        self._pair.replace_right(there)
        return self._pair.evaluate_right(there.get("Requirements", True)) is True

    def lack(self, offer: Offer) -> Rejection | None:
        """What the host has not enough of, if anything; it passes unless the host never has enough."""
        total = capacity(offer)
        for room in ROOMS:
            wanted = room.amount(self._job.claim)
            if wanted + room.amount(offer.taken) > room.amount(total):
                told = room.told(self._job.claim, total, offer.taken)
                passing = wanted <= room.amount(total)
                return Rejection(host=offer.host.name, clause=f"free {room.name}", reason=told, passing=passing)
        return None

    def _objection(self, offer: Offer, there: Ad) -> Rejection | None:
        failed: tuple[Clause, ...] = ()
        whole = Clause(name=WORDS, expression=self.ad["Requirements"], implied=False)
        if self._pair.evaluate(whole.expression) is not True:
            failed = self.failed(there)
            clause = next(iter(failed), whole)
            value = self._pair.evaluate(clause.expression)
            reason = lacking(failed, self.ad) or sentence(clause, value, *self._sides(there))
            reason = "; ".join((reason, *self._found_missing(failed, offer)))
        elif not self.welcome(there):
            job, host = self._sides(there)
            clause = refusals(there["Requirements"], host)[0]
            reason = f"the host's own {sentence(clause, host.evaluate(clause.expression), host, job)}"
        else:
            return None
        return Rejection(
            host=offer.host.name,
            clause=clause.name,
            reason=reason,
            passing=bool(failed) and all(each.passing or self._returns(each, offer) for each in failed),
            expression=expressed(clause.expression),
        )

    def _found_missing(self, failed: Iterable[Clause], offer: Offer) -> Iterator[str]:
        """Why this host has not, or not for this user, what its plugin can."""
        found = offer.facts.missing
        wanted = (ability for clause in failed for ability in self._abilities(clause, offer.host))
        return (f"{ability}: {found[ability]}" for ability in dict.fromkeys(wanted) if ability in found)

    def _returns(self, clause: Clause, offer: Offer) -> bool:
        """Whether a clause fails because of what the host has set aside, and may do again."""
        return any(ability in offer.setbacks for ability in self._abilities(clause, offer.host))

    def _abilities(self, clause: Clause, host: Host) -> Iterable[str]:
        """Those of which one would make a clause hold."""
        if clause.need:
            return (clause.need.ability,)
        offered = KINDS if host.networks.types is None else host.networks.types
        named = self._job.network.type
        kinds = offered if clause.name in NETWORKS else ()
        return (f"network-{each}" for each in kinds if named in {each, NetworkType.DEFAULT})

    def _sides(self, there: Ad) -> tuple[Side, Side]:
        return Side("job", self.ad, self._pair.evaluate), Side("host", there, self._pair.evaluate_right)

    def _reasons(self, offer: Offer, there: Ad) -> Iterator[str]:
        total = capacity(offer)
        for clause in self.clauses:
            if clause.name in _TOLD:
                yield sentence(clause, True, *self._sides(there))  # noqa: FBT003  # a value of the language
        for room in ROOMS:
            if room.amount(total) != MANY:
                yield room.told(self._job.claim, total, offer.taken)


def holds(value: classad.Value) -> bool:
    """Whether a clause lets the others decide: what `&&` takes for true."""
    return isinstance(value, bool | int | float) and value != 0


def _finite(rank: float) -> float:
    return 0.0 if math.isnan(rank) else rank


def _free(total: int, taken: int) -> int:
    return max(total - taken, 0)


def _told(name: str, wanted: int, free: int, *, words: Callable[[int], str] = str) -> str:
    """What is wanted, as a share of what is free if there is that much."""
    between = " of" if wanted <= free else " wanted,"
    return f"{name} {words(wanted)}{between} {words(free)} free"


def refusals(asked: Node, host: Side) -> list[Clause]:
    """What a host's own words refuse a job for: all of them, if no part of them does by itself."""
    failed = [each for each in parts(asked) if not holds(host.evaluate(each))]
    named = ((_rule(each), each) for each in failed or [asked])
    return [Clause(name=name, expression=each, implied=name != START) for name, each in named]


def _rule(asked: Node) -> str:
    """What a condition of a host is called."""
    return next((name for name, text in _RULES.items() if asked == tree(text)), START)


START: Final = "start"
IMAGES: Final = "images"
GROWTH: Final = "disk growth"
FOLDERS: Final = "writable folders"
_RULES: Final[Mapping[str, str]] = MappingProxyType({IMAGES: OWN_IMAGES, GROWTH: OWN_GROWTH})
"""Conditions of a host that fields of its spec stand for."""
OWN: Final = frozenset({START, *_RULES})
"""What clauses are called that are a host's own: its words, and those rules."""

_TOLD: Final = frozenset({"type", "types", WORDS})
"""Clauses that are worth a word when they hold; the others are what every host has, or what room says better."""

ROOMS: Final = (
    Room(
        name="memory",
        amount=lambda claim: claim.memory,
        told=lambda wanted, total, taken: _told(
            "memory", wanted.memory, _free(total.memory, taken.memory), words=format_size
        ),
    ),
    Room(
        name="cpus",
        amount=lambda claim: claim.cpus,
        told=lambda wanted, total, taken: _told("cpus", wanted.cpus, _free(total.cpus, taken.cpus)),
    ),
    Room(
        name="slot",
        amount=lambda claim: claim.machines,
        told=lambda _, total, taken: f"machines {taken.machines} of at most {total.machines}",
    ),
)
"""Of what a host has only so much."""
