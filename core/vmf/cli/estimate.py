"""`vmf estimate`: what each host asks for a job, best first, what that is made of, and why the others do not bid."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import cache

import msgspec
from msgspec import Struct

from vmf.cli.checks import bids, usable
from vmf.cli.grounds import grounded, seen
from vmf.cli.printed import show, table
from vmf.cli.session import Session, add_format, add_specs
from vmf.errors import Exit
from vmf.match import Matches, Rejection
from vmf.model import Bid
from vmf.run import known, size_of
from vmf.units import format_count


class Estimate(Struct, frozen=True, kw_only=True):
    """What a host asks."""

    host: str
    rank: float
    bid: Bid


class Answer(Struct, frozen=True, kw_only=True):
    """What hosts ask for one job."""

    bids: tuple[Estimate, ...]
    """Best first."""
    rejected: tuple[Rejection, ...]
    """The hosts that do not bid."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf estimate`."""
    add_specs(parser)
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Ask the hosts for each job by itself, as if it were the next one to be placed."""
    session = Session(options)
    jobs, hosts = session.read()
    try:
        with grounded(session, jobs, fetch=False) as (run, upon):
            offers, costs = usable(session.hosts, hosts), known(upon, session.store, cache(size_of))
            found = bids(seen(run, upon), offers, session.plugins, costs)
    finally:
        session.hosts.close()
    answers = {name: _answer(matches) for name, matches in found.items()}
    if options.format == "json":
        print(msgspec.json.encode(answers).decode())
    else:
        show("\n".join("\n".join(_lines(name, answer)) + "\n" for name, answer in answers.items()))
    return Exit.NO_MATCH if any(matches.hopeless for matches in found.values()) else 0


def _answer(matches: Matches) -> Answer:
    fitting = (Estimate(host=each.offer.host.name, rank=each.rank, bid=each.bid) for each in matches.fitting)
    return Answer(bids=tuple(fitting), rejected=matches.rejected)


def _lines(name: str, answer: Answer) -> Iterator[str]:
    hosts = format_count(len(answer.bids) + len(answer.rejected), "host")
    yield f"{name}: {format_count(len(answer.bids), 'bid')} of {hosts}"
    rows = [
        (
            f"{each.rank:g}",
            f"{each.bid.cost:.3g}",
            f"{each.bid.seconds:.1f}",
            each.host,
            "; ".join((*each.bid.cost_of, *each.bid.seconds_of)),
        )
        for each in answer.bids
    ]
    if rows:
        yield from (f"    {line}" for line in table(("RANK", "COST", "SECONDS", "HOST", "MADE OF"), rows))
    if answer.rejected:
        yield "    no bid:"
        yield from (f"        {each.host}: {each.reason}" for each in answer.rejected)
