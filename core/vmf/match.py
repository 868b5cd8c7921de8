"""Which hosts a job fits, and for each one that is out, the clause that put it out. Pure.

`CLAUSES` is the whole of matching: a host fits a job if no clause objects. Expressions of jobs and hosts become
clauses of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from vmf.model import Claim, Job, Offer
from vmf.units import format_size

MANY = 10_000
"""The most machines on a host that sets no limit."""


class Verse(Struct, frozen=True, kw_only=True):
    """What one clause says of one host: it fits or not, with the values it saw."""

    fits: bool
    reason: str


class Clause(Struct, frozen=True, kw_only=True):
    """One condition on a host."""

    name: str
    test: Callable[[Job, Offer], Verse]
    passing: bool = False
    """True: an objection that goes away when machines end; False: one that stays."""
    tells: bool = True
    """Whether it is worth a word when it fits: not where a stricter clause follows."""


class Rejection(Struct, frozen=True, kw_only=True):
    """Why a host is out."""

    host: str
    clause: str
    reason: str
    passing: bool


class Match(Struct, frozen=True, kw_only=True):
    """A host that fits, with the reasons."""

    offer: Offer
    reasons: tuple[str, ...]


class Matches(Struct, frozen=True, kw_only=True):
    """A job against all hosts: those that fit, best first, and the others."""

    fitting: tuple[Match, ...]
    rejected: tuple[Rejection, ...]

    @property
    def hopeless(self) -> bool:
        """True if no host fits now and none will when its machines end."""
        return not self.fitting and not any(each.passing for each in self.rejected)


def capacity(offer: Offer) -> Claim:
    """All that a host gives to machines: its policy where it has one, else what the probe found."""
    host, facts = offer.host, offer.facts
    return Claim(memory=host.memory or facts.memory, cpus=host.cpus or facts.cpus, machines=host.machines or MANY)


def match(job: Job, offers: Sequence[Offer | Rejection]) -> Matches:
    """Try a job against every host; hosts that fit are ranked: fewest machines first, then by name.

    A host that is out whatever the job wants comes as its rejection.
    """
    fitting: list[Match] = []
    rejected: list[Rejection] = []
    for offer in offers:
        found = offer if isinstance(offer, Rejection) else _judge(job, offer)
        (fitting if isinstance(found, Match) else rejected).append(found)  # type: ignore[arg-type]  # told apart by type
    fitting.sort(key=lambda each: (each.offer.taken.machines, each.offer.host.name))
    return Matches(fitting=tuple(fitting), rejected=tuple(rejected))


def _judge(job: Job, offer: Offer) -> Match | Rejection:
    reasons = []
    for clause in CLAUSES:
        verse = clause.test(job, offer)
        if not verse.fits:
            return Rejection(host=offer.host.name, clause=clause.name, reason=verse.reason, passing=clause.passing)
        if clause.tells:
            reasons.append(verse.reason)
    return Match(offer=offer, reasons=tuple(filter(None, reasons)))


def _type(job: Job, offer: Offer) -> Verse:
    reason = f"type {job.type} wanted, host is {offer.host.type}" if job.type else ""
    return Verse(fits=job.type in {None, offer.host.type}, reason=reason)


def _memory(job: Job, offer: Offer) -> Verse:
    return _enough(job.memory, capacity(offer).memory, "in all")


def _free_memory(job: Job, offer: Offer) -> Verse:
    return _enough(job.memory, capacity(offer).memory - offer.taken.memory, "free")


def _enough(wanted: int, there: int, how: str) -> Verse:
    return Verse(fits=wanted <= there, reason=f"memory {format_size(wanted)} of {format_size(max(there, 0))} {how}")


def _cpus(job: Job, offer: Offer) -> Verse:
    total = capacity(offer).cpus
    return Verse(fits=job.cpus <= total, reason=f"cpus {job.cpus} of {total} in all")


def _free_cpus(job: Job, offer: Offer) -> Verse:
    free = capacity(offer).cpus - offer.taken.cpus
    return Verse(fits=job.cpus <= free, reason=f"cpus {job.cpus} of {max(free, 0)} free")


def _free_slot(_job: Job, offer: Offer) -> Verse:
    total, taken = capacity(offer).machines, offer.taken.machines
    return Verse(fits=taken < total, reason="" if total == MANY else f"machines {taken} of at most {total}")


CLAUSES = (
    Clause(name="type", test=_type),
    Clause(name="memory", test=_memory, tells=False),
    Clause(name="cpus", test=_cpus, tells=False),
    Clause(name="free memory", test=_free_memory, passing=True),
    Clause(name="free cpus", test=_free_cpus, passing=True),
    Clause(name="free slot", test=_free_slot, passing=True),
)
