"""Why a job fits nowhere, and the least that has to change so that it does. Pure.

No advice is guessed: the job, changed so, has been matched with the hosts that are named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from vmf import classad
from vmf.ads import Clause, clauses, has, host_ad, job_ad
from vmf.ads.clauses import WORDS
from vmf.classad import UNDEFINED, Ad, Node, Value, World
from vmf.classad.tree import Reference
from vmf.match import OWN, Rejection, Seeker, holds, match, refusals
from vmf.match.remedies import Remedy, opened, remedies, treated
from vmf.match.words import Side, brief, did_you_mean, expressed, looked_up, own
from vmf.model import Job, Offer

MOST: Final = 5
"""So many pieces of advice are worth reading."""

_LATER: Final = 105_783_911
"""Three years, some months, days, hours, minutes and seconds: no part of a date is the same so much later."""


class Step(Struct, frozen=True, kw_only=True):
    """One condition, in the order in which hosts are asked."""

    condition: str
    """An expression, of a long one both ends, or words."""
    job: str = ""
    """What the expression sees of the job."""
    out: int
    """How many hosts it puts out, whatever the others do."""
    left: int
    """How many hosts are left after it and all before it."""


class Advice(Struct, frozen=True, kw_only=True):
    """What would let the job fit."""

    changes: tuple[str, ...]
    """What to do, all of it, each a sentence without its end."""
    hosts: tuple[str, ...]
    """The hosts that it fits then, now or when machines there have ended."""


class Analysis(Struct, frozen=True, kw_only=True):
    """Why a job fits nowhere now."""

    steps: tuple[Step, ...]
    advice: tuple[Advice, ...]
    """The fewest changes that help, those first that help with most hosts; none if only room lacks."""
    unknown: tuple[str, ...]
    """The attributes that the job asks for and no host has, each in a sentence without its end."""


class _Trial(Struct, frozen=True, kw_only=True):
    """A host with all that speaks against it."""

    offer: Offer
    there: Ad
    failed: tuple[Clause, ...]
    """The job's clauses and the host's own: what will not pass."""
    crowded: bool
    """Whether room lacks that it has when machines end."""


_Group: TypeAlias = Sequence[_Trial]
"""Hosts that fail the same."""


def analyse(job: Job, offers: Sequence[Offer | Rejection], *, world: World) -> Analysis:
    """Look into a job that none of these hosts fits now."""
    tester = _Tester(job, world)
    trials = [tester.test(each) for each in offers if isinstance(each, Offer)]
    return Analysis(
        steps=tuple(_steps(tester, trials, len(offers))),
        advice=() if not all(each.failed for each in trials) else tuple(_advice(tester, trials)[:MOST]),
        unknown=tuple(tester.unknown(trials)) if trials else (),
    )


class _Tester:
    """All that a job asks for, tried on one host after the other."""

    def __init__(self, job: Job, world: World) -> None:
        self.job = job
        self.world = world
        self._ad = job_ad(job)
        self.asked = _asked(job, self._ad)
        self._seeker = Seeker(job, world)
        self._spoken = frozenset(self._seeker.clauses)
        self._pair = classad.Match(self._ad, Ad(), world)
        worlds = replace(world, random=lambda: 0.0), replace(world, now=world.now + _LATER, random=lambda: 0.9999)
        self._unlike = tuple(classad.Match(self._ad, Ad(), each) for each in worlds)
        written = [each for each in self.asked if not each.implied]
        together = Clause(name=WORDS, expression=self._ad["Requirements"], implied=False)
        self.whole = written[0] if len(written) == 1 else together
        """What is at fault where each condition holds and all together are not true."""

    def test(self, offer: Offer) -> _Trial:
        """What speaks against a host."""
        there = host_ad(offer)
        ours, theirs = self._sides(there)
        failed = [each for each in self.asked if not holds(ours.evaluate(each.expression))]
        if ours.evaluate(self._ad["Requirements"]) is not True and self._spoken.isdisjoint(failed):
            failed.append(self.whole)
        if not self._seeker.welcome(there):
            failed += refusals(there["Requirements"], theirs)
        lack = self._seeker.lack(offer)
        return _Trial(offer=offer, there=there, failed=tuple(failed), crowded=lack is not None and lack.passing)

    def remedies(self, trial: _Trial) -> tuple[tuple[Remedy, ...], ...]:
        """For each clause that a host fails, what would mend it, the mildest first."""
        for pair in self._unlike:
            pair.replace_right(trial.there)
        ours = _steady(*(pair.evaluate for pair in self._unlike))
        theirs = _steady(*(pair.evaluate_right for pair in self._unlike))
        sides = ((each, theirs if each.name in OWN else ours) for each in trial.failed)
        return tuple(tuple(remedies(clause, self.job, evaluate)) for clause, evaluate in sides)

    def helped(self, chosen: Sequence[Remedy], group: _Group) -> tuple[str, ...]:
        """The hosts of a group that the job fits, now or later, once this has been done to it."""
        offers = [opened(each.offer, chosen) for each in group]
        found = match(treated(self.job, chosen), offers, world=self.world)
        later = (each.host for each in found.rejected if each.passing)
        return (*(each.offer.host.name for each in found.fitting), *later)

    def sees(self, clause: Clause) -> str:
        """What a clause of the job's sees of the job."""
        return clause.need.field if clause.need else own(clause, *self._sides(Ad()))

    def unknown(self, trials: Iterable[_Trial]) -> Iterator[str]:
        """Names of what no host has."""
        ours, theirs = self._sides(Ad(pair for each in trials for pair in each.there.items()))
        for each in self.asked:
            if each.need and has(each.need.ability) not in theirs.ad and any(each in trial.failed for trial in trials):
                yield f"{each.need}, which no host has"
        named = (pair for each in self.asked if not each.need for pair in looked_up(each.expression, ours, theirs))
        missing = {classad.fold(name): name for side, name in named if side is theirs and name not in side.ad}
        for name in missing.values():
            yield f"no host has {expressed(Reference(name))}{did_you_mean(name, theirs.ad)}"

    def _sides(self, there: Ad) -> tuple[Side, Side]:
        self._pair.replace_right(there)
        return Side("job", self._ad, self._pair.evaluate), Side("host", there, self._pair.evaluate_right)


def _steady(one: Callable[[Node], Value], other: Callable[[Node], Value]) -> Callable[[Node], Value]:
    """What an expression is worth if neither the clock nor chance has a say in it; UNDEFINED, if one has."""

    def evaluate(node: Node) -> Value:
        value = one(node)
        return value if value == other(node) else UNDEFINED

    return evaluate


def _asked(job: Job, ad: Ad) -> tuple[Clause, ...]:
    """What a job asks of a host; that the machine goes into it at all is asked whatever the owner's words say."""
    spoken = clauses(job, ad)
    every = clauses(replace(job, requirements=None), ad)
    return (*spoken, *(each for each in every if each.name in {"memory", "cpus"} and each not in spoken))


def _steps(tester: _Tester, trials: Sequence[_Trial], hosts: int) -> Iterator[Step]:
    if len(trials) < hosts:
        yield Step(condition="the host can be used", out=hosts - len(trials), left=len(trials))
    left = list(trials)
    for condition, sees, fails in _conditions(tester, trials):
        left = [each for each in left if not fails(each)]
        yield Step(condition=condition, job=sees, out=sum(map(fails, trials)), left=len(left))


def _conditions(tester: _Tester, trials: Iterable[_Trial]) -> Iterator[tuple[str, str, Callable[[_Trial], bool]]]:
    for clause in tester.asked:
        yield brief(clause.expression), tester.sees(clause), partial(_fails, clause)
    if tester.whole not in tester.asked and any(_fails(tester.whole, each) for each in trials):
        yield "all of these together", "", partial(_fails, tester.whole)
    yield "what the host asks of jobs", "", lambda each: any(clause.name in OWN for clause in each.failed)
    yield "room now", "", lambda each: each.crowded


def _fails(clause: Clause, trial: _Trial) -> bool:
    return clause in trial.failed


def _advice(tester: _Tester, trials: Sequence[_Trial]) -> list[Advice]:
    """The fewest changes that help."""
    groups: dict[tuple[Clause, ...], list[_Trial]] = defaultdict(list)
    for each in trials:
        groups[each.failed].append(each)
    for number in sorted({len(failed) for failed in groups}):
        nearest = sorted((group for failed, group in groups.items() if len(failed) == number), key=len, reverse=True)
        found: dict[tuple[str, ...], tuple[str, ...]] = {}
        for chosen, helped in (each for group in nearest[:MOST] for each in _helpful(tester, group)):
            changes = tuple(each.what for each in chosen)
            found[changes] = (*found.get(changes, ()), *helped)
        if found:
            advice = (Advice(changes=changes, hosts=hosts) for changes, hosts in found.items())
            return sorted(advice, key=lambda each: -len(each.hosts))
    return []


def _helpful(tester: _Tester, group: _Group) -> Iterator[tuple[tuple[Remedy, ...], tuple[str, ...]]]:
    """What mends all that a group fails, by the host that needs the least change, and the hosts that it helps with."""
    offered = [each for each in map(tester.remedies, group) if all(each)]
    if not offered:
        return
    mildest = min(offered, key=lambda each: sum(choice[0].distance for choice in each))
    gentle, plain = (tuple(each[end] for each in mildest) for end in (0, -1))
    for choice in (gentle,) if gentle == plain else (gentle, plain):
        chosen = _needed(tester, choice, group)
        if helped := tester.helped(chosen, group):
            yield chosen, helped


def _needed(tester: _Tester, chosen: tuple[Remedy, ...], group: _Group) -> tuple[Remedy, ...]:
    """These without those that another makes needless."""
    for each in chosen:
        others = tuple(other for other in chosen if other is not each)
        if tester.helped(others, group):
            return _needed(tester, others, group)
    return chosen
