"""`vmf match`: which hosts a job fits, best first, why the others are out, and what would have to change."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import cache

import msgspec
from msgspec import Struct

from vmf.ads import job_ad
from vmf.classad import World
from vmf.cli.ads import show_ads
from vmf.cli.checks import bids, usable
from vmf.cli.grounds import grounded, seen
from vmf.cli.printed import show, table
from vmf.cli.session import Session, add_format, add_long, add_specs
from vmf.errors import Exit
from vmf.match import Matches, Rejection
from vmf.match.analysis import Advice, Analysis, analyse
from vmf.model import Job, Offer
from vmf.run import known, size_of, world
from vmf.units import format_count


class Fit(Struct, frozen=True, kw_only=True):
    """A host that fits."""

    host: str
    rank: float
    cost: float
    """What it asks: of two that are liked alike, the one that asks less comes first."""
    seconds: float
    """What it would still have to do: of two that also ask alike, the one with less to do comes first."""
    reasons: tuple[str, ...]


class Answer(Struct, frozen=True, kw_only=True):
    """What is known of one job's hosts."""

    verdict: str
    """`fits`, `waits`, if it will when machines have ended, or `hopeless`."""
    fitting: tuple[Fit, ...]
    rejected: tuple[Rejection, ...]
    analysis: Analysis | None
    """Given where no host fits now."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf match`."""
    add_specs(parser)
    add_long(parser, "print the jobs' ads instead, asking no host")
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Match each job by itself; two that fit may be too many together, which `vmf plan` tells."""
    session = Session(options)
    read, hosts = session.read()
    with grounded(session, read, fetch=False) as (run, upon):
        jobs = _living(session, read, seen(run, upon))
    if options.long:
        show_ads(map(job_ad, jobs), options.format)
        return 0
    try:
        offers = usable(session.hosts, hosts)
    finally:
        session.hosts.close()
    now = world()
    found = bids(jobs, offers, session.plugins, known(upon, session.store, cache(size_of)))
    answers = {job.name: _answer(job, offers, found[job.name], now) for job in jobs}
    if options.format == "json":
        print(msgspec.json.encode(answers).decode())
    else:
        show("\n".join("\n".join(_lines(name, answer)) + "\n" for name, answer in answers.items()))
    return Exit.NO_MATCH if any(answer.verdict == "hopeless" for answer in answers.values()) else 0


def _living(session: Session, asked: Sequence[Job], jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs; those that live already with what their guests have published, as when they are placed again.

    `asked` are the same jobs as their specs have them.
    """
    live = session.store.live() if session.home.store.exists() else ()
    specs = {job.name: job for job in asked}
    living = {record.job.name: record.seen for record in live if record.asked == specs.get(record.job.name)}
    return tuple(living.get(job.name, job) for job in jobs)


def _answer(job: Job, offers: Sequence[Offer | Rejection], matches: Matches, now: World) -> Answer:
    fitting = (
        Fit(
            host=each.offer.host.name,
            rank=each.rank,
            cost=each.bid.cost,
            seconds=each.bid.seconds,
            reasons=each.reasons,
        )
        for each in matches.fitting
    )
    return Answer(
        verdict=_verdict(matches),
        fitting=tuple(fitting),
        rejected=matches.rejected,
        analysis=None if matches.fitting else analyse(job, offers, world=now),
    )


def _verdict(matches: Matches) -> str:
    return "fits" if matches.fitting else "hopeless" if matches.hopeless else "waits"


def _lines(name: str, answer: Answer) -> Iterator[str]:
    hosts = format_count(len(answer.fitting) + len(answer.rejected), "host")
    yield f"{name}: {_SENTENCES[answer.verdict].format(fitting=len(answer.fitting), hosts=hosts)}"
    if answer.fitting:
        rows = [
            (f"{each.rank:g}", f"{each.cost:.3g}", f"{each.seconds:.1f}", each.host, "; ".join(each.reasons))
            for each in answer.fitting
        ]
        yield from (f"    {line}" for line in table(("RANK", "COST", "SECONDS", "HOST", "WHY"), rows))
    if answer.rejected:
        yield "    out:"
        yield from (f"        {each.host}: {each.reason}" for each in answer.rejected)
    if answer.analysis:
        yield from _analysed(answer.analysis, hopeless=answer.verdict == "hopeless")


def _analysed(analysis: Analysis, *, hopeless: bool) -> Iterator[str]:
    rows = [
        (str(step.out), str(step.left), f"{step.condition}{f'  ({step.job})' if step.job else ''}")
        for step in analysis.steps
    ]
    yield "    conditions, how many hosts each one puts out, and how many are left after it and those above:"
    yield from (f"        {line}" for line in table(("OUT", "LEFT", "CONDITION"), rows))
    yield from (f"    {each}" for each in analysis.unknown)
    if analysis.advice:
        yield "    any of these would do:" if len(analysis.advice) > 1 else "    this would do:"
        yield from (f"        {_advised(each)}" for each in analysis.advice)
    elif hopeless:
        yield "    no small change would do: name other hosts with --hosts"


def _advised(advice: Advice) -> str:
    some = ", ".join(advice.hosts[:NAMED])
    more = f" and {len(advice.hosts) - NAMED} more" if len(advice.hosts) > NAMED else ""
    return f"{' and '.join(advice.changes)}: then it fits {some}{more}"


NAMED = 5
"""So many hosts are named in a sentence."""

_SENTENCES = {
    "fits": "fits {fitting} of {hosts}",
    "waits": "fits none of {hosts} now; it waits until machines have ended",
    "hopeless": "fits none of {hosts}, and waiting will not help",
}
