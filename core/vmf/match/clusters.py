"""Automatic clusters: jobs that no host can tell apart are matched once for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vmf.classad import Ad, Node
from vmf.classad.scope import VALUES
from vmf.match.columns import Columns, Kinds, identity, kinds
from vmf.match.reading import has_special, reading

_JOB, _HOST = 0, 1


def clusters(jobs: Sequence[Ad], hosts: Columns, wants: Iterable[str] = ()) -> Kinds:
    """Jobs whose significant attributes are the same expressions.

    Args:
        jobs: in any order; clusters are numbered as they first appear.
        hosts: those that the jobs are to be matched with.
        wants: attributes that are significant whether or not an expression refers to them.
    """
    if any(map(has_special, jobs)):
        return _alike(jobs, _all_names(jobs))
    names = significant(jobs[:1], hosts, wants)
    while names is not None:
        found = _alike(jobs, names)
        more = significant([jobs[place] for place in found.first.tolist()], hosts, wants)
        if more is not None and more <= names:
            return found
        names = more and more | names
    return _alike(jobs, _all_names(jobs))


def significant(jobs: Sequence[Ad], hosts: Columns, wants: Iterable[str] = ()) -> frozenset[str] | None:
    """Jobs' attributes that a match can depend on, by folded name; None if no text tells, which means all of them.

    These are `Requirements`, `Rank` and `wants`, and what these and the hosts' `Requirements` refer to, directly or
    through other attributes of either side.
    """
    seen = set[tuple[int, str]]()
    waiting = [(_JOB, name) for name in ("requirements", "rank", *wants)] + [(_HOST, "requirements")]
    while waiting:
        side, name = waiting.pop()
        if (side, name) in seen:
            continue
        seen.add((side, name))
        for node in hosts[name].expressions if side == _HOST else _expressions(jobs, name):
            found = reading(node)
            if found.opaque:
                return None
            waiting += [(side, mine) for mine in found.mine] + [(1 - side, theirs) for theirs in found.theirs]
    return frozenset(name for side, name in seen if side == _JOB)


def _expressions(jobs: Sequence[Ad], name: str) -> Iterable[Node]:
    nodes = (job.fields.get(name) for job in jobs)
    return (node for node in nodes if node is not None and not isinstance(node, VALUES))


def _alike(jobs: Sequence[Ad], names: frozenset[str]) -> Kinds:
    order = sorted(names)
    return kinds(identity(list(map(job.fields.get, order))) for job in jobs)


def _all_names(jobs: Sequence[Ad]) -> frozenset[str]:
    return frozenset[str]().union(*{frozenset(job.fields) for job in jobs})
