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


def match(job: Job, offers: Sequence[Offer]) -> Matches:
    """Try a job against every host; hosts that fit are ranked: fewest machines first, then by name."""
    fitting: list[Match] = []
    rejected: list[Rejection] = []
    for offer in offers:
        found = _judge(job, offer)
        (fitting if isinstance(found, Match) else rejected).append(found)  # type: ignore[arg-type]  # told apart by type
    fitting.sort(key=lambda each: (each.offer.taken.machines, each.offer.host.name))
    return Matches(fitting=tuple(fitting), rejected=tuple(rejected))


def _judge(job: Job, offer: Offer) -> Match | Rejection:
    reasons = []
    for clause in CLAUSES:
        verse = clause.test(job, offer)
        if not verse.fits:
            return Rejection(host=offer.host.name, clause=clause.name, reason=verse.reason, passing=clause.passing)
        reasons.append(verse.reason)
    return Match(offer=offer, reasons=tuple(filter(None, reasons)))


def _type(job: Job, offer: Offer) -> Verse:
    wanted = job.type or "any"
    return Verse(fits=job.type in {None, offer.host.type}, reason=f"type {wanted} wanted, host is {offer.host.type}")


def _memory(job: Job, offer: Offer) -> Verse:
    total = capacity(offer).memory
    return Verse(
        fits=job.memory <= total, reason=f"memory {format_size(job.memory)} wanted, host has {format_size(total)}"
    )


def _cpus(job: Job, offer: Offer) -> Verse:
    total = capacity(offer).cpus
    return Verse(fits=job.cpus <= total, reason=f"{job.cpus} cpus wanted, host has {total}")


def _free_memory(job: Job, offer: Offer) -> Verse:
    free = capacity(offer).memory - offer.taken.memory
    return Verse(fits=job.memory <= free, reason=f"memory {format_size(job.memory)} wanted, {format_size(free)} free")


def _free_cpus(job: Job, offer: Offer) -> Verse:
    free = capacity(offer).cpus - offer.taken.cpus
    return Verse(fits=job.cpus <= free, reason=f"{job.cpus} cpus wanted, {free} free")


def _free_slot(_job: Job, offer: Offer) -> Verse:
    total, taken = capacity(offer).machines, offer.taken.machines
    return Verse(fits=taken < total, reason=f"{taken} machines there" + ("" if total == MANY else f", at most {total}"))


CLAUSES = (
    Clause(name="type", test=_type),
    Clause(name="memory", test=_memory),
    Clause(name="cpus", test=_cpus),
    Clause(name="free memory", test=_free_memory, passing=True),
    Clause(name="free cpus", test=_free_cpus, passing=True),
    Clause(name="free slot", test=_free_slot, passing=True),
)
