"""What matching means, pair by pair: each job and each host is asked by itself, with nothing remembered."""

from __future__ import annotations

import math

from vmf.classad import Match, World, parse

REQUIREMENTS, RANK = parse("MY.Requirements"), parse("MY.Rank")


def fits(job, hosts):
    """Where both requirements are exactly true; who has none does not object."""
    return [_fits(job, host) for host in hosts]


def ranks(job, hosts):
    """The job's rank of each host."""
    return [_number(Match(job, host, World()).evaluate(RANK)) for host in hosts]


def _fits(job, host):
    match = Match(job, host, World())
    ours = "Requirements" not in job or match.evaluate(REQUIREMENTS) is True
    return ours and ("Requirements" not in host or match.evaluate_right(REQUIREMENTS) is True)


def _number(value):
    if not isinstance(value, bool | int | float) or math.isnan(value):
        return 0.0
    return float(value)
